"""Jobs over HTTP, as ``signoff jobs`` shows them: what waits, what works, what died, and doing it again."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from service.api.caller import Runner, TheOffice, answer
from service.jobs import Jobs, State
from service.wiring import now

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])


@router.get("")
async def list_jobs(
    who: Runner, at: TheOffice, state: State | None = None, limit: Annotated[int, Query(ge=1, le=1_000)] = 50
) -> Response:
    """The newest jobs of the caller's organisation; ``state=dead`` gives the dead letters."""
    return answer({"items": await Jobs(engine=at.database).list(who.org, state=state, limit=limit)})


@router.get("/{job_id}")
async def show(who: Runner, at: TheOffice, job_id: str) -> Response:
    """One job: how often it was begun, who works on it, what went wrong. The beginning of an id is enough."""
    return answer(await Jobs(engine=at.database).get(job_id, who.org))


@router.post("/{job_id}/retry")
async def retry(who: Runner, at: TheOffice, job_id: str) -> Response:
    """Do a job again that died or failed, from where its thread stands."""
    jobs = Jobs(engine=at.database)
    turn = await jobs.retry(job_id, who.org, now=now())
    await at.dispatch.submit(turn)
    return answer(await jobs.get(turn.id, who.org), 202)


@router.post("/{job_id}/cancel")
async def cancel(who: Runner, at: TheOffice, job_id: str) -> Response:
    """Stop a job that waits or works. Its thread keeps what was done and can go on later."""
    jobs = Jobs(engine=at.database)
    turn = await jobs.stoppable(job_id, who.org)
    await at.dispatch.stop(turn, "interrupt", "operator")
    return answer(await jobs.get(turn.id, who.org))
