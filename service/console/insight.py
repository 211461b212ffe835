"""Pages to look things up: models and what they cost, the policy as it applies, and the audit with its verification."""

import asyncio
from collections import deque
from typing import Annotated, Any, get_args

from fastapi import APIRouter, Query
from fastapi.responses import Response

from approvals import default_policy
from domain import TIERS, SignoffError
from domain.work import Profile
from risk import RiskEngine
from service import usage
from service.console.pages import PageRoute, page
from service.console.session import PATH, ReadsAudit, ReadsRuns
from service.errors import refuse

router = APIRouter(prefix=PATH, route_class=PageRoute, include_in_schema=False)
AUDIT_LINES = 200
PEOPLE = frozenset({"user"})
"""Sums by person take ``audit:read``, as over HTTP."""


@router.get("/models")
async def models(who: ReadsRuns, by: str = "model", since: Annotated[str, Query(max_length=40)] = "7d") -> Response:
    """Calls, tokens, cost and saving, by what one chooses; the catalogue; the latest decisions and their reasons."""
    application, error = who.at.application, None
    summary: dict[str, Any] = {"rows": [], "total": {}}
    try:
        group = usage.grouped(by)
        if group in PEOPLE:
            who.principal.need("audit:read")
        during, catalogue = usage.period(since, None, now=application.board.now()), application.catalogue
        runs = application.engine.runs
        used = await usage.used(application.decisions, runs, catalogue, who.org, by=group, during=during)
        summary = usage.document(used, catalogue, by=group, during=during, org=who.org)
    except SignoffError as no:
        error = no
    return page(
        who,
        "models.html",
        title="Models",
        here="models",
        error=error,
        by=by,
        since=since,
        groups=[each for each in usage.BYS if each not in PEOPLE or who.may("audit:read")],
        summary=summary,
        cards=application.catalogue.models,
        decisions=await application.decisions.latest(who.org, limit=50),
    )


@router.get("/policy")
async def policy(
    who: ReadsRuns, command: Annotated[str, Query(max_length=8_000)] = "", profile: str = "sealed"
) -> Response:
    """Who has to sign what, as it applies today; and what a pasted command would need."""
    if profile not in get_args(Profile):
        raise refuse("request_invalid", "There is no such sandbox.", hint="Choose one of the list.")
    people = who.at.application.people
    alone = await people.alone(who.org)
    setting: Profile = "packages" if profile == "packages" else "sealed"
    risk = await asyncio.to_thread(RiskEngine().command, command, profile=setting) if command.strip() else None
    needed = default_policy().requirement(risk.tier, mode="solo" if alone else "team") if risk else None
    rules = [default_policy().requirement(tier, mode="solo" if alone else "team") for tier in TIERS]
    return page(
        who,
        "policy.html",
        title="Policy",
        here="policy",
        mode="solo" if alone else "team",
        rules=rules,
        command=command,
        profile=profile,
        profiles=get_args(Profile),
        risk=risk,
        needed=needed,
    )


@router.get("/audit")
async def audit(
    who: ReadsAudit,
    words: Annotated[str, Query(max_length=200)] = "",
    before: Annotated[int, Query(ge=0)] = 0,
    verify: bool = False,
) -> Response:
    """The newest lines of the chain, those that have some words; on request, whether the chain holds."""
    lines: deque[dict[str, Any]] = deque(maxlen=AUDIT_LINES)
    wanted = words.strip().casefold()
    async for line in who.at.application.audit.export(who.org):
        text = f"{line['verb']} {line['object']} {line['actor']} {line['note']}".casefold()
        if (not before or int(line["seq"]) < before) and wanted in text:
            lines.append(line)
    verification = await who.at.application.audit.verify(who.org) if verify else None
    return page(
        who,
        "audit.html",
        title="Audit",
        here="audit",
        lines=list(lines)[::-1],
        words=words,
        following=lines[0]["seq"] if len(lines) == AUDIT_LINES else 0,
        verification=verification,
    )
