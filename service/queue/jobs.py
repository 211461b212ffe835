"""Jobs as an operator sees them: what waits, what works, what died, on either engine."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from sqlalchemy import and_, delete, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from database import reading, writing
from domain import value
from service.errors import refuse
from service.runs.event_log import END, EVENTS
from service.runs.runs import RUNS
from service.runs.turns import OPEN, TURNS, Turn, Turns, turn_of

State = Literal["waiting", "working", "dead", "failed", "stopped", "done"]
STATES: tuple[State, ...] = get_args(State)
_T = TURNS.c
IS_DEAD = and_(_T.status == "error", _T.error_code == "job_dead")
_WHERE = {
    "waiting": _T.status == "pending",
    "working": _T.status == "running",
    "dead": IS_DEAD,
    "failed": and_(_T.status == "error", ~IS_DEAD),
    # A turn that waits for a person is interrupted as well, and done: only a stop has a reason.
    "stopped": and_(_T.status == "interrupted", _T.cancel_reason.is_not(None)),
    "done": and_(_T.status.in_(("success", "interrupted")), _T.cancel_reason.is_(None)),
}


@value
class TurnJob:
    """One turn, as work."""

    id: str
    thread: str
    state: State
    attempts: int
    worker: str | None = None
    """Who holds the run's lease now."""
    code: str | None = None
    error: str | None = None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnJobs:
    """Reads and changes the jobs of an organisation."""

    engine: AsyncEngine

    async def list(self, org: str, *, state: State | None = None, limit: int = 50) -> list[TurnJob]:
        """Newest first."""
        query = select(TURNS, RUNS.c.owner).join(RUNS, RUNS.c.id == _T.thread, isouter=True)
        query = query.where(_T.org == org, *([_WHERE[state]] if state else [])).order_by(_T.seq.desc()).limit(limit)
        async with reading(self.engine) as conn:
            return [_job(turn_of(row), row["owner"]) for row in (await conn.execute(query)).mappings()]

    async def get(self, job: str, org: str) -> TurnJob:
        """The job whose id is, or starts with, ``job``. Raises ``job_not_found``."""
        query = select(TURNS, RUNS.c.owner).join(RUNS, RUNS.c.id == _T.thread, isouter=True)
        query = query.where(_T.org == org, _T.id.startswith(job, autoescape=True)).limit(2)
        async with reading(self.engine) as conn:
            rows = (await conn.execute(query)).mappings().all()
        # Every job begins with nothing.
        if len(rows) != 1 or not job:
            raise refuse("job_not_found", f"There is no one job {job[:64]!r}.")
        return _job(turn_of(rows[0]), rows[0]["owner"])

    async def retry(self, job: str, org: str, *, now: datetime) -> Turn:
        """Have a job that died or failed done again. Raises ``job_not_found``, ``job_state``."""
        queued = await self.get(job, org)
        if queued.state not in {"dead", "failed"}:
            raise refuse("job_state", f"Job {queued.id} is {queued.state}, not dead or failed.")
        fresh = {"status": "pending", "attempts": 0, "error": None, "error_code": None, "updated_at": now}
        async with writing(self.engine) as conn:
            # Only while it is an error: two who retry it at the same moment begin it once.
            mine = update(TURNS).where(_T.id == queued.id, _T.status == "error")
            await conn.execute(mine.values(**fresh))
            # The end of its stream is taken back, or who listens would stop there.
            await conn.execute(delete(EVENTS).where(EVENTS.c.turn == queued.id, EVENTS.c.event == END))
        return await Turns(engine=self.engine).get(queued.id, org)

    async def stoppable(self, job: str, org: str) -> Turn:
        """A job that waits or works. Raises ``job_not_found``, ``job_state``."""
        queued = await self.get(job, org)
        if queued.state not in {"waiting", "working"}:
            raise refuse("job_state", f"Job {queued.id} is {queued.state} already.")
        return await Turns(engine=self.engine).get(queued.id, org)

    async def cancel(self, job: str, org: str, *, now: datetime) -> TurnJob:
        """Stop a job; its thread keeps what was done. Raises ``job_not_found``, ``job_state``."""
        turn = await self.stoppable(job, org)
        await Turns(engine=self.engine).stop(turn, "operator", now=now)
        return await self.get(turn.id, org)


def _job(turn: Turn, owner: str | None) -> TurnJob:
    dead = turn.status == "error" and turn.error_code == "job_dead"
    plain: State = "stopped" if turn.cancel_reason else "done"
    states: dict[str, State] = {"pending": "waiting", "running": "working", "error": "dead" if dead else "failed"}
    return TurnJob(
        id=turn.id,
        thread=turn.thread,
        state=states.get(turn.status, plain),
        attempts=turn.attempts,
        worker=owner if turn.status in OPEN else None,
        code=turn.error_code,
        error=turn.error,
        created_at=turn.created_at,
        updated_at=turn.updated_at,
    )
