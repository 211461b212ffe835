"""What a run came to: its change, its evidence, its trace, its cost; and the audit of an organisation."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import PlainTextResponse, Response

from sandbox import Texts
from service import report
from service.api.caller import Auditor, Reader, TheOffice, answer
from service.engine import Standing
from service.office import Office
from service.refusals import refuse
from service.runs import Run, Status
from service.who import Who

router = APIRouter(prefix="/v1", tags=["results"])
ARTIFACTS = ("plan", "changes", "candidates", "review", "proof", "risk", "answer_markdown", "diff")


async def _standing(at: Office, who: Who, run_id: str) -> Standing:
    run = await at.run_of(run_id, who.org)
    return await at.reception.of(who.org).standing(run.id)


def _row(run: Run) -> dict[str, Any]:
    return {
        "id": run.id,
        "status": run.status,
        "requester": run.requester,
        "task": run.task.text,
        "repo": run.task.repo,
        "forked_from": run.forked_from,
        "created_at": run.created_at,
        "updated_at": run.updated_at,
    }


@router.get("/runs")
async def list_runs(
    who: Reader, at: TheOffice, status: Status | None = None, limit: Annotated[int, Query(ge=1, le=500)] = 50
) -> Response:
    """The newest runs."""
    found = await at.house.engine.runs.list(org=who.org, limit=limit, status=status)
    return answer({"items": [_row(run) for run in found]})


@router.get("/runs/{run_id}")
async def get(who: Reader, at: TheOffice, run_id: str) -> Response:
    """Everything about a run, in the keys of ``signoff show --json``."""
    return answer(report.as_json(await _standing(at, who, run_id)))


@router.get("/runs/{run_id}/diff")
async def diff(who: Reader, at: TheOffice, run_id: str, readable: bool = False) -> Response:
    """What it changed so far, as a unified diff: exactly what git applies, or readable for people.

    Files that are not UTF-8 are binary in the first, and in their own characters in the second.
    """
    standing = await _standing(at, who, run_id)
    pinned, snapshot = standing.values.get("pinned"), standing.values.get("snapshot")
    text = ""
    if pinned is not None and snapshot is not None:
        text = await at.house.store.diff(standing.run.id, pinned.tree, snapshot.tree)
        if readable:
            text = await Texts(at.house.store, standing.run.id).diff(pinned.tree, snapshot.tree, text)
    return PlainTextResponse(text, media_type="text/x-diff; charset=utf-8")


@router.get("/runs/{run_id}/evidence")
async def evidence(who: Reader, at: TheOffice, run_id: str) -> Response:
    """What was observed: commands with their exit codes, tests, findings, and the proof on a clean checkout."""
    standing = await _standing(at, who, run_id)
    kept = standing.values
    return answer({"run": standing.run.id, "evidence": kept.get("evidence", ()), "findings": kept.get("findings", ()),
                   "proof": kept.get("proof")})  # fmt: skip


@router.get("/runs/{run_id}/artifacts")
async def artifacts(who: Reader, at: TheOffice, run_id: str) -> Response:
    """Which artefacts there are."""
    made = report.as_json(await _standing(at, who, run_id))
    return answer({"items": [{"name": name, "href": f"/v1/runs/{run_id}/artifacts/{name}"}
                             for name in ARTIFACTS if made.get(name)]})  # fmt: skip


@router.get("/runs/{run_id}/artifacts/{name}")
async def artifact(who: Reader, at: TheOffice, run_id: str, name: str) -> Response:
    """One of them."""
    made = report.as_json(await _standing(at, who, run_id))
    if name not in ARTIFACTS or not made.get(name):
        raise refuse("item_not_found", f"This run has no artefact {name[:60]!r}.")
    return answer(made[name])


@router.get("/runs/{run_id}/trace")
async def trace(who: Reader, at: TheOffice, run_id: str) -> Response:
    """The run as a tree of spans with durations, tokens and cost."""
    run = await at.run_of(run_id, who.org)
    return answer((await at.house.spans(run.id)).to_json())


@router.get("/runs/{run_id}/decisions")
async def decisions(
    who: Reader, at: TheOffice, run_id: str, limit: Annotated[int, Query(ge=1, le=1_000)] = 200
) -> Response:
    """Who was asked for it, why, and what came of it; the newest first."""
    run = await at.run_of(run_id, who.org)
    found = await at.house.decisions.latest(who.org, limit=limit, run=run.id)
    return answer({"items": [report.plain(decision) for decision in found]})


@router.get("/audit")
async def audit(
    who: Auditor,
    at: TheOffice,
    after: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> Response:
    """The organisation's audit chain, oldest first, from behind a sequence number."""
    items: list[dict[str, Any]] = []
    async for line in at.house.audit.export(who.org):
        if int(line["seq"]) > after:
            items.append(line)
        if len(items) == limit:
            break
    return answer({"items": items, "next": items[-1]["seq"] if len(items) == limit else None})
