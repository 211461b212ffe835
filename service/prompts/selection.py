"""Selection of the version that a run speaks: decided when it first does, written down, and kept until it ends.

What was promoted when the run began counts, and a canary that ran by then; what changes while it works is for later
runs. A fork speaks what the run spoke that it was made of.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import structlog
from sqlalchemy import and_, bindparam, select, update
from sqlalchemy.exc import SQLAlchemyError

from database import fetch_all, write_one, writing
from domain import Broken, SignoffError, Spent
from models import Message, Prompt
from service.prompts.canaries import AT_REST, Canaries, Canary
from service.prompts.changes import PromptChanges
from service.prompts.outcomes import PromptOutcomes
from service.prompts.tables import PROMPT_RUNS, insert_new
from service.prompts.versions import PromptVersions
from service.runs.runs import RUNS, RunState

MOST_KEPT: Final = 4_000
"""Runs whose prompts a process remembers; those of the others are read again."""
NANO: Final = 10**9
"""Money is kept in whole billionths."""
_R = PROMPT_RUNS.c
_PARENT = PROMPT_RUNS.alias("parent")
_NAME = bindparam("name")
_RUN = (
    select(
        RUNS.c.org, RUNS.c.created_at, RUNS.c.forked_from, _R.version.label("own"), _PARENT.c.version.label("inherited")
    )
    .select_from(RUNS)
    .outerjoin(PROMPT_RUNS, and_(_R.run == RUNS.c.id, _R.name == _NAME))
    .outerjoin(_PARENT, and_(_PARENT.c.run == RUNS.c.forked_from, _PARENT.c.name == _NAME))
    .where(RUNS.c.id == bindparam("run"))
)


@dataclass(frozen=True, slots=True)
class _Chosen:
    """What a run may speak, best first, and the canary that it is drawn for."""

    org: str
    prompts: Sequence[Prompt]
    canary: Canary | None = None
    written: bool = False
    """It stands in the table already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPrompts:
    """Chooses, writes down and keeps the versions of an installation's runs."""

    canaries: Canaries
    org: str
    """Of runs that have no row: those of another server."""
    kept: OrderedDict[str, dict[str, Prompt]] = field(default_factory=OrderedDict[str, dict[str, Prompt]], repr=False)
    """By run and name."""

    @property
    def changes(self) -> PromptChanges:
        """What people promote and take back."""
        return self.canaries.changes

    @property
    def versions(self) -> PromptVersions:
        """The texts."""
        return self.canaries.changes.versions

    @property
    def outcomes(self) -> PromptOutcomes:
        """What came of each version."""
        return PromptOutcomes(engine=self.canaries.engine)

    @property
    def sources(self) -> "Mapping[str, RunPrompt]":
        """Every prompt by its name, as nodes take them."""
        return {name: RunPrompt(name=name, runs=self) for name in self.versions.sources}

    async def render(self, name: str, run: str, values: Mapping[str, Any]) -> tuple[Message, ...]:
        """Fill in a run's version. Raises ``prompt_value_missing``."""
        if (prompt := self.kept.get(run, {}).get(name)) is not None:
            try:
                return prompt.render(**values)
            except Broken:  # with these values not: it is asked for, with what stands behind it
                return _spoken((prompt, *await self._choices(name, run)), values)[1]
        chosen = await self._chosen(name, run)
        prompt, messages = _spoken(chosen.prompts, values)
        if not chosen.written:
            by_another = await self._write(chosen.org, run, prompt)
            if by_another is not None:
                prompt, messages = _spoken((by_another, prompt), values)
        elif chosen.canary is not None and prompt is not chosen.prompts[0]:
            await self.canaries.unspeakable(chosen.canary, run, prompt)
        self.kept.setdefault(run, {})[name] = prompt
        while len(self.kept) > MOST_KEPT:
            self.kept.popitem(last=False)
        return messages

    async def rested(self, state: RunState) -> None:
        """Write what a run came to beside the versions that it spoke, and have its canaries count it."""
        run, spent = state.run, state.values.get("spent")
        here = self.kept.pop(run.id, None)
        # One that only this process worked on, and that spoke nothing, has no rows.
        if run.status not in AT_REST or (here is None and run.generation <= 1) or not isinstance(spent, Spent):
            return
        statement = (
            update(PROMPT_RUNS)
            .where(_R.run == run.id)
            .values(
                turns=spent.steps,
                cost_nano=int(spent.cost * NANO),
                seconds=max(0.0, (run.updated_at - run.created_at).total_seconds() - spent.waited_seconds),
            )
            .returning(_R.canary)
        )
        try:
            rows = (await write_one(self.canaries.engine, statement, {})).rows
            for canary in {str(row["canary"]) for row in rows if row["canary"]}:
                await self.canaries.count(canary)
        except (SQLAlchemyError, SignoffError) as error:
            # The run has ended as it has; maintenance counts it, and its numbers are left out.
            structlog.get_logger("signoff.prompts").warning(
                "outcome of prompts not kept", run=run.id, error=type(error).__name__
            )

    async def _chosen(self, name: str, run: str) -> _Chosen:
        rows = await fetch_all(self.canaries.engine, _RUN, {"run": run, "name": name})
        row = rows[0] if rows else None
        changes, org = self.changes, str(row["org"]) if row else self.org
        version = row["own"] if row else await self._version(name, run)
        if version is not None:
            return _Chosen(org, await self._texts(name, run, version), written=True)
        if row and row["inherited"]:
            return _Chosen(org, await self._texts(name, run, row["inherited"]))
        began: datetime = row["created_at"] if row else changes.record.clock()
        # Of a run without a row nobody learns how it ended; a fork begins with what another version made.
        compared = row is not None and not row["forked_from"]
        canary = await self.canaries.running(org, name, at=began) if compared else None
        if canary is not None:
            version = await self.canaries.draw(canary, run) or await self._version(name, run)
            if version is not None:
                return _Chosen(org, await self._texts(name, run, version, canary.against), canary, written=True)
        promoted = await changes.current(org, name, at=began)
        choices = await self._choices(name, run, staged=True)
        if not promoted or choices[0].label == "staging":
            return _Chosen(org, choices)
        return _Chosen(org, await self._texts(name, run, promoted))

    async def _texts(self, name: str, run: str, *versions: str) -> Sequence[Prompt]:
        """The texts of versions, and behind them what is spoken where none of them can be filled in."""
        stored = [await self.versions.stored(name, version) for version in versions]
        return (*filter(None, stored), *await self._choices(name, run))

    async def _choices(self, name: str, run: str, *, staged: bool = False) -> Sequence[Prompt]:
        return await self.versions.source(name).choices(run, staged=staged)

    async def _version(self, name: str, run: str) -> str | None:
        query = select(_R.version).where(_R.run == run, _R.name == name)
        rows = await fetch_all(self.canaries.engine, query, {})
        return str(rows[0]["version"]) if rows else None

    async def _write(self, org: str, run: str, prompt: Prompt) -> Prompt | None:
        """Write down what a run speaks; the other version where another process did so before."""
        versions, name = self.versions, prompt.name
        row = {"run": run, "name": name, "org": org, "version": prompt.version, "canary": None}
        async with writing(self.canaries.engine) as conn:
            if (name, prompt.version) not in versions.loaded:
                await versions.keep(conn, prompt)
            first = await insert_new(conn, PROMPT_RUNS, {**row, "at": self.changes.record.clock()})
        versions.loaded.setdefault((name, prompt.version), prompt)
        if first:
            return None
        version = await self._version(name, run)
        return None if version in {None, prompt.version} else await versions.stored(name, version or "")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPrompt:
    """One prompt, in the version of each run: a ``PromptSource``."""

    name: str
    runs: RunPrompts

    async def render(self, key: str, /, **values: object) -> tuple[Message, ...]:
        """See ``PromptSource.render``."""
        return await self.runs.render(self.name, key, values)


def _spoken(prompts: Sequence[Prompt], values: Mapping[str, Any]) -> tuple[Prompt, tuple[Message, ...]]:
    """The first that can be filled in, filled in. Raises ``prompt_value_missing`` where none can."""
    *better, last = prompts
    for prompt in better:
        try:
            return prompt, prompt.render(**values)
        except Broken as error:
            structlog.get_logger("signoff.prompts").warning(
                "prompt version not spoken", prompt=prompt.name, version=prompt.version, why=error.message[:300]
            )
    return last, last.render(**values)
