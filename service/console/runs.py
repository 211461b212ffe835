"""Pages of runs: the list with filters, the form that starts one, and two of them beside each other."""

import asyncio
from typing import Annotated, Any, get_args

from fastapi import APIRouter, Query
from fastapi.responses import Response
from sqlalchemy import and_, or_
from sqlalchemy.sql.elements import ColumnElement

from domain import SignoffError
from domain.work import Delivery, Profile
from service.console.pages import PageRoute, page, to
from service.console.run import change_of, standing_of
from service.console.session import PATH, ConsoleVisitor, ReadsRuns, Sent, WritesRuns
from service.errors import refuse
from service.runs.requests import RunAsk
from service.runs.runs import RUNS, Run, Status

router = APIRouter(prefix=PATH, route_class=PageRoute, include_in_schema=False)
PAGE = 50
STATUSES: tuple[str, ...] = get_args(Status)
Words = Annotated[str, Query(max_length=200)]
FIELDS = ("text", "repo", "base", "accept", "deliver", "strategy", "expert")
"""Of the form; those of them that are filled in are those of a task."""


@router.get("/runs")
async def list_runs(
    who: ReadsRuns, status: str = "", requester: Words = "", words: Words = "", after: Words = ""
) -> Response:
    """The newest runs, those that a filter lets through, from behind one on."""
    if status and status not in STATUSES:
        raise refuse("request_invalid", f"There is no status {status[:40]!r}.", hint="Choose one of the list.")
    runs = who.at.application.engine.runs
    behind = await runs.exactly(after, org=who.org) if after else None
    found = await runs.list(
        org=who.org,
        limit=PAGE + 1,
        status=next((each for each in get_args(Status) if each == status), None),
        where=narrowed(requester.strip(), words.strip(), behind),
    )
    kept = {"status": status, "requester": requester, "words": words}
    return page(
        who,
        "runs.html",
        title="Runs",
        here="runs",
        runs=found[:PAGE],
        following=found[PAGE - 1].id if len(found) > PAGE else "",
        statuses=STATUSES,
        chosen=kept,
        filters={name: text for name, text in kept.items() if text},
    )


def narrowed(requester: str, words: str, behind: Run | None) -> list[ColumnElement[bool]]:
    """SQL: runs of a person, with words in their task or repository, and older than one."""
    c = RUNS.c
    where = [c.requester == requester] if requester else []
    where += [c.task.contains(words, autoescape=True)] if words else []
    if behind is not None:
        at = behind.created_at
        where.append(or_(c.created_at < at, and_(c.created_at == at, c.id < behind.id)))
    return where


@router.get("/start")
async def start_form(who: WritesRuns) -> Response:
    """A form for a task."""
    return _form(who, {"repo": who.at.settings.default_repo or ""})


def _form(who: ConsoleVisitor, filled: dict[str, Any], error: SignoffError | None = None) -> Response:
    experts = sorted(each.id for each in who.at.application.catalogue.experts)
    empty = dict.fromkeys((*FIELDS, "profile"), "")
    return page(
        who,
        "start.html",
        title="Start a run",
        here="runs",
        error=error,
        filled=empty | filled,
        experts=experts,
        deliveries=get_args(Delivery),
        profiles=get_args(Profile),
    )


@router.post("/start")
async def start(who: WritesRuns, form: Sent) -> Response:
    """Start a run of this person."""
    task = {name: form.text(name) for name in FIELDS if form.text(name)}
    profile = form.text("profile")
    assistant = "coding-packages" if profile == "packages" else "coding"
    try:
        ask = RunAsk(assistant_id=assistant, input={"task": task}, stream_mode=["custom"])
        # Recorded from its first event to its last, whoever has it go on: that is what the timeline shows.
        taken = await who.at.submission.take(who.principal, ask, None, protocol=True)
    except SignoffError as no:
        return _form(who, {**task, "profile": profile}, no)
    return to(f"{PATH}/runs/{taken.turn.thread}")


@router.get("/compare")
async def compare(who: ReadsRuns, run: Annotated[list[str] | None, Query()] = None) -> Response:
    """Two runs beside each other: what was asked, what it took, the proof, and the files that they changed."""
    if len(run or []) != 2:  # noqa: PLR2004  that is what a comparison is of
        raise refuse("request_invalid", "Choose two runs.", hint="Mark two in the list.")
    both = await asyncio.gather(*(_compared(who, each) for each in run or []))
    return page(who, "compare.html", title="Two runs", here="runs", both=both)


async def _compared(who: ConsoleVisitor, run_id: str) -> dict[str, Any]:
    standing = await standing_of(who, run_id)
    values = standing.values
    return {
        "run": standing.run,
        "task": values.get("task", standing.run.task),
        "ending": standing.run.ending or values.get("ending"),
        "plan": values.get("plan"),
        "spent": values.get("spent"),
        "proof": values.get("proof"),
        "change": await change_of(who, standing.run.id),
    }
