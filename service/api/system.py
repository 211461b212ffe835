"""Is it there, is it ready, what is it."""

from importlib.metadata import version
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response
from sqlalchemy import func, select, text

from approvals import reading
from service.api.caller import Auditor, TheOffice
from service.refusals import refuse
from service.runs import RUNS

router = APIRouter(tags=["system"])


@router.get("/ok")
async def ok() -> dict[str, bool]:
    """The process answers."""
    return {"ok": True}


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """For a liveness probe."""
    return {"status": "ok"}


@router.get("/readyz", response_model=None)
async def readyz(at: TheOffice) -> Response:
    """For a readiness probe: the database answers."""
    async with reading(at.database) as conn:
        await conn.execute(text("SELECT 1"))
    return JSONResponse({"status": "ready"})


@router.get("/info")
async def info(at: TheOffice) -> dict[str, Any]:
    """What LangGraph's clients want to know of a server."""
    return {
        "version": version("signoff"),
        "langgraph_py_version": version("langgraph"),
        "flags": {"assistants": True, "crons": False, "langsmith": False},
        "metadata": {"engine": at.dispatch.name, "approvals_mode": at.house.people.mode},
    }


@router.get("/metrics", response_model=None)
async def metrics(who: Auditor, at: TheOffice) -> Response:
    """Prometheus' text format. The numbers are those of everybody, so only the server's own organisation reads them."""
    if who.org != at.settings.org:
        raise refuse("scope_missing", f"The server's numbers are for auditors of the organisation {at.settings.org!r}.")
    async with reading(at.database) as conn:
        counted = await conn.execute(select(RUNS.c.status, func.count()).group_by(RUNS.c.status))
        runs = {str(row[0]): int(row[1]) for row in counted}
    page, kind = await at.house.metrics_page(runs)
    return Response(page, media_type=kind)
