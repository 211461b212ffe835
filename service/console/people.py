"""Pages of keys and people: who can log in and may do what, keys made and ended, and one's own page."""

import json
from typing import Any, get_args

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from pydantic import ValidationError

from approvals.storage import BROWSER, Notices, Whose
from domain import SignoffError
from service import usage
from service.api import keys
from service.auth.principal import Role
from service.console.inbox import waiting
from service.console.pages import PageRoute, page, to
from service.console.session import PATH, Administers, ConsoleVisitor, Form, ReadsRuns, Sent
from service.errors import refuse

router = APIRouter(prefix=PATH, route_class=PageRoute, include_in_schema=False)
ROLES: tuple[str, ...] = get_args(Role)
WHOSE: tuple[Whose, ...] = get_args(Whose)


@router.get("/people")
async def people(who: Administers) -> Response:
    """Everybody who can log in, and every key."""
    return await _people(who)


async def _people(
    who: ConsoleVisitor, error: SignoffError | None = None, made: dict[str, Any] | None = None
) -> HTMLResponse:
    directory = who.at.application.people
    names = sorted(await who.at.keys.people(who.org))
    return page(
        who,
        "people.html",
        title="Keys and people",
        here="people",
        error=error,
        people=[(name, await directory.roles(who.org, name)) for name in names],
        keys=await who.at.keys.list(who.org),
        roles=ROLES,
        made=made,
        alone=await directory.alone(who.org),
    )


@router.post("/people")
async def change(who: Administers, form: Sent) -> Response:
    """Make, renew or end a key; take a member's roles away. Each as over HTTP."""
    try:
        match form.text("do"):
            case "make":
                return await _people(who, made=await _make(who, form))
            case "rotate":
                answer = await keys.rotate(who.principal, who.at, form.text("key", 60))
                return await _people(who, made=json.loads(bytes(answer.body)))
            case "revoke":
                await keys.revoke(who.principal, who.at, form.text("key", 60))
                return to(f"{PATH}/people", "revoked")
            case "remove":
                await keys.remove_member(who.principal, who.at, form.text("subject", 300))
                return to(f"{PATH}/people", "removed")
            case _:
                raise refuse("request_invalid", "This form asks for nothing that there is.")
    except SignoffError as no:
        return await _people(who, error=no)


async def _make(who: ConsoleVisitor, form: Form) -> dict[str, Any]:
    """A new key with its text, which is in this answer and nowhere else."""
    try:
        asked = keys.NewKey.model_validate(
            {
                "name": form.text("name", 200),
                "subject": form.text("subject", 200) or None,
                "roles": form.all("role"),
                "personal": form.text("personal") == "yes",
                "expires_in_days": float(form.text("days") or 90),
            }
        )
    except (ValidationError, ValueError):
        raise refuse("request_invalid", "A key has a name, roles of the list, and ends in 1 to 3,650 days.") from None
    answer = await keys.make(who.principal, who.at, asked)
    return json.loads(bytes(answer.body))


@router.get("/me")
async def me(who: ReadsRuns) -> Response:
    """One's own page: what waits, what it cost, who is told of what, and the logins that work."""
    return await _me(who)


async def _me(who: ConsoleVisitor, error: SignoffError | None = None) -> Response:
    application = who.at.application
    during = usage.period("30d", None, now=application.board.now())
    runs, catalogue = application.engine.runs, application.catalogue
    used = await usage.used(application.decisions, runs, catalogue, who.org, by="user", during=during)
    rows = usage.document(used, catalogue, by="user", during=during, org=who.org)["rows"]
    endpoints = application.connections.subscriptions.of(who.org)
    return page(
        who,
        "me.html",
        title="You",
        here="me",
        error=error,
        waiting=await waiting(who, mine=True) if who.may("approvals:read") else [],
        cost=next((row for row in rows if row["name"] == who.principal.subject), None),
        endpoints=endpoints,
        told_by=[(each.name, f"{each.name} ({each.kind})", "approval.noted" in each.topics) for each in endpoints],
        choices=await Notices(engine=who.at.database).of(who.org, who.principal.subject),
        browser=BROWSER,
        sessions=await who.at.keys.sessions(who.org, who.principal.subject),
        standing=who.principal.standing or catalogue.entitlement_of(who.org, who.principal.subject).name,
    )


@router.post("/me")
async def change_own(who: ReadsRuns, form: Sent) -> Response:
    """Choose how one is told, or end one of one's own logins."""
    if form.text("do") == "notices":
        try:
            return await _choose(who, form)
        except SignoffError as no:
            return await _me(who, no)
    own = {each.id for each in await who.at.keys.sessions(who.org, who.principal.subject)}
    if (session := form.text("session", 60)) not in own:
        raise refuse("key_not_found", "This is no login of yours.", hint="Load the page again.")
    await who.at.keys.revoke(session, who.org, by=who.principal.subject)
    return to(f"{PATH}/me", "ended")


async def _choose(who: ConsoleVisitor, form: Form) -> Response:
    who.principal.need("approvals:read")
    known = {BROWSER, *(each.name for each in who.at.application.connections.subscriptions.of(who.org))}
    choices: dict[str, Whose] = {}
    for channel, whose in zip(form.all("channel"), form.all("whose"), strict=False):
        if channel not in known or whose not in {"", *WHOSE}:
            raise refuse("request_invalid", "There is no such channel here.", hint="Load the page again.")
        for known_whose in WHOSE:
            if whose == known_whose:
                choices[channel] = known_whose
    await Notices(engine=who.at.database).choose(who.org, who.principal.subject, choices)
    return to(f"{PATH}/me", "chosen")
