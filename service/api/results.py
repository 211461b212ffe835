"""Routes of results: a run's change, evidence, trace and cost, more budget for it, and an organisation's audit."""

from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import PlainTextResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from sandbox import Texts
from service import report
from service.api.dependencies import Auditor, Reader, Runner, TheContext, answer
from service.api.runs import location
from service.auth.principal import Principal
from service.errors import refuse
from service.runs.documents import run_document
from service.runs.history import raise_budget
from service.runs.runs import FINAL, RunState, Status
from service.runs.submission import RESUMED
from service.wiring.server import ServerContext

router = APIRouter(prefix="/v1", tags=["results"])
ARTIFACTS = ("plan", "changes", "candidates", "review", "proof", "risk", "answer_markdown", "diff")


async def _standing(at: ServerContext, principal: Principal, run_id: str) -> RunState:
    run = await at.run_of(run_id, principal.org)
    return await at.submission.of(principal.org).standing(run.id)


@router.get("/runs")
async def list_runs(
    principal: Reader, at: TheContext, status: Status | None = None, limit: Annotated[int, Query(ge=1, le=500)] = 50
) -> Response:
    """The newest runs."""
    runs = await at.application.engine.runs.list(org=principal.org, limit=limit, status=status)
    rows: list[dict[str, Any]] = [
        {
            "id": run.id,
            "status": run.status,
            "requester": run.requester,
            "task": run.task.text,
            "repo": run.task.repo,
            "forked_from": run.forked_from,
            "created_at": run.created_at,
            "updated_at": run.updated_at,
        }
        for run in runs
    ]
    return answer({"items": rows})


@router.get("/runs/{run_id}")
async def get(principal: Reader, at: TheContext, run_id: str) -> Response:
    """Everything about a run, in the keys of ``signoff show --json``."""
    return answer(report.as_json(await _standing(at, principal, run_id)))


@router.get("/runs/{run_id}/diff")
async def diff(principal: Reader, at: TheContext, run_id: str, readable: bool = False) -> Response:
    """What it changed so far, as a unified diff: exactly what git applies, or readable for people.

    Files that are not UTF-8 are binary in the first, and in their own characters in the second.
    """
    text = await diff_text(principal, at, run_id, readable=readable)
    return PlainTextResponse(text, media_type="text/x-diff; charset=utf-8")


async def diff_text(principal: Principal, at: ServerContext, run_id: str, *, readable: bool) -> str:
    """The same as text; empty where nothing was changed. Raises ``run_not_found``."""
    standing = await _standing(at, principal, run_id)
    pinned, snapshot = standing.values.get("pinned"), standing.values.get("snapshot")
    if pinned is None or snapshot is None:
        return ""
    text = await at.application.store.diff(standing.run.id, pinned.tree, snapshot.tree)
    if not readable:
        return text
    return await Texts(at.application.store, standing.run.id).diff(pinned.tree, snapshot.tree, text)


@router.get("/runs/{run_id}/evidence")
async def evidence(principal: Reader, at: TheContext, run_id: str) -> Response:
    """What was observed: commands with their exit codes, tests, findings, and the proof on a clean checkout."""
    standing = await _standing(at, principal, run_id)
    values = standing.values
    return answer(
        {
            "run": standing.run.id,
            "evidence": values.get("evidence", ()),
            "findings": values.get("findings", ()),
            "proof": values.get("proof"),
        }
    )


@router.get("/runs/{run_id}/artifacts")
async def artifacts(principal: Reader, at: TheContext, run_id: str) -> Response:
    """Which artefacts there are."""
    document = report.as_json(await _standing(at, principal, run_id))
    return answer(
        {
            "items": [
                {"name": name, "href": f"/v1/runs/{run_id}/artifacts/{name}"}
                for name in ARTIFACTS
                if document.get(name)
            ]
        }
    )


@router.get("/runs/{run_id}/artifacts/{name}")
async def artifact(principal: Reader, at: TheContext, run_id: str, name: str) -> Response:
    """One of them."""
    document = report.as_json(await _standing(at, principal, run_id))
    if name not in ARTIFACTS or not document.get(name):
        raise refuse("item_not_found", f"This run has no artefact {name[:60]!r}.")
    return answer(document[name])


@router.get("/runs/{run_id}/trace")
async def trace(principal: Reader, at: TheContext, run_id: str) -> Response:
    """The run as a tree of spans with durations, tokens and cost."""
    run = await at.run_of(run_id, principal.org)
    return answer((await at.application.spans(run.id)).to_json())


@router.get("/runs/{run_id}/decisions")
async def decisions(
    principal: Reader, at: TheContext, run_id: str, limit: Annotated[int, Query(ge=1, le=1_000)] = 200
) -> Response:
    """Who was asked for it, why, and what came of it; the newest first."""
    run = await at.run_of(run_id, principal.org)
    rows = await at.application.decisions.latest(principal.org, limit=limit, run=run.id)
    return answer({"items": [report.plain(decision) for decision in rows]})


@router.get("/audit")
async def audit(
    principal: Auditor,
    at: TheContext,
    after: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> Response:
    """The organisation's audit chain, oldest first, from behind a sequence number."""
    items: list[dict[str, Any]] = []
    async for line in at.application.audit.export(principal.org):
        if int(line["seq"]) > after:
            items.append(line)
        if len(items) == limit:
            break
    return answer({"items": items, "next": items[-1]["seq"] if len(items) == limit else None})


resuming_router = APIRouter(prefix="/v1/runs", tags=["results"])
Minutes = Annotated[float, Field(gt=0, le=1_000_000)]


class TopUp(BaseModel):
    """New limits of the run; those left out stay as they are."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_steps: int | None = Field(default=None, ge=1, le=1_000_000)
    max_cost: Decimal | None = Field(default=None, ge=0, le=1_000_000)
    max_tokens: int | None = Field(default=None, ge=0, le=10**12)
    max_minutes: Minutes | None = None
    max_sandbox_seconds: Minutes | None = None


@resuming_router.post("/{run_id}/resume")
async def resume(principal: Runner, at: TheContext, run_id: str, limits: TopUp) -> Response:
    """Raise limits of a run and go on with it: one that stands as ``paused_budget``, or was stopped."""
    run = await at.run_of(run_id, principal.org)
    if run.status in FINAL:
        raise refuse("job_state", f"Run {run.id} ended: it is {run.status}.")
    raised: dict[str, Any] = limits.model_dump(exclude_none=True)
    # Before the run is woken: its next turn reads the limits from the row.
    await raise_budget(at.submission.of(principal.org), run, **raised)
    taken = await at.submission.wake(run.id, principal.org, because=RESUMED)
    if taken is None:
        raise refuse("thread_busy", "This run goes on already; the new limits hold from its next call on.")
    return answer(run_document(taken.turn), headers=location(taken.turn, "join"))
