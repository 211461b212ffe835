"""Canaries: a share of new runs speaks another version of a prompt, until that is worse beyond chance or had enough.

    running → stopped | passed | promoted | ended

A run's arm is drawn by its id, once, when it first speaks the prompt. Its outcome is counted once, as it stands when
the run first comes to rest, and is read from its row. Both happen under the lock of the canary's row, so that any
number of workers may draw and count.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal
from uuid import uuid4

from sqlalchemy import RowMapping, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from database import fetch_all, writing
from domain import Refused, value
from domain.errors import Conflict, Missing
from models import Prompt
from service.prompts.changes import PromptChanges, lock
from service.prompts.sequential import ALPHA, ArmCounts, is_worse, log_evidence
from service.prompts.tables import PROMPT_CANARIES, PROMPT_RUNS, insert_new
from service.runs.runs import FINAL, RUNS, Status

CanaryState = Literal["running", "stopped", "passed", "promoted", "ended"]
SUCCEEDED: Final[frozenset[Status]] = frozenset({"delivered", "nothing_to_do"})
FAILED: Final[frozenset[Status]] = frozenset({"failed", "rejected", "paused_budget"})
"""A run whose budget is spent delivered nothing for it, whatever is made of it later."""
AT_REST: Final[frozenset[Status]] = FINAL | FAILED
LARGEST_SHARE: Final = 0.9
_K, _R = PROMPT_CANARIES.c, PROMPT_RUNS.c
_COUNTS: Final = ("candidate_successes", "candidate_failures", "current_successes", "current_failures")


@value
class Canary:
    """One row."""

    id: str
    org: str
    name: str
    version: str
    against: str
    """The current version, which it is compared with."""
    share: float
    most_runs: int | None
    """Runs that speak the candidate at most."""
    state: CanaryState
    reason: str
    started_by: str
    why: str
    started_at: datetime
    ended_by: str
    ended_at: datetime | None
    drawn: int
    """Runs that were given the candidate."""
    counts: ArmCounts

    @property
    def log_evidence(self) -> float:
        """See ``sequential.log_evidence``."""
        return log_evidence(self.counts, self.share)

    @property
    def compared(self) -> str:
        """How both versions fared, in words."""
        ours, theirs = self.counts, self.against
        return (
            f"{ours.candidate_successes} of its {ours.candidate} runs succeeded, and {ours.current_successes} of "
            f"{ours.current} with {theirs}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Canaries:
    """Starts canaries, draws the arms of runs, counts outcomes, and stops what is worse."""

    engine: AsyncEngine
    changes: PromptChanges

    async def start(
        self, org: str, name: str, version: str, *, share: float, most_runs: int | None = None, by: str, why: str = ""
    ) -> Canary:
        """Give a share of new runs another version than the current one.

        Raises:
            Refused: ``prompt_unknown``; ``prompt_current``: it is the current one; ``canary_running``: there is one
                already; ``canary_share_invalid``.
        """
        if not 0 < share <= LARGEST_SHARE or (most_runs is not None and most_runs < 1):
            raise Refused(
                "A canary gets more than none and at most 90 % of the runs, and one run at least.",
                code="canary_share_invalid",
                hint="Ten percent of the runs, fifty at most: --share 10 --max-runs 50",
            )
        versions = self.changes.versions
        prompt = await versions.named(name, version)
        current = await self.changes.current(org, name)
        against = await versions.stored(name, current) if current else None
        against = against or await versions.in_production(name)
        if prompt.version == against.version:
            raise Conflict(
                f"Version {prompt.version} of {name} is the current one.",
                code="prompt_current",
                hint="A canary compares another version with it: signoff prompts list",
            )
        now = self.changes.record.clock()
        row = {"id": uuid4().hex[:12], "org": org, "name": name, "version": prompt.version, "against": against.version}
        row |= {"share": share, "most_runs": most_runs, "state": "running", "reason": "", "started_by": by, "why": why}
        row |= {"started_at": now, "ended_by": "", "ended_at": None, "drawn": 0, **dict.fromkeys(_COUNTS, 0)}
        try:
            async with writing(self.engine) as conn:
                await lock(conn, org, name)
                for each in (prompt, against):
                    await versions.keep(conn, each)
                await conn.execute(insert(PROMPT_CANARIES).values(**row))
                canary = _canary(row)
                limit = f", {most_runs} at most" if most_runs is not None else ""
                headline = (
                    f"Canary of prompt {name}: {share:.0%} of new runs{limit} speak version {prompt.version} instead "
                    f"of {against.version}."
                )
                await self._record(conn, "canary_started", canary, headline, actor=by, why=why)
        except IntegrityError:
            raise Conflict(
                f"A canary of {name} is running already.",
                code="canary_running",
                hint=f"Promote its version, or end it: signoff prompts canary {name} --end",
            ) from None
        return canary

    async def end(self, org: str, name: str, *, by: str, why: str = "") -> Canary:
        """Give new runs the current version only, before the canary has come to anything. Raises ``canary_unknown``."""
        async with writing(self.engine) as conn:
            await lock(conn, org, name)
            query = select(PROMPT_CANARIES).where(_K.org == org, _K.name == name, _K.state == "running")
            row = (await conn.execute(query.with_for_update())).mappings().first()
            if row is None:
                raise Missing(
                    f"No canary of {name} is running.",
                    code="canary_unknown",
                    hint="See them with: signoff prompts canaries",
                )
            return await self._close(conn, _canary(row), "ended", "a person ended it", by=by, why=why)

    async def list(self, org: str, *, name: str = "") -> Sequence[Canary]:
        """All canaries of an organisation, or of one prompt, the newest first."""
        query = select(PROMPT_CANARIES).where(_K.org == org).order_by(_K.started_at.desc(), _K.id)
        return [
            _canary(row) for row in await fetch_all(self.engine, query.where(_K.name == name) if name else query, {})
        ]

    async def running(self, org: str, name: str, *, at: datetime) -> Canary | None:
        """The canary that a run which began at this moment is drawn for."""
        query = select(PROMPT_CANARIES).where(
            _K.org == org, _K.name == name, _K.state == "running", _K.started_at <= at
        )
        rows = await fetch_all(self.engine, query, {})
        return _canary(rows[0]) if rows else None

    async def draw(self, canary: Canary, run: str) -> str | None:
        """Draw the version of a run, once; None: the canary is over, or has given away all that it may."""
        async with writing(self.engine) as conn:
            now = await self._counted(conn, canary.id)
            if now is None or now.state != "running" or (now.most_runs is not None and now.drawn >= now.most_runs):
                return None
            candidate = drawn(now.id, run) < now.share
            version = now.version if candidate else now.against
            row = {"run": run, "name": now.name, "org": now.org, "version": version, "canary": now.id}
            if not await insert_new(conn, PROMPT_RUNS, {**row, "at": self.changes.record.clock()}):
                return None  # another process drew for it, and that counts
            if candidate:
                await conn.execute(update(PROMPT_CANARIES).where(_K.id == now.id).values(drawn=_K.drawn + 1))
            return version

    async def unspeakable(self, canary: Canary, run: str, spoken: Prompt) -> None:
        """A version could not be filled in, and the run speaks another one: a defect, which needs no statistics."""
        async with writing(self.engine) as conn:
            now = await self._counted(conn, canary.id)
            mine = (_R.run == run, _R.name == canary.name)
            await self.changes.versions.keep(conn, spoken)
            await conn.execute(update(PROMPT_RUNS).where(*mine).values(version=spoken.version, canary=None))
            if now is not None and now.state == "running":
                await self._close(conn, now, "stopped", "one of its versions cannot be filled in")

    async def count(self, id_: str) -> None:
        """Count the runs of a canary that came to rest, and stop it if it is worse."""
        async with writing(self.engine) as conn:
            await self._counted(conn, id_)

    async def count_all(self) -> None:
        """The same for every canary that is running, of every organisation."""
        query = select(_K.id).where(_K.state == "running")
        for row in await fetch_all(self.engine, query, {}):
            await self.count(str(row["id"]))

    async def _counted(self, conn: AsyncConnection, id_: str) -> Canary | None:
        """The canary as it stands once every run that came to rest is counted; its row is locked from here on."""
        row = (
            (await conn.execute(select(PROMPT_CANARIES).where(_K.id == id_).with_for_update())).mappings().one_or_none()
        )
        if row is None or row["state"] != "running":
            return None if row is None else _canary(row)
        rested = (
            select(_R.run, _R.version, RUNS.c.status)
            .join(RUNS, RUNS.c.id == _R.run)
            .where(_R.canary == id_, _R.outcome.is_(None), RUNS.c.status.in_(AT_REST))
        )
        fresh = Counter[str]()
        for run, version, status in (await conn.execute(rested)).all():
            outcome = "success" if status in SUCCEEDED else "failure" if status in FAILED else "left_out"
            await conn.execute(update(PROMPT_RUNS).where(_R.run == run, _R.name == row["name"]).values(outcome=outcome))
            if outcome != "left_out":
                arm = "candidate" if version == row["version"] else "current"
                fresh[f"{arm}_{'successes' if outcome == 'success' else 'failures'}"] += 1
        counts = {name: row[name] + fresh[name] for name in _COUNTS}
        await conn.execute(update(PROMPT_CANARIES).where(_K.id == id_).values(**counts))
        canary = _canary({**row, **counts})
        if is_worse(canary.counts, canary.share):
            return await self._close(conn, canary, "stopped", f"worse beyond chance: {canary.compared}")
        if canary.most_runs is None or canary.drawn < canary.most_runs:
            return canary
        waiting = select(func.count()).where(_R.canary == id_, _R.version == canary.version, _R.outcome.is_(None))
        if (await conn.execute(waiting)).scalar_one():
            return canary
        return await self._close(conn, canary, "passed", f"not worse beyond chance: {canary.compared}")

    async def _close(
        self, conn: AsyncConnection, canary: Canary, state: CanaryState, reason: str, *, by: str = "", why: str = ""
    ) -> Canary:
        ending: dict[str, Any] = {"state": state, "reason": reason, "ended_by": by}
        ending["ended_at"] = self.changes.record.clock()
        await conn.execute(update(PROMPT_CANARIES).where(_K.id == canary.id).values(**ending))
        next_ = {
            "passed": f"It may be promoted: signoff prompts promote {canary.name} {canary.version}",
            "stopped": f"New runs speak {canary.against} again.",
        }.get(state, f"New runs speak {canary.against}.")
        why_so = f"{reason[:1].upper()}{reason[1:]}"
        headline = f"Canary of prompt {canary.name}, version {canary.version}: {state}. {why_so}. {next_}"
        verb = "canary_passed" if state == "passed" else "canary_stopped" if state == "stopped" else "canary_ended"
        await self._record(conn, verb, canary, headline, actor=by, why=why or reason)
        return _canary({**_row(canary), **ending})

    async def _record(
        self,
        conn: AsyncConnection,
        verb: Literal["canary_started", "canary_stopped", "canary_passed", "canary_ended"],
        canary: Canary,
        headline: str,
        *,
        actor: str = "",
        why: str = "",
    ) -> None:
        await self.changes.record.write(
            conn,
            verb,
            org=canary.org,
            name=canary.name,
            version=canary.version,
            headline=headline,
            actor=actor,
            why=why,
        )


def drawn(canary: str, run: str) -> float:
    """Where a run falls between 0 and 1: the same in every process, and for every canary anew."""
    return int.from_bytes(hashlib.sha256(f"{canary}\n{run}".encode()).digest()[:8], "big") / 2**64


def document(canary: Canary) -> dict[str, Any]:
    """A canary as JSON of the command and of the API."""
    return {**_row(canary), "log_evidence": round(canary.log_evidence, 4), "alpha": ALPHA}


def _row(canary: Canary) -> dict[str, Any]:
    plain = {name: getattr(canary, name) for name in PROMPT_CANARIES.c.keys() if name not in _COUNTS}  # noqa: SIM118
    return plain | {name: getattr(canary.counts, name) for name in _COUNTS}


def _canary(row: RowMapping | dict[str, Any]) -> Canary:
    fields: dict[str, Any] = {str(key): cell for key, cell in row.items()}
    counts = ArmCounts(**{name: fields.pop(name) for name in _COUNTS})
    return Canary(**fields, counts=counts)
