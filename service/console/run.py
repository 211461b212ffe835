"""Page of a run: where it stands, its timeline, plan, candidates, proof and change, and what people can do with it."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response, StreamingResponse

from approvals import Ballot
from database import now
from domain import Plan, SignoffError
from domain.coder import CoderTurn
from domain.work import ready
from service import report
from service.api import results
from service.api.runs import until
from service.console.diffs import Change, commented, read_diff
from service.console.inbox import comments_of, diff_told, file_part
from service.console.pages import HEADERS, PageRoute, page, part, to
from service.console.plan_graph import plan_graph, states_of
from service.console.session import PATH, ConsoleVisitor, Form, ReadsRuns, Sent
from service.console.timeline import Timeline
from service.errors import refuse
from service.runs.event_log import HEARTBEAT
from service.runs.history import Moment, fork, moments
from service.runs.requests import RunAsk
from service.runs.runs import FINAL, Run, RunState
from service.runs.threads import Thread

router = APIRouter(prefix=f"{PATH}/runs", route_class=PageRoute, include_in_schema=False)
MACHINE = ("receive", "plan", "execute", "observe", "replan", "review", "approve", "deliver")
"""Nodes of the graph in the order in which they are drawn (docs/state-machine.svg has their arrows)."""
AT_STEPS = frozenset({"execute", "observe"})
"""Nodes at which a step of the plan is worked on."""
MOST_OUTPUT = 20_000
"""Characters of one command's output on a page."""


async def standing_of(who: ConsoleVisitor, run_id: str) -> RunState:
    """How a run stands. Raises ``run_not_found``, ``thread_not_found``."""
    run = await who.at.run_of(run_id, who.org)
    return await who.at.submission.of(who.org).standing(run.id)


async def change_of(who: ConsoleVisitor, run: str) -> Change:
    """What a run changed so far, as people read it."""
    text = await results.diff_text(who.principal, who.at, run, readable=True)
    return await asyncio.to_thread(read_diff, text)


async def stands(who: ConsoleVisitor, standing: RunState) -> dict[str, Any]:
    """What a template needs to show where a run is and what it waits for."""
    ballot: Ballot | None = None
    if standing.ballot and who.may("approvals:read"):
        ballot = await who.at.application.ballots.get(standing.ballot, who.org)
    values = standing.values
    unfinished = await who.at.turns.unfinished(standing.run.id)
    return {
        "run": standing.run,
        "task": values.get("task", standing.run.task),
        "ending": standing.run.ending or values.get("ending"),
        "machine": MACHINE,
        "at_node": standing.next[0] if standing.next and standing.run.status not in FINAL else "",
        "been": _been(values),
        "ballot": ballot,
        "question": standing.question,
        "working": bool(unfinished),
        "final": standing.run.status in FINAL,
        **_planned(standing),
        "spent": values.get("spent"),
        "delivered": values.get("delivered"),
    }


def _planned(standing: RunState) -> dict[str, Any]:
    """The plan, its drawing, and how each step stands."""
    values, final = standing.values, standing.run.status in FINAL
    plan: Plan | None = values.get("plan")
    if plan is None:
        return {"plan": None}
    done, team = values.get("done", ()), values.get("team")
    alone = team is None and standing.next and standing.next[0] in AT_STEPS
    # The only coder takes the first step that may begin.
    at = next((step.id for step in ready(plan, done)), "") if alone else ""
    states = states_of(plan, done, team, at=at, final=final)
    return {"plan": plan, "plan_graph": plan_graph(plan), "step_states": states}


def _been(values: Mapping[str, Any]) -> set[str]:
    """Nodes that have been there, as far as the state tells."""
    signs = {
        "receive": "pinned",
        "plan": "plan",
        "execute": "attempts",
        "observe": "evidence",
        "review": "proof",
        "approve": "ballot",
        "deliver": "delivered",
    }
    been = {node for node, name in signs.items() if values.get(name)}
    return been | ({"replan"} if values.get("round") else set())


@router.get("/{run_id}")
async def show(who: ReadsRuns, run_id: str, view: str = "unified") -> Response:
    """Everything about a run."""
    return await _page(who, await standing_of(who, run_id), view)


