"""What an organisation used, over HTTP: the numbers of ``signoff usage``."""

import json
from collections.abc import AsyncGenerator
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import PlainTextResponse, Response, StreamingResponse

from service import usage
from service.api.caller import Auditor, Reader, TheOffice, answer

router = APIRouter(prefix="/v1/usage", tags=["usage"])
Moment = Annotated[str | None, Query(max_length=40, description="24h, 7d, a date or a time.")]


@router.get("")
async def used(
    who: Reader,
    at: TheOffice,
    by: Annotated[str, Query(max_length=20, description="model, run, user, day, role, tier, strategy, outcome")] = (
        "model"
    ),
    since: Moment = None,
    until: Moment = None,
    run: Annotated[str | None, Query(max_length=200)] = None,
    format: Annotated[str, Query(max_length=10, description="json or csv")] = "json",  # noqa: A002  the query's name
) -> Response:
    """Calls, tokens, money and saving of the caller's organisation. By person it takes ``audit:read``."""
    group = usage.grouped(by)
    if group == "user":
        who.need("audit:read")
    during, catalogue = usage.span(since, until, now=at.house.board.now()), at.house.catalogue
    found = await usage.used(at.house.decisions, catalogue, who.org, by=group, during=during, run=run)
    told: dict[str, Any] = usage.document(found, catalogue, by=group, during=during, org=who.org)
    return PlainTextResponse(usage.table(told["rows"]), media_type="text/csv") if format == "csv" else answer(told)


@router.get("/events")
async def events(who: Auditor, at: TheOffice, since: Moment = None, until: Moment = None) -> StreamingResponse:
    """Events for a billing meter, one JSON object a line."""
    during = usage.span(since, until, now=at.house.board.now())

    async def lines() -> AsyncGenerator[bytes]:
        async for event in usage.events(at.house.decisions, who.org, during):
            yield json.dumps(event).encode() + b"\n"

    return StreamingResponse(lines(), media_type="application/x-ndjson")
