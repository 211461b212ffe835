"""FastAPI dependencies: who is calling, what they may do, and the context of the server."""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.responses import Response

from database import now
from service.auth.api_keys import ApiKey, who_is
from service.auth.principal import Principal, Scope
from service.errors import refuse
from service.runs.event_log import as_json
from service.wiring.server import ServerContext

COOKIE = "signoff_session"


async def context(request: Request) -> ServerContext:
    """The context of this server. Asynchronous, or FastAPI would call it in a thread."""
    opened = request.app.state.context
    assert isinstance(opened, ServerContext)  # noqa: S101  the lifespan puts it there
    return opened


TheContext = Annotated[ServerContext, Depends(context)]


def credential(request: Request) -> str:
    """The key or token of a request; empty without one. A cookie counts on the confirm page only."""
    key = request.headers.get("x-api-key", "").strip()
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" and token.strip() else key


async def principal(request: Request, at: TheContext) -> Principal:
    """The authenticated caller. Raises ``not_authenticated``, ``key_invalid``, ``token_invalid``, ``rate_limited``."""
    token = credential(request)
    if not token:
        raise refuse("not_authenticated", "This needs an API key or a login.")
    authenticated = await identify(at, token)
    await at.limiter.caller(
        authenticated.org, authenticated.key if authenticated.kind == "api_key" else authenticated.subject
    )
    if (plans := at.application.plans) is not None:
        # ``SecurityMiddleware`` writes it into the headers of the answer, which routes make themselves.
        request.state.plan_warning = await plans.warnings.of(authenticated.org)
    return authenticated


async def identify(at: ServerContext, token: str) -> Principal:
    """Who holds this key, session or token."""
    if token.count(".") == 2 and at.issuer is not None:  # noqa: PLR2004  a JWT has three parts
        login = await at.issuer.check(token)
        if login.kind == "human":
            # Approvals ask for a person's roles when their signature is used, which may be days after this request.
            await at.members.seen(login.org, login.subject, login.roles, now=now())
            await at.application.people.four_eyes.look()
        else:
            await at.members.seen_service(login.org, login.subject, now=now())
        return login
    people = at.application.people
    if token.startswith("st_"):
        await people.four_eyes.look()  # a second person may have come through another process: then this login is over
    key = await at.keys.check(token)
    if key.kind != "st":
        return who_is(key)
    lasting = await people.lasting(key.org, key.subject)
    return who_is(key, (*people.of(key.subject, key.org), *lasting), lasting=lasting)


async def open_session(at: ServerContext, token: str) -> tuple[ApiKey, str]:
    """Log in with a personal key. Raises ``key_invalid``, ``role_missing``."""
    key = await at.keys.check(token)
    roles = await at.application.people.roles(key.org, key.subject)
    return await at.keys.log_in(key, roles=roles)


Caller = Annotated[Principal, Depends(principal)]


def allowed(scope: Scope):  # noqa: ANN201  a dependency; FastAPI reads its annotations
    """A caller that has this scope. Raises ``scope_missing``."""

    async def scoped(caller: Caller) -> Principal:
        caller.need(scope)
        return caller

    return Depends(scoped)


Reader = Annotated[Principal, allowed("runs:read")]
Runner = Annotated[Principal, allowed("runs:write")]
ApprovalReader = Annotated[Principal, allowed("approvals:read")]
Auditor = Annotated[Principal, allowed("audit:read")]
Admin = Annotated[Principal, allowed("admin")]


def preferred(header: str) -> dict[str, str]:
    """The preferences of a ``Prefer`` header (RFC 7240) by name; one without a value has an empty one."""
    pairs = (part.split(";")[0].partition("=") for part in header.split(","))
    return {name.strip().lower(): wish.strip().strip('"') for name, _, wish in pairs if name.strip()}


def answer(document: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """JSON of anything a state may hold, written at once."""
    return Response(as_json(document), status, media_type="application/json", headers=headers)
