"""Page for operators: the queue and its dead letters, who works on what, what is warm, and how long things are kept."""

from typing import get_args

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from domain import SignoffError
from service.api import operations
from service.console.pages import PageRoute, page, to
from service.console.session import PATH, ConsoleVisitor, Sent, WritesRuns
from service.errors import refuse
from service.queue.jobs import State, TurnJobs
from service.retention import KEPT

router = APIRouter(prefix=PATH, route_class=PageRoute, include_in_schema=False)
STATES: tuple[State, ...] = get_args(State)


@router.get("/operation")
async def operation(who: WritesRuns, state: str = "") -> Response:
    """How the service works now."""
    return await _operation(who, state)


async def _operation(who: ConsoleVisitor, state: str = "", error: SignoffError | None = None) -> HTMLResponse:
    chosen = next((each for each in get_args(State) if each == state), None)
    jobs = TurnJobs(engine=who.at.database)
    own = who.org == who.at.settings.org
    shelves = who.at.application.pool.shelves if own else ()
    settings = who.at.settings
    return page(
        who,
        "operation.html",
        title="Operation",
        here="operation",
        error=error,
        state=state,
        states=STATES,
        jobs=await jobs.list(who.org, state=chosen, limit=100),
        dead=len(await jobs.list(who.org, state="dead", limit=1_000)),
        working=await jobs.list(who.org, state="working", limit=1_000),
        engine=who.at.dispatch.name,
        started_at=who.at.started_at,
        own=own,
        warm=sum(len(each.warm) for each in shelves),
        starting=sum(len(each.starting) for each in shelves),
        asked_for=sum(len(each.waiting) for each in shelves),
        limits=(
            ("requests a minute, each caller", settings.rate_per_minute),
            ("requests a minute, each address", settings.rate_per_minute_ip),
            ("runs at once in this process", settings.workers),
            ("days that things are kept", settings.keep_days),
            ("seconds of a lease", settings.lease_s),
        ),
        kept=KEPT,
    )


@router.post("/operation")
async def act(who: WritesRuns, form: Sent) -> Response:
    """Do a dead job again, or stop one."""
    try:
        match form.text("do"):
            case "retry":
                await operations.retry(who.principal, who.at, form.text("job", 80))
                return to(f"{PATH}/operation", "retried")
            case "cancel":
                await operations.cancel(who.principal, who.at, form.text("job", 80))
                return to(f"{PATH}/operation", "stopped")
            case _:
                raise refuse("request_invalid", "This form asks for nothing that there is.")
    except SignoffError as no:
        return await _operation(who, error=no)
