"""Login session of a browser: a cookie that only the console's pages read, and a token in each of its forms.

A form counts when it comes from this site (``Sec-Fetch-Site``) and has the token of this very session; the cookie alone
does nothing.
"""

import hashlib
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import parse_qs

from fastapi import Depends, Request
from fastapi.responses import Response

from domain import SignoffError
from service.api.dependencies import TheContext, identify, open_session
from service.auth.principal import Principal, Scope
from service.errors import refuse
from service.wiring.server import ServerContext

COOKIE = "signoff_console"
THEME = "signoff_theme"
PATH = "/console"
HOURS = 12
MOST_FIELDS = 2_000
SAFE_SITES = frozenset({"same-origin", "none", ""})
"""Where a form may come from; older browsers do not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleVisitor:
    """A person who is logged in, and what one of their requests needs."""

    request: Request
    at: ServerContext
    principal: Principal
    session: str
    """A digest of what their cookie holds."""

    @property
    def org(self) -> str:
        return self.principal.org

    @property
    def form_token(self) -> str:
        return self.at.links.form_token(self.session)

    def may(self, scope: Scope) -> bool:
        """Whether this person has a scope."""
        return scope in self.principal.scopes


async def visitor(request: Request, at: TheContext) -> ConsoleVisitor:
    """Who is logged in. Raises ``not_authenticated``, ``key_invalid``, ``token_invalid``, ``rate_limited``."""
    token = request.cookies.get(COOKIE, "")
    if not token:
        raise refuse("not_authenticated", "Nobody is logged in here.", hint="Log in.")
    principal = await identify(at, token)
    if principal.kind != "human":
        raise refuse("not_authenticated", "The console is for people.", hint="Log in with your own key.")
    await at.limiter.caller(principal.org, principal.subject)
    return ConsoleVisitor(
        request=request, at=at, principal=principal, session=hashlib.sha256(token.encode()).hexdigest()
    )


Seen = Annotated[ConsoleVisitor, Depends(visitor)]


def seen_with(scope: Scope):  # noqa: ANN201  a dependency; FastAPI reads its annotations
    """A person who has this scope. Raises ``scope_missing``."""

    async def scoped(who: Seen) -> ConsoleVisitor:
        who.principal.need(scope)
        return who

    return Depends(scoped)


ReadsRuns = Annotated[ConsoleVisitor, seen_with("runs:read")]
WritesRuns = Annotated[ConsoleVisitor, seen_with("runs:write")]
ReadsApprovals = Annotated[ConsoleVisitor, seen_with("approvals:read")]
ReadsAudit = Annotated[ConsoleVisitor, seen_with("audit:read")]
Administers = Annotated[ConsoleVisitor, seen_with("admin")]


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form that was sent."""

    fields: dict[str, list[str]]

    def text(self, name: str, most: int = 20_000) -> str:
        """One field without blanks around it; empty where it is missing. Raises ``request_invalid`` when too long."""
        words = self.fields.get(name, [""])[-1].replace("\r\n", "\n").strip()
        if len(words) > most:
            raise refuse("request_invalid", f"{name} has at most {most:,} characters.", hint="Say it in fewer words.")
        return words

    def all(self, name: str) -> list[str]:
        """Every value of a field."""
        return self.fields.get(name, [])


async def read_form(request: Request) -> Form:
    """The fields of a request. Raises ``request_invalid``, and ``csrf_invalid`` for one from another site."""
    if request.headers.get("sec-fetch-site", "") not in SAFE_SITES:
        raise refuse("scope_missing", "This form comes from another site.", hint="Open the console and do it there.")
    try:
        body = (await request.body()).decode()
        fields = parse_qs(body, keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except (UnicodeDecodeError, ValueError):
        raise refuse("request_invalid", "This form cannot be read.", hint="Load the page again.") from None
    if any("\0" in text for texts in fields.values() for text in texts):
        raise refuse("request_invalid", "A form has no NUL.", hint="Load the page again.")
    return Form(fields)


async def sent(who: Seen, request: Request) -> Form:
    """A form of this person's own page. Raises ``csrf_invalid``."""
    form = await read_form(request)
    who.at.links.ensure_form(who.session, form.text("csrf"))
    return form


Sent = Annotated[Form, Depends(sent)]


async def log_in(at: ServerContext, credential: str, answer: Response) -> None:
    """Put a new session into the answer's cookie: of a personal key, or the token of the issuer.

    Raises:
        Refused: ``key_invalid``, ``role_missing``, ``token_invalid``.
    """
    if credential.count(".") == 2 and at.issuer is not None:  # noqa: PLR2004  a JWT has three parts
        await identify(at, credential)
        token = credential
    else:
        _, token = await open_session(at, credential)
    answer.set_cookie(
        COOKIE,
        token,
        max_age=HOURS * 3_600,
        httponly=True,
        # Not strict: a link in a letter leads to its page, and what changes something needs the form's token anyway.
        samesite="lax",
        path=PATH,
        # There is no TLS on loopback, and not every browser keeps a secure cookie without it.
        secure=not at.settings.loopback,
    )


async def log_out(at: ServerContext, request: Request) -> None:
    """End the session at once. One that has ended, or that the issuer opened, is only forgotten here."""
    try:
        principal = await identify(at, request.cookies.get(COOKIE, ""))
        await at.keys.revoke(principal.key, principal.org, by=principal.subject)
    except SignoffError:
        return
