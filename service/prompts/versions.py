"""Versions of prompts: those that the files and Langfuse have now, and every one that a run spoke before."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from sqlalchemy import RowMapping, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from database import fetch_all
from domain import Refused
from models import Prompt
from service.prompts.tables import PROMPT_VERSIONS, insert_new

_V = PROMPT_VERSIONS.c
SHORTEST = 4
"""Characters of a version that name it, where no other one begins so."""


class VersionedPrompt(Protocol):
    """Where one prompt comes from: the files, or Langfuse with the files behind it."""

    async def choices(self, key: str, *, staged: bool = True) -> tuple[Prompt, ...]:
        """What a run may get, best first: where one cannot be filled in, the next one is spoken.

        Args:
            key: the run's id.
            staged: whether the share of the runs that gets the staged version counts.
        """
        ...

    async def versions(self) -> tuple[Prompt, ...]:
        """Every version there is now, the one for production first."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptVersions:
    """Finds the text of a version, also of one that no file has any more."""

    engine: AsyncEngine
    sources: Mapping[str, VersionedPrompt]
    clock: Callable[[], datetime]
    loaded: dict[tuple[str, str], Prompt] = field(default_factory=dict[tuple[str, str], Prompt], repr=False)
    """Those of this process that are in the table."""

    def source(self, name: str) -> VersionedPrompt:
        """Where a prompt comes from. Raises ``prompt_unknown`` for a name that no node has."""
        if name not in self.sources:
            raise Refused(
                f"There is no prompt {name!r}.", code="prompt_unknown", hint=f"There are: {', '.join(self.sources)}."
            )
        return self.sources[name]

    async def all(self, name: str) -> tuple[Prompt, ...]:
        """Every version that is known: those of the source first, then those that were spoken before, the newest first.

        Raises:
            Refused: ``prompt_unknown``.
        """
        here = await self.source(name).versions()
        query = select(PROMPT_VERSIONS).where(_V.name == name).order_by(_V.added_at.desc(), _V.version)
        rows = await fetch_all(self.engine, query, {})
        return (*here, *(_prompt(row) for row in rows if row["version"] not in {each.version for each in here}))

    async def named(self, name: str, version: str) -> Prompt:
        """The version that is, or begins with, ``version``.

        Raises:
            Refused: ``prompt_unknown``: there is none, or several begin so.
        """
        known = {each.version: each for each in reversed(await self.all(name))}
        matching = [each for each in known if len(version) >= SHORTEST and each.startswith(version)]
        if version in known:
            return known[version]
        if len(matching) == 1:
            return known[matching[0]]
        raise Refused(
            f"There is no version {version!r} of {name}, or several begin so.",
            code="prompt_unknown",
            hint=f"See them with: signoff prompts list. There are: {', '.join(known)}"[:500],
        )

    async def in_production(self, name: str) -> Prompt:
        """What the files or Langfuse say is spoken, where nothing was promoted."""
        return (await self.source(name).choices("", staged=False))[0]

    async def stored(self, name: str, version: str) -> Prompt | None:
        """A version of the table; None: it was never spoken."""
        if (name, version) not in self.loaded:
            query = select(PROMPT_VERSIONS).where(_V.name == name, _V.version == version)
            for row in await fetch_all(self.engine, query, {}):
                self.loaded[name, version] = _prompt(row)
        return self.loaded.get((name, version))

    async def keep(self, conn: AsyncConnection, prompt: Prompt) -> None:
        """Have a version in the table, in the caller's transaction."""
        row = {
            "name": prompt.name,
            "version": prompt.version,
            "label": prompt.label,
            "parts": [list(part) for part in prompt.texts],
            "added_at": self.clock(),
        }
        await insert_new(conn, PROMPT_VERSIONS, row)


def _prompt(row: RowMapping) -> Prompt:
    parts = [(speaker, text) for speaker, text in row["parts"]]
    return Prompt.of(parts, name=row["name"], version=row["version"], label=row["label"])
