"""Pages of the console: templates, what each of them is told, the headers they go with, and errors as pages.

Everything from outside is escaped by the templates, with characters that hide spelled out (``approvals.visible``). No
page has a script or a style of its own: the policy in its head forbids both.
"""

import hashlib
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.routing import APIRoute
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.exceptions import HTTPException

from approvals import pieces, visible
from domain import SignoffError
from service.api.errors import STATUS
from service.auth.principal import Scope
from service.console.session import PATH, THEME, ConsoleVisitor
from service.errors import refuse

HERE = Path(__file__).parent
ASSETS = {
    "console.css": "text/css; charset=utf-8",
    "console.js": "text/javascript; charset=utf-8",
    "htmx.min.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "cache-control": "no-store",
}
PLACES: tuple[tuple[str, str, str, Scope], ...] = (
    ("inbox", "Inbox", f"{PATH}/", "approvals:read"),
    ("runs", "Runs", f"{PATH}/runs", "runs:read"),
    ("models", "Models", f"{PATH}/models", "runs:read"),
    ("memory", "Memory", f"{PATH}/memory", "runs:read"),
    ("people", "Keys and people", f"{PATH}/people", "admin"),
    ("policy", "Policy", f"{PATH}/policy", "runs:read"),
    ("audit", "Audit", f"{PATH}/audit", "audit:read"),
    ("operation", "Operation", f"{PATH}/operation", "runs:write"),
    ("me", "You", f"{PATH}/me", "runs:read"),
)
"""Name, title, address, and the scope that it takes."""
DONE = {
    "approved": "Your approval is recorded.",
    "rejected": "Your rejection is recorded.",
    "edited": "The edited action is a question of its own. Somebody else signs it.",
    "withdrawn": "It is withdrawn.",
    "reminded": "Everybody who is told of approvals was told again.",
    "handed": "It is left to your colleague, who was told.",
    "answered": "Your answer is on its way to the coder.",
    "refined": "Your words are on their way to the agent.",
    "stopped": "It is stopped. What it did is kept.",
    "killed": "It is stopped for good.",
    "resumed": "It goes on.",
    "retried": "It is done again.",
    "revoked": "The key has ended, with the logins that were opened with it.",
    "removed": "This member's roles are taken away.",
    "ended": "That login has ended.",
    "forgotten": "It is forgotten.",
    "chosen": "You are told as you chose.",
    "kept": "It is kept, and pinned.",
    "corrected": "The words are yours now.",
    "pinned": "It is pinned.",
    "unpinned": "It is let go: a run may write over it.",
}
"""What a page says behind a form: its address names one of these, and brings no words of its own."""


@cache
def asset(name: str) -> bytes:
    """The bytes of a file that pages load."""
    return (HERE / "static" / name).read_bytes()


@cache
def asset_url(name: str) -> str:
    """Its address, which changes with it: browsers keep it for good."""
    return f"{PATH}/static/{name}?v={hashlib.sha256(asset(name)).hexdigest()[:12]}"


def moment(at: datetime | None) -> str:
    """A time as people read it, in UTC."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M") if at else ""


def span(seconds: float) -> str:
    """A length of time in one or two units: ``3 min``, ``2 h 5 min``, ``4 d``."""
    minutes = int(abs(seconds) // 60)
    if minutes < 1:
        return f"{int(abs(seconds))} s"
    hours, minutes = divmod(minutes, 60)
    if hours == 0:
        return f"{minutes} min"
    days, rest = divmod(hours, 24)
    return f"{days} d {rest} h".removesuffix(" 0 h") if days else f"{hours} h {minutes} min".removesuffix(" 0 min")


def marked(text: str) -> Markup:
    """Text for a page, complete: what hides is spelled out and marked, and a tab is seen as one."""
    if text.isascii() and text.isprintable():
        return escape(text)
    shown: list[Markup] = []
    for each in pieces(text):
        if each.text == "\\t" and each.escaped:
            shown.append(Markup('<span class="tab">\t</span>'))
        else:
            shown.append(Markup('<mark class="odd">{}</mark>').format(each.text) if each.escaped else escape(each.text))
    return Markup("").join(shown)


def in_url(text: str) -> str:
    """Text as one part of an address."""
    return quote(text, safe="")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        auto_reload=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Any] = {"shown": visible, "marked": marked, "moment": moment, "span": span, "in_url": in_url}
    known: dict[str, Any] = {"asset": asset_url, "home": PATH, "query": urlencode}
    environment.filters.update(filters)
    environment.globals.update(known)
    return environment


def rendered(template: str, /, **told: Any) -> str:
    """A template, or a part of a page, as HTML."""
    return _environment().get_template(template).render(told)


def page(
    who: ConsoleVisitor,
    template: str,
    /,
    *,
    title: str,
    here: str = "",
    error: SignoffError | None = None,
    **told: Any,
) -> HTMLResponse:
    """A whole page for somebody who is logged in; ``error``: what became of the form that it answers."""
    now = who.at.submission.clock()
    html = rendered(
        template,
        title=title,
        here=here,
        theme=theme_of(who.request),
        viewer=who.principal,
        may=who.may,
        places=[place for place in PLACES if who.may(place[3])],
        csrf=who.form_token,
        done=DONE.get(who.request.query_params.get("done", ""), ""),
        error=error,
        now=now,
        **told,
    )
    return HTMLResponse(html, 200 if error is None else STATUS.get(error.stable_code, error.http_status), HEADERS)


def part(who: ConsoleVisitor, template: str, /, **told: Any) -> HTMLResponse:
    """A part of a page, for the script that asked for it."""
    now = who.at.submission.clock()
    return HTMLResponse(
        rendered(template, csrf=who.form_token, now=now, may=who.may, viewer=who.principal, **told), 200, HEADERS
    )


def theme_of(request: Request) -> str:
    """``dark``, ``light``, or empty: as the system has it."""
    chosen = request.cookies.get(THEME, "")
    return chosen if chosen in {"dark", "light"} else ""


def to(address: str, done: str = "") -> RedirectResponse:
    """Behind a form: look at this page next."""
    query = f"{'&' if '?' in address else '?'}done={done}" if done else ""
    return RedirectResponse(f"{address}{query}", 303, HEADERS)


class PageRoute(APIRoute):
    """A route whose errors are pages: who is not logged in is asked to, everybody else is told what to do."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """See FastAPI."""
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except SignoffError as error:
                return refused_page(request, error)
            except RequestValidationError:
                return refused_page(request, refuse("request_invalid", "This address is not complete, or not valid."))
            except HTTPException as error:
                if isinstance(error.__cause__, SignoffError):
                    return refused_page(request, error.__cause__)
                return refused_page(request, refuse("request_invalid", "This request cannot be read."))

        return handled


def refused_page(request: Request, error: SignoffError) -> Response:
    """The page of an error; for who is not logged in, the login."""
    status = STATUS.get(error.stable_code, error.http_status)
    scripted = request.headers.get("hx-request") == "true"
    if status == 401:  # noqa: PLR2004
        back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        login = f"{PATH}/login?{urlencode({'next': back if request.method == 'GET' and not scripted else f'{PATH}/'})}"
        if scripted:
            return Response(status_code=204, headers={**HEADERS, "hx-redirect": login})
        return RedirectResponse(login, 303, HEADERS)
    html = rendered("refused.html", title="This did not work", theme=theme_of(request), problem=error, status=status)
    headers = dict(HEADERS)
    if status in {429, 503}:
        headers["retry-after"] = "5"
    return HTMLResponse(html, status, headers)
