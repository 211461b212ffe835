"""Confirm page behind a link: looking has no effect; deciding needs a login and the page's own form."""

from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import ValidationError

from approvals import Ballot, Decision, Terms, refusal
from approvals.channels import PAGE_HEADERS, LinkTicket, render_page
from domain import SignoffError
from domain.identity import person
from service.api.dependencies import COOKIE, TheContext, identify, open_session
from service.auth.principal import Principal
from service.errors import refuse
from service.wiring.server import ServerContext

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
async def look(at: TheContext, token: str, request: Request) -> Response:
    """Show the approval to who is logged in, else ask who it is. Changes nothing, however often."""
    ticket = at.links.read(token)
    principal = await _session(at, request, ticket)
    if principal is None:
        return HTMLResponse(LOGIN.format(message="This link shows an approval to its signers."), headers=PAGE_HEADERS)
    return _page(at, token, ticket, await at.application.ballots.get(ticket.ballot, ticket.org), principal)


@router.post("/{token}", response_class=HTMLResponse)
async def act(at: TheContext, token: str, request: Request) -> Response:
    """Log in, or decide."""
    ticket = at.links.read(token)
    form = {name: values[0] for name, values in parse_qs((await request.body()).decode(errors="replace")).items()}
    if "key" in form:
        return await _log_in(at, token, form["key"])
    principal = await _session(at, request, ticket)
    if principal is None:
        raise refusal("csrf_invalid", "Nobody is logged in here.")
    # Bound to this session: neither another site nor another person's page can send this form.
    at.links.ensure_csrf(ticket, principal.key, form.get("csrf", ""))
    if await at.messages.used(ticket.spent_by(person(principal.subject))):
        raise refusal("link_used", "You have decided by this link already.")
    ballot = await at.application.ballots.get(ticket.ballot, ticket.org)
    try:
        decision = _decision(form)
        like = Terms() if decision.choice == "approve" and form.get("like") == "yes" else None
        ballot = await at.submission.voting.vote(ballot, decision, principal.voter("page"), like=like)
    except SignoffError as no:
        return _page(at, token, ticket, ballot, principal, message=f"{no.message} {no.hint}", status=no.http_status)
    # Used up behind the vote: one that was refused leaves the link as it was.
    await at.messages.use(ticket.spent_by(person(principal.subject)))
    return _page(at, token, ticket, ballot, principal, message="Your decision is recorded.")


def _decision(form: Mapping[str, str]) -> Decision:
    """Raises ``request_invalid`` for what no ballot keeps."""
    choice, digest, comment = form.get("decision", ""), form.get("action_digest", ""), form.get("comment", "")
    try:
        if "\0" not in digest + comment:
            return Decision(
                choice="approve" if choice == "approve" else "reject", action_digest=digest, comment=comment
            )
    except ValidationError:
        pass
    raise refuse("request_invalid", "A comment has at most 10,000 characters, and no NUL.")


async def _log_in(at: ServerContext, token: str, key: str) -> Response:
    try:
        _, session = await open_session(at, key.strip())
    except SignoffError as no:
        return HTMLResponse(LOGIN.format(message=no.message), no.http_status, headers=PAGE_HEADERS)
    answer = RedirectResponse(f"/a/{token}", 303)
    answer.set_cookie(
        COOKIE,
        session,
        max_age=12 * 3_600,
        httponly=True,
        samesite="strict",
        path="/a",
        # There is no TLS on loopback, and not every browser keeps a secure cookie without it.
        secure=not at.settings.loopback,
    )
    return answer


async def _session(at: ServerContext, request: Request, ticket: LinkTicket) -> Principal | None:
    cookie = request.cookies.get(COOKIE)
    if not cookie:
        return None
    try:
        principal = await identify(at, cookie)
    # Ended or forged: the page asks for a login, as where there is none.
    except SignoffError:
        return None
    reads = principal.org == ticket.org and "approvals:read" in principal.scopes
    return principal if reads and principal.kind == "human" else None


def _page(
    at: ServerContext,
    token: str,
    ticket: LinkTicket,
    ballot: Ballot,
    principal: Principal,
    *,
    message: str = "",
    status: int = 200,
) -> Response:
    csrf = at.links.csrf(ticket, principal.key)
    html = render_page(
        ballot, action=f"/a/{token}", viewer=principal.subject, csrf=csrf, message=message, bad=status != HTTPStatus.OK
    )
    return HTMLResponse(html, status, headers=PAGE_HEADERS)
