"""Inbox: what waits for this person, gravest and oldest first; one question in full, or several, and their answers.

Every answer goes through ``Voting``, as those of every other surface do. The page says what somebody else decided
in the meantime, and an answer that comes too late changes nothing.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse, Response
from pydantic import TypeAdapter, ValidationError

from approvals import Ballot, Decision, Terms, Voting, canonical, parts, read_resume, refusal, visible
from approvals.channels import hidden_in
from approvals.storage import latest
from domain import TIERS, Action, SignoffError
from service.console.diffs import Change, commented, read_diff, two_sides
from service.console.pages import PageRoute, page, part, to
from service.console.session import PATH, ConsoleVisitor, Form, ReadsApprovals, Sent
from service.errors import refuse

router = APIRouter(prefix=PATH, route_class=PageRoute, include_in_schema=False)
MOST = 500
"""Questions in an inbox; with more of them, the gravest of the newest."""
SEVERAL = 20
"""Questions on one page to be answered together: all of each is shown."""
Lists = Annotated[str, Query(pattern="^(mine|open|decided)$")]
_ACTION = TypeAdapter(Action)


async def waiting(who: ConsoleVisitor, *, mine: bool) -> list[Ballot]:
    """What waits, gravest and oldest first; what was left to this person before what is left to others."""
    found: list[Ballot] = []
    cursor = ""
    voter = who.principal.voter("page") if mine else None
    while len(found) < MOST:
        batch = await who.at.application.ballots.list(who.org, state="pending", mine=voter, cursor=cursor, limit=200)
        found += batch.items
        if not (cursor := batch.next_cursor):
            break
    own = who.principal.subject
    return sorted(
        found[:MOST],
        key=lambda each: (each.handed_to not in {"", own}, -TIERS.index(each.tier), each.created_at, each.id),
    )


@router.get("/")
async def inbox(who: ReadsApprovals, show: Lists = "mine", cursor: str = "") -> Response:
    """What waits."""
    return page(who, "inbox.html", title="Inbox", here="inbox", **await _listed(who, show, cursor))


@router.get("/inbox")
async def rows(who: ReadsApprovals, show: Lists = "mine", cursor: str = "") -> Response:
    """The list alone, looked at again."""
    return part(who, "inbox_rows.html", **await _listed(who, show, cursor))


async def _listed(who: ConsoleVisitor, show: str, cursor: str) -> dict[str, Any]:
    if show != "decided":
        return {"ballots": await waiting(who, mine=show == "mine"), "show": show, "next_cursor": ""}
    ballots, found = who.at.application.ballots, list[Ballot]()
    # Decided ones have any of nine states: what is open is left out of each page here.
    batch = await ballots.list(who.org, cursor=cursor, limit=50)
    found = [each for each in batch.items if each.state != "pending"]
    return {"ballots": found, "show": show, "next_cursor": batch.next_cursor}


@router.get("/approvals/{approval_id}")
async def one(who: ReadsApprovals, approval_id: str, view: str = "unified") -> Response:
    """One question in full: looking at it decides nothing."""
    return await _one(who, await who.at.application.ballots.get(approval_id, who.org), view)


async def _one(
    who: ConsoleVisitor, ballot: Ballot, view: str = "unified", error: SignoffError | None = None
) -> HTMLResponse:
    change = await asyncio.to_thread(read_diff, ballot.diff)
    newest = await latest(who.at.application.ballots, ballot.id, who.org) if ballot.state == "superseded" else None
    people = who.at.application.people
    colleagues = [
        each
        for each in sorted(await who.at.keys.people(who.org))
        if each not in {who.principal.subject, *ballot.shaped_by}
        and not set(await people.roles(who.org, each)).isdisjoint(ballot.requirement.roles)
    ]
    return await asyncio.to_thread(  # a change of thousands of lines takes a while to be written
        page,
        who,
        "approval.html",
        title=f"{ballot.action.tool}: {ballot.state}",
        here="inbox",
        error=error,
        **shown(ballot),
        **diff_told(change, f"{PATH}/approvals/{ballot.id}", view),
        newest=newest,
        colleagues=colleagues,
        editable=_editable(ballot),
    )


def shown(ballot: Ballot) -> dict[str, Any]:
    """What a template needs to show a question in full."""
    return {
        "ballot": ballot,
        "parts": parts(ballot.action),
        "canonical": visible(canonical(ballot.action).decode()),
        "hidden": hidden_in(replace(ballot, diff="")),
        "grantable": Terms() if ballot.action.tool == "shell" and ballot.tier == "high" else None,
    }


def diff_told(change: Change, address: str, view: str) -> dict[str, Any]:
    """What a template needs to show a change file by file."""
    view = view if view == "split" else "unified"
    return {"change": change, "address": address, "view": view, "two_sides": two_sides}


def _editable(ballot: Ballot) -> dict[str, str]:
    """What of an action can be edited: the message of a delivery, the commands of a change."""
    arguments = ballot.action.arguments
    match ballot.action.tool, arguments.get("message"), arguments.get("commands"):
        case "shell", _, list() as commands:
            return {"commands": "\n".join(str(each) for each in commands)}
        case "branch" | "commit" | "pr" | "patch" | "deploy", str() as message, _:
            return {"message": message}
        case _:
            return {}


@router.get("/approvals/{approval_id}/diff")
async def diff_of_file(
    who: ReadsApprovals,
    approval_id: str,
    file: Annotated[int, Query(ge=0)],
    view: str = "unified",
    first: Annotated[int, Query(ge=0)] = 0,
) -> Response:
    """The rows of one file of what is asked."""
    ballot = await who.at.application.ballots.get(approval_id, who.org)
    change = await asyncio.to_thread(read_diff, ballot.diff)
    return await file_part(who, change, file, first, f"{PATH}/approvals/{ballot.id}", view)


async def file_part(who: ConsoleVisitor, change: Change, file: int, first: int, address: str, view: str) -> Response:
    """Rows of one file from one on. Raises ``item_not_found``."""
    if file >= len(change.files):
        raise refuse("item_not_found", "This change has no such file.", hint="Load the page again.")
    told = diff_told(change, address, view)
    return await asyncio.to_thread(part, who, "diff_rows.html", file=change.files[file], first=first, **told)


@router.get("/approvals/{approval_id}/now")
async def now(who: ReadsApprovals, approval_id: str, state: str, signed: Annotated[int, Query(ge=0)] = 0) -> Response:
    """Whether it is as the page has it: what somebody else decided meanwhile says so."""
    ballot = await who.at.application.ballots.get(approval_id, who.org)
    if (ballot.state, ballot.approvals) == (state, signed):
        return Response(status_code=204)
    return part(who, "approval_now.html", ballot=ballot)


@router.post("/approvals/{approval_id}")
async def answer(who: ReadsApprovals, form: Sent, approval_id: str) -> Response:
    """Approve, reject, edit, withdraw, remind, or leave it to somebody."""
    ballot = await who.at.application.ballots.get(approval_id, who.org)
    here = f"{PATH}/approvals/{ballot.id}"
    voting, voter = who.at.submission.voting, who.principal.voter("page")
    try:
        # Before anything else: who answers has to have seen these very bytes.
        if form.text("digest") != ballot.action_digest:
            raise refusal("digest_mismatch", "This approval is about other bytes.")
        match form.text("do"):
            case "approve":
                like = Terms() if form.text("like") == "yes" else None
                await voting.vote(ballot, _decision("approve", ballot, form), voter, like=like)
                return to(here, "approved")
            case "reject":
                words = [form.text("comment", 10_000)]
                if comments := comments_of(form):
                    change = await asyncio.to_thread(read_diff, ballot.diff)
                    words.append(await asyncio.to_thread(commented, change, comments))
                rejection = _decision("reject", ballot, form, "\n\n".join(filter(None, words)))
                await voting.vote(ballot, rejection, voter)
                return to(here, "rejected")
            case "edit":
                new = await _edit(who, voting, ballot, form)
                return to(f"{PATH}/approvals/{new.id}", "edited")
            case "withdraw":
                await voting.cancel(ballot.id, voter)
                return to(here, "withdrawn")
            case "remind":
                name, note = form.text("to", 300), form.text("note", 2_000)
                await who.at.application.ballots.remind(ballot.id, voter, to=name, note=note)
                return to(here, "handed" if name else "reminded")
            case _:
                raise refuse("request_invalid", "This form asks for nothing that there is.")
    except SignoffError as no:
        # As it stands by now: where somebody was faster, the page shows who, and no form.
        return await _one(who, await who.at.application.ballots.get(ballot.id, who.org), error=no)


def comments_of(form: Form) -> list[tuple[str, str, str]]:
    """Comments on lines: paths, anchors and words in the order in which they were written."""
    three = zip(form.all("path"), form.all("line"), form.all("words"), strict=False)
    return [(path[:1_000], line[:12], words.strip()[:4_000]) for path, line, words in three if words.strip()][:200]


def _decision(choice: str, ballot: Ballot, form: Form, words: str = "") -> Decision:
    comment = words or form.text("comment", 10_000)
    try:
        return Decision(
            choice="approve" if choice == "approve" else "reject", action_digest=ballot.action_digest, comment=comment
        )
    except ValidationError:
        raise refuse("request_invalid", "All words together have at most 10,000 characters.") from None


async def _edit(who: ConsoleVisitor, voting: Voting, ballot: Ballot, form: Form) -> Ballot:
    """Ask anew, with the message or the commands that the form has."""
    arguments: dict[str, Any] = dict(ballot.action.arguments)
    for name in _editable(ballot):
        words = form.text(name, 100_000)
        arguments[name] = [line for line in words.split("\n") if line.strip()] if name == "commands" else words
    wanted = _ACTION.dump_python(replace(ballot.action, arguments=arguments), mode="json")
    edited = read_resume({"type": "edit", "edited_action": wanted}).edited
    if edited is None:
        raise refusal("action_invalid", "This is no action.")
    return await voting.edit(ballot, await who.at.application.revise(ballot, edited), who.principal.voter("page"))


@router.get("/several")
async def several(who: ReadsApprovals, id: Annotated[list[str] | None, Query()] = None) -> Response:  # noqa: A002
    """Several questions, each in full, to be answered together."""
    return await _several(who, id or [])


async def _several(who: ConsoleVisitor, ids: Sequence[str], error: SignoffError | None = None) -> HTMLResponse:
    if not ids or len(ids) > SEVERAL:
        raise refuse("request_invalid", f"Choose 1 to {SEVERAL} approvals.", hint="Mark them in the inbox.")
    ballots = [await who.at.application.ballots.get(each, who.org) for each in dict.fromkeys(ids)]
    told = [
        (shown(b), diff_told(await asyncio.to_thread(read_diff, b.diff), f"{PATH}/approvals/{b.id}", ""))
        for b in ballots
    ]
    title = f"{len(ballots)} approvals"
    questions = [{**a, **b} for a, b in told]
    return await asyncio.to_thread(
        page, who, "several.html", title=title, here="inbox", error=error, questions=questions
    )


@router.post("/several")
async def answer_several(who: ReadsApprovals, form: Sent) -> Response:
    """Answer those whose ids and digests were shown: all of them count, or none."""
    ids, digests, choice = form.all("id"), form.all("digest"), form.text("do")
    if len(ids) != len(digests) or choice not in {"approve", "reject"} or not 0 < len(ids) <= SEVERAL:
        raise refuse("request_invalid", "This form is not complete.", hint="Mark the approvals in the inbox again.")
    try:
        ballots = [await who.at.application.ballots.get(each, who.org) for each in ids]
        decisions = [
            (each.id, replace(_decision(choice, each, form), action_digest=seen))
            for each, seen in zip(ballots, digests, strict=True)
        ]
        await who.at.submission.voting.vote_all(decisions, who.principal.voter("page"))
    except SignoffError as no:
        return await _several(who, ids, no)
    return to(f"{PATH}/", "approved" if choice == "approve" else "rejected")
