"""A model that leaves a row for every call: who was asked, why, and what came of it (D3)."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from domain import SignoffError, value
from models.contract import Heard, Message, Model, Reply, Settings, Usage
from models.decisions import STOPPED, Decision, Decisions
from models.metering import metered

T = TypeVar("T")


@value
class Why:
    """What is known about a choice before the call."""

    org: str
    run: str = ""
    user: str = ""
    role: str = ""
    kind: str = ""
    tier: str = ""
    strategy: str = ""
    candidates: tuple[str, ...] = ()
    choice: str = ""
    """Who is asked; empty: whoever answers."""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """Record each call with ``why`` (asked anew each time: it depends on who is asking)."""

    model: Model
    decisions: Decisions
    why: Callable[[], Why]
    clock: Callable[[], datetime]

    @property
    def name(self) -> str:
        return self.model.name

    async def ask(
        self, messages: Sequence[Message], answer: type[T], *, settings: Settings, heard: Heard | None = None
    ) -> Reply[T]:
        """See ``Model.ask``."""
        started, why = time.monotonic(), self.why()
        asked, outcome = why.choice or self.name, STOPPED
        with metered() as tab:
            try:
                reply = await self.model.ask(messages, answer, settings=settings, heard=heard)
                outcome, asked = "answered", why.choice or reply.model
                if reply.model not in {asked, ""}:
                    why = replace(why, reason=f"{why.reason} It answered as {reply.model}.")
            except SignoffError as error:
                outcome = error.stable_code
                raise
            finally:  # also when nobody waits for the answer any more: what was used until then is in the books
                await asyncio.shield(self._record(why, asked, tab.usage, started, outcome))
        return reply

    async def _record(self, why: Why, choice: str, used: Usage, started: float, outcome: str) -> None:
        guessed = f" {used.estimated} tokens are an estimate: it did not count them." if used.estimated else ""
        await self.decisions.record(
            Decision(
                at=self.clock(), org=why.org, run=why.run, user=why.user, role=why.role, kind=why.kind, tier=why.tier,
                strategy=why.strategy, candidates=why.candidates, choice=choice, reason=f"{why.reason}{guessed}",
                tokens_in=used.tokens_in, tokens_out=used.tokens_out, tokens_cached=used.tokens_cached, cost=used.cost,
                latency_ms=(time.monotonic() - started) * 1_000, outcome=outcome,
            )
        )  # fmt: skip