async def _page(who: ConsoleVisitor, standing: RunState, view: str = "", error: SignoffError | None = None) -> Response:
    run = standing.run
    entries, earlier = await Timeline(at=who.at, thread=run.id, org=who.org).newest()
    return await asyncio.to_thread(  # a change of thousands of lines takes a while to be written
        page,
        who,
        "run.html",
        title=f"Run {run.id[:8]}: {run.status.replace('_', ' ')}",
        here="runs",
        error=error,
        **await stands(who, standing),
        **await _outcome(who, standing, view),
        moments=await _steps(who, run),
        budget=run.task.budget,
        entries=entries,
        earlier=entries[0].place if earlier else "",
        after=entries[-1].place if entries else "0-0",
    )


async def _outcome(who: ConsoleVisitor, standing: RunState, view: str) -> dict[str, Any]:
    """What a run came to so far, for a template."""
    names = ("choices", "findings", "evidence", "turns")
    values: Mapping[str, Any] = standing.values
    return {
        **{name: values.get(name, ()) for name in names},
        **diff_told(await change_of(who, standing.run.id), f"{PATH}/runs/{standing.run.id}", view),
        "proof": values.get("proof"),
        "most": MOST_OUTPUT,
    }


async def _steps(who: ConsoleVisitor, run: Run) -> list[Moment]:
    return await moments(who.at.submission.of(who.org), run.id) if who.may("runs:write") else []


@router.get("/{run_id}/outcome")
async def outcome(who: ReadsRuns, run_id: str, view: str = "") -> Response:
    """What it came to, looked at again."""
    standing = await standing_of(who, run_id)
    told = await _outcome(who, standing, view)
    return await asyncio.to_thread(part, who, "outcome.html", run=standing.run, **told)


@router.get("/{run_id}/actions")
async def possible(who: ReadsRuns, run_id: str) -> Response:
    """What can be done with it, looked at again."""
    standing = await standing_of(who, run_id)
    run = standing.run
    told = {"moments": await _steps(who, run), "budget": run.task.budget, "address": f"{PATH}/runs/{run.id}"}
    return part(who, "actions.html", **await stands(who, standing), **told)


@router.get("/{run_id}/standing")
async def stands_now(who: ReadsRuns, run_id: str) -> Response:
    """Where it is, looked at again."""
    return part(who, "standing.html", **await stands(who, await standing_of(who, run_id)))


@router.get("/{run_id}/earlier")
async def earlier(who: ReadsRuns, run_id: str, before: str) -> Response:
    """Entries before a place."""
    run = await who.at.run_of(run_id, who.org)
    entries, more = await Timeline(at=who.at, thread=run.id, org=who.org).newest(before)
    return part(who, "earlier.html", run=run, entries=entries, earlier=entries[0].place if more and entries else "")


@router.get("/{run_id}/events")
async def events(who: ReadsRuns, run_id: str, after: str = "") -> StreamingResponse:
    """What comes, as server-sent events: entries of the timeline behind a place."""
    run = await who.at.run_of(run_id, who.org)
    last = who.request.headers.get("last-event-id", "") or after
    timeline = Timeline(at=who.at, thread=run.id, org=who.org)

    async def told() -> AsyncGenerator[bytes]:
        yield HEARTBEAT
        async with aclosing(timeline.follow(last)) as entries:
            async for entry in entries:
                yield HEARTBEAT if entry is None else entry.frame

    headers = {**HEADERS, "x-accel-buffering": "no"}
    return StreamingResponse(until(who.request.app.state.stopping, told()), 200, headers, "text/event-stream")


@router.get("/{run_id}/diff")
async def diff_of_file(
    who: ReadsRuns,
    run_id: str,
    file: Annotated[int, Query(ge=0)],
    view: str = "unified",
    first: Annotated[int, Query(ge=0)] = 0,
) -> Response:
    """The rows of one file of the change."""
    run = await who.at.run_of(run_id, who.org)
    return await file_part(who, await change_of(who, run.id), file, first, f"{PATH}/runs/{run.id}", view)


