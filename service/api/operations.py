"""Routes for operators: health, readiness, metrics, the jobs of the queue, and what an organisation used."""

import json
from collections.abc import AsyncGenerator
from importlib.metadata import version
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from sqlalchemy import text

from database import now, reading
from service import usage
from service.api.dependencies import Auditor, Reader, Runner, TheContext, answer
from service.api.metrics_listener import metrics_response
from service.errors import refuse
from service.queue.jobs import State, TurnJobs
from service.wiring.plans import payers

router = APIRouter(tags=["system"])


@router.get("/ok")
async def ok() -> dict[str, bool]:
    """The process answers."""
    return {"ok": True}


@router.get("/healthz")
@router.get("/health", include_in_schema=False)
async def healthz() -> dict[str, str]:
    """For a liveness probe; the second name is the one that Aegra's deployments probe."""
    return {"status": "ok"}


@router.get("/readyz", response_model=None)
async def readyz(at: TheContext) -> Response:
    """For a readiness probe: the database answers."""
    # Raises, and so answers 503, when it does not.
    async with reading(at.database) as conn:
        await conn.execute(text("SELECT 1"))
    return JSONResponse({"status": "ready"})


@router.get("/info")
async def info(at: TheContext) -> dict[str, Any]:
    """What LangGraph's clients want to know of a server."""
    return {
        "version": version("signoff"),
        "langgraph_py_version": version("langgraph"),
        "flags": {"assistants": True, "crons": True, "langsmith": False},
        "metadata": {"engine": at.dispatch.name, "approvals_mode": at.application.people.mode},
    }


@router.get("/metrics", response_model=None)
async def metrics(principal: Auditor, at: TheContext) -> Response:
    """Prometheus' text format. The numbers are those of everybody, so only the server's own organisation reads them."""
    if principal.org != at.settings.org:
        raise refuse("scope_missing", f"The server's numbers are for auditors of the organisation {at.settings.org!r}.")
    return await metrics_response(at)


jobs_router = APIRouter(prefix="/v1/jobs", tags=["jobs"])


@jobs_router.get("")
async def list_jobs(
    principal: Runner, at: TheContext, state: State | None = None, limit: Annotated[int, Query(ge=1, le=1_000)] = 50
) -> Response:
    """The newest jobs of the caller's organisation; ``state=dead`` gives the dead letters."""
    return answer({"items": await TurnJobs(engine=at.database).list(principal.org, state=state, limit=limit)})


@jobs_router.get("/{job_id}")
async def show(principal: Runner, at: TheContext, job_id: str) -> Response:
    """One job: how often it was begun, who works on it, what went wrong. The beginning of an id is enough."""
    return answer(await TurnJobs(engine=at.database).get(job_id, principal.org))


@jobs_router.post("/{job_id}/retry")
async def retry(principal: Runner, at: TheContext, job_id: str) -> Response:
    """Do a job again that died or failed, from where its thread stands."""
    jobs = TurnJobs(engine=at.database)
    turn = await jobs.retry(job_id, principal.org, now=now())
    await at.dispatch.submit(turn)
    return answer(await jobs.get(turn.id, principal.org), 202)


@jobs_router.post("/{job_id}/cancel")
async def cancel(principal: Runner, at: TheContext, job_id: str) -> Response:
    """Stop a job that waits or works. Its thread keeps what was done and can go on later."""
    jobs = TurnJobs(engine=at.database)
    turn = await jobs.stoppable(job_id, principal.org)
    await at.dispatch.stop(turn, "interrupt", "operator")
    return answer(await jobs.get(turn.id, principal.org))


usage_router = APIRouter(prefix="/v1/usage", tags=["usage"])
Moment = Annotated[str | None, Query(max_length=40, description="24h, 7d, a date or a time.")]


@usage_router.get("")
async def used(
    principal: Reader,
    at: TheContext,
    by: Annotated[
        str, Query(max_length=20, description="model, run, user, day, role, tier, strategy, outcome, repository")
    ] = ("model"),
    since: Moment = None,
    until: Moment = None,
    run: Annotated[str | None, Query(max_length=200)] = None,
    format: Annotated[str, Query(max_length=10, description="json or csv")] = "json",  # noqa: A002  the query's name
) -> Response:
    """Calls, tokens, money and saving of the caller's organisation. By person it takes ``audit:read``."""
    group = usage.grouped(by)
    if group == "user":
        principal.need("audit:read")
    during, catalogue = usage.period(since, until, now=at.application.board.now()), at.application.catalogue
    runs = at.application.engine.runs
    summary = await usage.used(
        at.application.decisions, runs, catalogue, principal.org, by=group, during=during, run=run
    )
    document: dict[str, Any] = usage.document(summary, catalogue, by=group, during=during, org=principal.org)
    return (
        PlainTextResponse(usage.table(document["rows"]), media_type="text/csv") if format == "csv" else answer(document)
    )


@usage_router.get("/events")
async def events(principal: Auditor, at: TheContext, since: Moment = None, until: Moment = None) -> StreamingResponse:
    """Events for a billing meter, one JSON object a line."""
    during = usage.period(since, until, now=at.application.board.now())

    customers = await payers(at.application.plans)

    async def lines() -> AsyncGenerator[bytes]:
        async for event in usage.events(at.application.decisions, principal.org, during, customers):
            yield json.dumps(event).encode() + b"\n"

    return StreamingResponse(lines(), media_type="application/x-ndjson")
