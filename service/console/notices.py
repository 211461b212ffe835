"""Notices in a browser: what went ahead by policy, as server-sent events to the pages that a person has open.

Only who chose so hears anything, and only while a page is open: there is no push server, and nothing leaves for one.
"""

import json
from collections.abc import AsyncGenerator
from datetime import datetime, timedelta

from fastapi import APIRouter
from fastapi.responses import Response, StreamingResponse

from approvals import Ballot, visible
from approvals.storage import BROWSER, Notices
from database import instant, look_again, micros
from domain import Transient
from service.api.runs import until
from service.console.pages import HEADERS, PageRoute
from service.console.session import PATH, ConsoleVisitor, ReadsApprovals
from service.runs.event_log import HEARTBEAT, HEARTBEAT_S

router = APIRouter(prefix=PATH, route_class=PageRoute, include_in_schema=False)
LOOK_S = 3.0
OVERLAP = timedelta(seconds=20)
"""What is written by a slow transaction stands behind what was seen already."""
MOST_MISSED = timedelta(minutes=10)
"""Of what a lost connection missed; older things stand in the inbox."""
LIVES = timedelta(minutes=15)
"""Then the browser asks again, and with it whether the login still works."""


@router.get("/notices")
async def notices(who: ReadsApprovals) -> Response:
    """What this person wants to be told of; 204 has the browser ask no more."""
    choices = Notices(engine=who.at.database)
    if BROWSER not in await choices.of(who.org, who.principal.subject):
        return Response(status_code=204, headers=HEADERS)
    now = who.at.submission.clock()
    since = max(now - MOST_MISSED, heard_until(who.request.headers.get("last-event-id", ""), now))
    headers = {**HEADERS, "x-accel-buffering": "no"}
    stopping = who.request.app.state.stopping
    return StreamingResponse(until(stopping, _told(who, choices, since)), 200, headers, "text/event-stream")


def heard_until(place: str, now: datetime) -> datetime:
    """The moment that an event's id names; now for anything that is none."""
    if not (place.isascii() and place.isdecimal() and len(place) < 18):  # noqa: PLR2004  microseconds until the year 5138
        return now
    return min(now, instant(int(place)))


async def _told(who: ConsoleVisitor, choices: Notices, since: datetime) -> AsyncGenerator[bytes]:
    clock, seen, silent = who.at.submission.clock, dict[str, datetime](), 0.0
    began = since
    yield HEARTBEAT
    until_ = clock() + LIVES
    with who.at.dispatch.signals.on("notices") as news:
        while clock() < until_:
            fresh: tuple[Ballot, ...] = ()
            try:
                earliest = max(began, since - OVERLAP)
                fresh = tuple(await choices.noted(who.org, who.principal.subject, since=earliest, besides=seen))
            except Transient:  # the database is away for a moment
                pass
            for ballot in fresh:
                seen[ballot.id] = ballot.created_at
                since = max(since, ballot.created_at)
                yield frame(ballot)
            seen = {id_: at for id_, at in seen.items() if at >= since - OVERLAP}
            silent = 0.0 if fresh else silent + LOOK_S
            if silent >= HEARTBEAT_S:
                silent = 0.0
                yield HEARTBEAT
            await look_again(news, LOOK_S)


def frame(ballot: Ballot) -> bytes:
    """A notice as a server-sent event: the kind of action, its run, and where it is read; not the action itself."""
    told = {
        "tag": ballot.id,
        "title": f"A {ballot.tier} action went ahead by policy",
        "body": f"{visible(ballot.action.tool)}, run {visible(ballot.run[:8])}, asked by {visible(ballot.requester)}",
        "url": f"{PATH}/approvals/{ballot.id}",
    }
    return f"id: {micros(ballot.created_at)}\nevent: notice\ndata: {json.dumps(told)}\n\n".encode()