@router.get("/{run_id}/patch")
async def patch(who: ReadsRuns, run_id: str) -> Response:
    """The change as a file that ``git apply`` takes."""
    run = await who.at.run_of(run_id, who.org)
    answer = await results.diff(who.principal, who.at, run.id)
    name = f'attachment; filename="{run.id[:64]}.patch"'
    return Response(answer.body, media_type="text/x-diff", headers={**HEADERS, "content-disposition": name})


@router.get("/{run_id}/turns/{step}/{number}")
async def turn(who: ReadsRuns, run_id: str, step: str, number: int) -> Response:
    """One turn of the coder: its thought, its action with all parameters, and what it was told."""
    values = (await standing_of(who, run_id)).values
    known: list[CoderTurn] = [*values.get("turns", ())]
    known += [each for loop in values.get("loops", ()) for each in loop.turns]
    known += [each.turn for each in values.get("attempts", ()) if each.turn is not None]
    match = next((each for each in reversed(known) if (each.step, each.number) == (step, number)), None)
    return part(who, "coder_turn.html", turn=match, action=report.plain(match.action) if match and match.action else {})


@router.post("/{run_id}")
async def act(who: ReadsRuns, form: Sent, run_id: str) -> Response:
    """Say something to it, stop it, go on with it, fork it."""
    run = await who.at.run_of(run_id, who.org)
    try:
        # A person of any of these roles may stop for good; everything else takes the scope of those who run things.
        if form.text("do") != "kill":
            who.principal.need("runs:write")
        return to(*await _done(who, form, run))
    except SignoffError as no:
        return await _page(who, await standing_of(who, run.id), error=no)


async def _done(who: ConsoleVisitor, form: Form, run: Run) -> tuple[str, str]:
    """Where to look next, and what was done."""
    here = f"{PATH}/runs/{run.id}"
    match form.text("do"):
        case "say":
            return here, await _say(who, form, run)
        case "stop":
            # From the newest on: one that waits must not begin because the one before it ended.
            for unfinished in reversed(await who.at.turns.unfinished(run.id)):
                await who.at.dispatch.stop(unfinished, "interrupt", "user")
            return here, "stopped"
        case "kill":
            await who.at.submission.kill(who.principal, run)
            return here, "killed"
        case "resume":
            raised = {name: form.text(name) for name in results.TopUp.model_fields if form.text(name)}
            try:
                limits = results.TopUp.model_validate(raised)
            except ValueError:
                raise refuse("request_invalid", "A limit is a number.", hint="Leave it empty to keep it.") from None
            await results.resume(who.principal, who.at, run.id, limits)
            return here, "resumed"
        case "fork":
            step = form.text("step", 9)
            new = await fork(who.at.submission.of(who.org), run, int(step) if step.isdecimal() else -1)
            moment = now()
            about = {"copied_from": run.id, "created_by": who.principal.subject, "graph_id": "coding"}
            thread = Thread(id=new.id, org=who.org, created_at=moment, updated_at=moment, metadata=about)
            # The fork wrote its run before: the id is taken, by us.
            await who.at.threads.add(thread, of_run=True)
            await who.at.submission.take(who.principal, RunAsk(stream_mode=["custom"]), new.id, protocol=True)
            return f"{PATH}/runs/{new.id}", "resumed"
        case _:
            raise refuse("request_invalid", "This form asks for nothing that there is.")


async def _say(who: ConsoleVisitor, form: Form, run: Run) -> str:
    """Words to the agent, with comments on lines: an answer to its question, or what it does next."""
    words = form.text("wish")
    if comments := comments_of(form):
        remarks = await asyncio.to_thread(commented, await change_of(who, run.id), comments)
        words = "\n\n".join(filter(None, [words, remarks]))
    if not words:
        raise refuse("request_invalid", "There are no words.", hint="Write what you want, or comment on lines.")
    standing = await standing_of(who, run.id)
    ask = RunAsk(input={"messages": [{"role": "user", "content": words}]}, stream_mode=["custom"])
    await who.at.submission.take(who.principal, ask, run.id, protocol=True)
    return "answered" if standing.question else "refined"
