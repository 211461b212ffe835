"""Changes of what is spoken: a version promoted, taken back, or left to the files again; each by a person, and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import RowMapping, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from database import fetch_all, writing
from domain import value
from domain.errors import Conflict
from service.prompts.record import PromptRecord
from service.prompts.tables import PROMPT_CANARIES, PROMPT_CHANGES
from service.prompts.versions import PromptVersions

_C, _K = PROMPT_CHANGES.c, PROMPT_CANARIES.c
ChangeVerb = Literal["promoted", "rolled_back", "followed"]
_SAYS: dict[ChangeVerb, str] = {
    "promoted": "new runs speak version {version} from now on; before that, {before}",
    "rolled_back": "rolled back: new runs speak {version} again; before that, {before}",
    "followed": "new runs speak what the files or Langfuse label production; before that, {before}",
}
_ALONE = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 9))")


@value
class PromptChange:
    """One row: who had new runs speak which version, and why."""

    name: str
    verb: ChangeVerb
    version: str
    """Empty: what the files or Langfuse label production."""
    before: str
    changed_by: str
    why: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptChanges:
    """Says which version new runs of an organisation speak. Runs that have begun keep theirs."""

    engine: AsyncEngine
    versions: PromptVersions
    record: PromptRecord

    async def promote(self, org: str, name: str, version: str, *, by: str, why: str = "") -> PromptChange:
        """Have new runs speak a version.

        Raises:
            Refused: ``prompt_unknown``, ``prompt_current``.
        """
        prompt, standard = await self.versions.named(name, version), await self.versions.in_production(name)
        async with writing(self.engine) as conn:
            await lock(conn, org, name)
            promoted = await self._newest(conn, org, name)
            if promoted is not None and promoted.version == prompt.version:
                raise Conflict(
                    f"New runs speak version {prompt.version} of {name} already.",
                    code="prompt_current",
                    hint="See what is spoken: signoff prompts list",
                )
            # Both texts: who rolls back later gets this one, whatever the file says by then.
            before = (promoted.version if promoted else "") or standard.version
            for each in (prompt, standard):
                await self.versions.keep(conn, each)
            return await self._change(conn, org, name, "promoted", prompt.version, before, by, why)

    async def roll_back(self, org: str, name: str, *, by: str, why: str = "") -> PromptChange:
        """Have new runs speak what they spoke before the last change that is still in force.

        Raises:
            Refused: ``prompt_unknown``, ``prompt_no_earlier``.
        """
        self.versions.source(name)
        async with writing(self.engine) as conn:
            await lock(conn, org, name)
            rows = await conn.execute(select(PROMPT_CHANGES).where(_C.org == org, _C.name == name).order_by(_C.id))
            spoken = earlier([_change(row) for row in rows.mappings()])
            if len(spoken) < 2:  # noqa: PLR2004  what is spoken, and what was before it
                raise Conflict(
                    f"Nothing was spoken before the present version of {name}.",
                    code="prompt_no_earlier",
                    hint="Promote another one: signoff prompts promote NAME VERSION",
                )
            return await self._change(conn, org, name, "rolled_back", spoken[-2], spoken[-1], by, why)

    async def follow(self, org: str, name: str, *, by: str, why: str = "") -> PromptChange:
        """Have new runs speak what the files or Langfuse label production, also when that changes.

        Raises:
            Refused: ``prompt_unknown``, ``prompt_current``.
        """
        self.versions.source(name)
        async with writing(self.engine) as conn:
            await lock(conn, org, name)
            promoted = await self._newest(conn, org, name)
            if promoted is None or not promoted.version:
                raise Conflict(
                    f"New runs speak what the files or Langfuse have for {name} already.",
                    code="prompt_current",
                    hint="See what is spoken: signoff prompts list",
                )
            return await self._change(conn, org, name, "followed", "", promoted.version, by, why)

    async def history(self, org: str, name: str = "") -> Sequence[PromptChange]:
        """Every change of a prompt, or of all, the newest first."""
        query = select(PROMPT_CHANGES).where(_C.org == org).order_by(_C.id.desc())
        rows = await fetch_all(self.engine, query.where(_C.name == name) if name else query, {})
        return [_change(row) for row in rows]

    async def current(self, org: str, name: str, *, at: datetime | None = None) -> str:
        """The version that was promoted last, by a moment; empty: what the files or Langfuse label production."""
        query = select(_C.version).where(_C.org == org, _C.name == name).order_by(_C.id.desc()).limit(1)
        rows = await fetch_all(self.engine, query.where(_C.at <= at) if at is not None else query, {})
        return str(rows[0]["version"]) if rows else ""

    async def _newest(self, conn: AsyncConnection, org: str, name: str) -> PromptChange | None:
        query = select(PROMPT_CHANGES).where(_C.org == org, _C.name == name).order_by(_C.id.desc()).limit(1)
        row = (await conn.execute(query)).mappings().first()
        return None if row is None else _change(row)

    async def _change(  # noqa: PLR0917
        self, conn: AsyncConnection, org: str, name: str, verb: ChangeVerb, version: str, before: str, by: str, why: str
    ) -> PromptChange:
        now = self.record.clock()
        change = PromptChange(name=name, verb=verb, version=version, before=before, changed_by=by, why=why, at=now)
        row = {"name": name, "verb": verb, "version": version, "before": before, "changed_by": by, "why": why}
        await conn.execute(insert(PROMPT_CHANGES).values(org=org, at=now, **row))
        # A canary compares with what was spoken when it began: it says nothing about another version.
        running = (_K.org == org, _K.name == name, _K.state == "running")
        ended = {"reason": f"version {version} was promoted" if version else "the files are followed"}
        await conn.execute(
            update(PROMPT_CANARIES)
            .where(*running, _K.version == version)
            .values(state="promoted", ended_by=by, ended_at=now, **ended)
        )
        await conn.execute(
            update(PROMPT_CANARIES).where(*running).values(state="ended", ended_by=by, ended_at=now, **ended)
        )
        says = _SAYS[verb].format(version=version or "what the files have", before=before or "what the files have")
        await self.record.write(
            conn,
            verb,
            org=org,
            name=name,
            version=version,
            headline=f"Prompt {name}: {says}.",
            actor=by,
            why=why,
        )
        return change


def earlier(changes: Sequence[PromptChange]) -> list[str]:
    """What was spoken one after the other and is not taken back, the present version last."""
    spoken: list[str] = []
    for change in changes:
        if change.verb == "rolled_back":
            del spoken[-1:]
        else:
            spoken += [] if spoken else [change.before]
            spoken.append(change.version)
    return spoken


async def lock(conn: AsyncConnection, org: str, name: str) -> None:
    """Have changes and canaries of a prompt one after the other until the transaction ends; SQLite's are anyway."""
    if conn.dialect.name == "postgresql":
        await conn.execute(_ALONE, {"name": f"{org}\n{name}"})


def _change(row: RowMapping) -> PromptChange:
    return PromptChange(**{key: row[key] for key in row if key not in {"id", "org"}})
