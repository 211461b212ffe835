"""Go on with a run whose budget is spent: raise the limits and start it again, in one request."""

from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from service.api.caller import Runner, TheOffice, answer
from service.api.following import location
from service.documents import run_document
from service.history import raise_budget
from service.refusals import refuse
from service.runs import FINAL
from service.waking import RESUMED

router = APIRouter(prefix="/v1/runs", tags=["results"])
Minutes = Annotated[float, Field(gt=0, le=1_000_000)]


class TopUp(BaseModel):
    """New limits of the run; those left out stay as they are."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_steps: int | None = Field(default=None, ge=1, le=1_000_000)
    max_cost: Decimal | None = Field(default=None, ge=0, le=1_000_000)
    max_tokens: int | None = Field(default=None, ge=0, le=10**12)
    max_minutes: Minutes | None = None
    max_sandbox_seconds: Minutes | None = None


@router.post("/{run_id}/resume")
async def resume(who: Runner, at: TheOffice, run_id: str, limits: TopUp) -> Response:
    """Raise limits of a run and go on with it: one that stands as ``paused_budget``, or was stopped."""
    run = await at.run_of(run_id, who.org)
    if run.status in FINAL:
        raise refuse("job_state", f"Run {run.id} ended: it is {run.status}.")
    given: dict[str, Any] = limits.model_dump(exclude_none=True)
    await raise_budget(at.reception.of(who.org), run, **given)
    taken = await at.reception.wake(run.id, who.org, because=RESUMED)
    if taken is None:
        raise refuse("thread_busy", "This run goes on already; the new limits hold from its next call on.")
    return answer(run_document(taken.turn), headers=location(taken.turn, "join"))
