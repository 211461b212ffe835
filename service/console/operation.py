"""Page for operators: the queue and its dead letters, who works on what, what is warm, and how long things are kept."""

import asyncio
from contextlib import suppress
from typing import Any, get_args

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from domain import SignoffError
from service.api import operations
from service.console.pages import PageRoute, page, part, to
from service.console.session import PATH, ConsoleVisitor, Sent, WritesRuns
from service.errors import refuse
from service.queue.jobs import State, TurnJobs
from service.retention import KEPT
from service.runs.runs import RUNS
from service.wiring.caches import Caches
from service.wiring.readings import ENGINE_S, checks
from service.wiring.sandboxes import docker_of

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
    buckets = who.at.application.pool.by_spec if own else ()
    settings = who.at.settings
    held = await who.at.application.engine.runs.list(org=who.org, limit=200, where=[RUNS.c.owner.is_not(None)])
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
        engine=who.at.dispatch.name,
        started_at=who.at.started_at,
        leases=sorted(held, key=lambda each: (each.lease_until or each.updated_at, each.id)),
        own=own,
        pool=who.at.application.pool.counts,
        buckets=buckets,
        limits=(
            ("requests a minute, each caller", settings.rate_per_minute),
            ("requests a minute, each address", settings.rate_per_minute_ip),
            ("runs at once in this process", settings.workers),
            ("days that things are kept", settings.keep_days),
            ("seconds of a lease", settings.lease_s),
        ),
        kept=KEPT,
    )


@router.get("/operation/machine")
async def machine(who: WritesRuns) -> Response:
    """What takes longer to look at: how the installation stands, its caches, the containers of its engine."""
    if who.org != who.at.settings.org:
        raise refuse("scope_missing", "The numbers of the machine are for those who operate it.")
    application = who.at.application
    docker = docker_of(application.settings)
    health, caches = await asyncio.gather(checks(application), Caches(application=application).report())
    containers = None  # the engine does not answer
    with suppress(SignoffError, TimeoutError):
        async with asyncio.timeout(ENGINE_S):
            containers = await docker.held() if docker is not None else ()
    asked = application.metrics.cache_requests()
    told: dict[str, Any] = {
        "health": health,
        "caches": [(each, asked.get(each.kind, {"hit": 0, "miss": 0})) for each in caches],
        "docker": docker is not None,
        "containers": containers,
    }
    if who.request.headers.get("hx-request") == "true":
        return part(who, "machine.html", **told)
    return page(who, "machine_page.html", title="The machine", here="operation", **told)


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
