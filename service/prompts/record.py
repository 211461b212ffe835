"""Record of what changed about prompts: a line in the audit, and letters to those who are told, in one transaction."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, Protocol, cast, get_args

from sqlalchemy.ext.asyncio import AsyncConnection

from approvals import Announcement, AuditFact, PromptTopic
from approvals.storage import Journal, post

Verb = Literal[
    "promoted", "rolled_back", "followed", "canary_started", "canary_stopped", "canary_passed", "canary_ended"
]
_TOPICS: Final = frozenset(get_args(PromptTopic))


class Announcements(Protocol):
    """Who is told what."""

    def announced(self, letter: Announcement) -> Sequence[str]:
        """Names of those who want this letter."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptRecord:
    """Writes both inside the transaction of the change: neither is there without the other."""

    audit: Journal
    told: Announcements
    clock: Callable[[], datetime]

    async def write(
        self,
        conn: AsyncConnection,
        verb: Verb,
        *,
        org: str,
        name: str,
        version: str,
        headline: str,
        actor: str = "",
        why: str = "",
    ) -> None:
        """Keep who did what and why. ``actor`` is empty where nobody did it; ``headline`` has words of ours only."""
        now, topic = self.clock(), f"prompt.{verb}"
        object_ = f"prompt:{name}@{version}" if version else f"prompt:{name}"
        fact = AuditFact(at=now, org=org, actor=actor, verb=topic, object=object_, note=why)
        await self.audit.append(conn, fact)
        if topic not in _TOPICS:
            return
        letter = Announcement(
            topic=cast("PromptTopic", topic),
            org=org,
            title=headline,
            facts={"prompt": name, "version": version},
            at=now,
        )
        for endpoint in self.told.announced(letter):
            await post(conn, letter, org=org, at=now, endpoint=endpoint)
