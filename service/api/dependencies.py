"""Who is calling, and the office: what routes depend on."""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.responses import Response

from service.auth import Key, who_is
from service.office import Office
from service.refusals import refuse
from service.streams import as_json
from service.who import Scope, Who
from service.wiring import now

COOKIE = "signoff_session"


async def office(request: Request) -> Office:
    """The office of this process. Asynchronous, or FastAPI would ask for it in a thread."""
    found = request.app.state.office
    assert isinstance(found, Office)  # noqa: S101  the lifespan puts it there
    return found


TheOffice = Annotated[Office, Depends(office)]


def credential(request: Request) -> str:
    """The key or token of a request; empty without one. A cookie counts on the confirm page only."""
    key = request.headers.get("x-api-key", "").strip()
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" and token.strip() else key


async def who(request: Request, at: TheOffice) -> Who:
    """The authenticated caller. Raises ``not_authenticated``, ``key_invalid``, ``token_invalid``, ``rate_limited``."""
    given = credential(request)
    if not given:
        raise refuse("not_authenticated", "This needs an API key or a login.")
    found = await identify(at, given)
    await at.limiter.caller(found.org, found.key if found.kind == "api_key" else found.subject)
    return found


async def identify(at: Office, given: str) -> Who:
    """Who holds this key, session or token."""
    if given.count(".") == 2 and at.issuer is not None:  # noqa: PLR2004  a JWT has three parts
        found = await at.issuer.check(given)
        if found.kind == "human":
            await at.members.seen(found.org, found.subject, found.roles, now=now())
            await at.house.people.company.look()
        return found
    people = at.house.people
    if given.startswith("st_"):
        await people.company.look()  # a second person may have come through another process: then this login is over
    key = await at.keys.check(given)
    if key.kind != "st":
        return who_is(key)
    lasting = await people.lasting(key.org, key.subject)
    return who_is(key, (*people.of(key.subject), *lasting), lasting=lasting)


async def open_session(at: Office, given: str) -> tuple[Key, str]:
    """Log in with a personal key. Raises ``key_invalid``, ``role_missing``."""
    key = await at.keys.check(given)
    roles = await at.house.people.roles(key.org, key.subject)
    return await at.keys.log_in(key, roles=roles)


Caller = Annotated[Who, Depends(who)]


def allowed(scope: Scope):  # noqa: ANN201  a dependency; FastAPI reads its annotations
    """A caller that has this scope. Raises ``scope_missing``."""

    async def scoped(caller: Caller) -> Who:
        caller.need(scope)
        return caller

    return Depends(scoped)


Reader = Annotated[Who, allowed("runs:read")]
Runner = Annotated[Who, allowed("runs:write")]
ApprovalReader = Annotated[Who, allowed("approvals:read")]
Auditor = Annotated[Who, allowed("audit:read")]
Admin = Annotated[Who, allowed("admin")]


def answer(document: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """JSON of anything a state may hold, written at once."""
    return Response(as_json(document), status, media_type="application/json", headers=headers)
