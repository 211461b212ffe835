"""The confirm page behind a link: looking has no effect; deciding needs a login and the page's own form."""

from http.cookies import SimpleCookie
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from approvals import PAGE_HEADERS, Ballot, Decision, Terms, Ticket, approve_the_like, refusal, render_page
from domain import SignoffError, person
from service.api.caller import COOKIE, TheOffice, identify, open_session
from service.office import Office
from service.who import Who

router = APIRouter(prefix="/a", tags=["page"])
LOGIN = (
    "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
    "<title>Log in</title><body style='font:16px system-ui;max-width:30rem;margin:2rem auto;padding:1rem'>"
    "<h1>Who is signing?</h1><p>{message}</p><form method=post><label>Your key <input type=password name=key "
    "autocomplete=current-password style='width:100%;font:inherit;padding:.5rem' required></label>"
    "<p><button style='font:inherit;padding:.75rem 1.5rem'>Log in</button></form></body></html>"
)


@router.head("/{token}", include_in_schema=False)
@router.get("/{token}", response_class=HTMLResponse)
async def look(at: TheOffice, token: str, request: Request) -> Response:
    """Show the approval to who is logged in, else ask who it is. Changes nothing, however often."""
    ticket = at.links.read(token)
    who = await _session(at, request, ticket)
    if who is None:
        return HTMLResponse(LOGIN.format(message="This link shows an approval to its signers."), headers=PAGE_HEADERS)
    return _page(at, token, ticket, await at.house.ballots.get(ticket.ballot, ticket.org), who)


@router.post("/{token}", response_class=HTMLResponse)
async def act(at: TheOffice, token: str, request: Request) -> Response:
    """Log in, or decide."""
    ticket = at.links.read(token)
    form = {name: said[0] for name, said in parse_qs((await request.body()).decode(errors="replace")).items()}
    if "key" in form:
        return await _log_in(at, token, form["key"])
    who = await _session(at, request, ticket)
    if who is None:
        raise refusal("csrf_invalid", "Nobody is logged in here.")
    at.links.ensure_csrf(ticket, who.key, form.get("csrf", ""))
    if await at.messages.used(ticket.spent_by(person(who.subject))):
        raise refusal("link_used", "You have decided by this link already.")
    ballot = await at.house.ballots.get(ticket.ballot, ticket.org)
    choice = "approve" if form.get("decision") == "approve" else "reject"
    decision = Decision(choice=choice, action_digest=form.get("action_digest", ""), comment=form.get("comment", ""))
    ballots, voter = at.house.ballots, who.voter("page")
    try:
        if choice == "approve" and form.get("like") == "yes":
            now = at.house.engine.clock()
            ballot = await approve_the_like(ballots, ballot, decision, Terms(), voter, now=now)
        else:
            ballot = await ballots.vote(ballot.id, decision, voter)
    except SignoffError as no:
        return _page(at, token, ticket, ballot, who, message=f"{no.message} {no.hint}", status=no.http_status)
    await at.messages.use(ticket.spent_by(person(who.subject)))
    if ballot.state != "pending":
        await at.reception.wake(ballot.run, ballot.org, because=ballot.id)
    return _page(at, token, ticket, ballot, who, message="Your decision is recorded.")


async def _log_in(at: Office, token: str, key: str) -> Response:
    try:
        _, session = await open_session(at, key.strip())
    except SignoffError as no:
        return HTMLResponse(LOGIN.format(message=no.message), no.http_status, headers=PAGE_HEADERS)
    answer = RedirectResponse(f"/a/{token}", 303)
    answer.set_cookie(COOKIE, session, max_age=12 * 3_600, httponly=True, samesite="strict", path="/a",
                      secure=not at.settings.loopback)  # fmt: skip
    return answer


async def _session(at: Office, request: Request, ticket: Ticket) -> Who | None:
    jar = SimpleCookie(request.headers.get("cookie", ""))
    if COOKIE not in jar:
        return None
    try:
        who = await identify(at, jar[COOKIE].value)
    except SignoffError:
        return None
    return who if who.org == ticket.org and who.kind == "human" else None


def _page(
    at: Office, token: str, ticket: Ticket, ballot: Ballot, who: Who, *, message: str = "", status: int = 200
) -> Response:
    csrf = at.links.csrf(ticket, who.key)
    html = render_page(ballot, action=f"/a/{token}", viewer=who.subject, csrf=csrf, message=message, bad=status != 200)  # noqa: PLR2004
    return HTMLResponse(html, status, headers=PAGE_HEADERS)
