"""API keys of an organisation, and login sessions of people."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel, Field

from service.api.caller import Admin, Caller, TheOffice, answer
from service.auth import Key
from service.key_facts import noted
from service.refusals import refuse
from service.who import Role, Scope

router = APIRouter(prefix="/v1", tags=["keys"])


def document(key: Key) -> dict[str, Any]:
    """A key without its secret."""
    return {"id": key.id, "name": key.name, "subject": key.subject, "roles": key.roles, "scopes": key.scopes,
            "personal": key.personal, "standing": key.standing, "created_at": key.created_at,
            "expires_at": key.expires_at}  # fmt: skip


class NewKey(BaseModel):
    name: str = Field(max_length=200)
    subject: str | None = Field(default=None, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")
    roles: list[Role] = Field(default_factory=list[Role])
    scopes: list[Scope] | None = None
    personal: bool = False
    standing: str = Field(default="", max_length=200)
    """Which models its holder may have, and how often: a name of the catalogue's `standings`."""
    expires_in_days: Annotated[float, Field(gt=0, le=3_650)] | None = 90


class NewStanding(BaseModel):
    standing: str = Field(max_length=200)


class Login(BaseModel):
    key: str = Field(max_length=400)


@router.post("/session")
async def log_in(at: TheOffice, said: Login) -> Response:
    """Open a login session with a personal key. Only sessions and OIDC logins can sign; keys never do."""
    key = await at.keys.check(said.key)
    session, token = await at.keys.log_in(key, roles=await at.house.people.roles(key.org, key.subject))
    return answer({"token": token, "subject": session.subject, "roles": session.roles, "scopes": session.scopes,
                   "expires_at": session.expires_at})  # fmt: skip


@router.delete("/session", status_code=204)
async def log_out(who: Caller, at: TheOffice) -> None:
    """End the session this request came with."""
    await at.keys.revoke(who.key, who.org)


@router.get("/whoami")
async def whoami(who: Caller, at: TheOffice) -> Response:
    """Who the service thinks is asking."""
    stands = who.standing or at.house.catalogue.entitlement_of(who.org, who.subject).name
    return answer({"subject": who.subject, "org": who.org, "kind": who.kind, "roles": who.roles, "scopes": who.scopes,
                   "standing": stands})  # fmt: skip


@router.get("/keys")
async def list_keys(who: Admin, at: TheOffice) -> Response:
    """The organisation's keys."""
    return answer({"items": [document(key) for key in await at.keys.list(who.org)]})


@router.post("/keys", status_code=201)
async def make(who: Admin, at: TheOffice, asked: NewKey) -> Response:
    """A new key; its text is in this answer and nowhere else. Nobody gives rights they have not."""
    scopes = asked.scopes if asked.scopes is not None else None
    if set(asked.roles) - set(who.roles) and "org_admin" not in who.roles:
        raise refuse("role_missing", "Only roles that you hold can be given on.")
    if asked.personal and asked.subject != who.subject:
        if at.issuer is not None:
            raise refuse("role_missing", "People log in by OIDC here; nobody makes a personal key for somebody else.")
        await _noted(at, who, asked.subject or f"key:{asked.name}")
    if asked.standing:
        await _stands(at, who, asked.standing, asked.name)
    expires = at.reception.clock() + timedelta(days=asked.expires_in_days) if asked.expires_in_days else None
    key, text = await at.keys.make(
        who.org, asked.subject or f"key:{asked.name}", name=asked.name, roles=asked.roles, scopes=scopes,
        personal=asked.personal, expires_at=expires, standing=asked.standing,
    )  # fmt: skip
    return answer({**document(key), "key": text}, 201)


@router.patch("/keys/{key_id}")
async def stand(who: Admin, at: TheOffice, key_id: str, asked: NewStanding) -> Response:
    """Give a key another standing; empty: as the catalogue has it for its holder."""
    key = await at.keys.get(key_id, who.org)
    await _stands(at, who, asked.standing, key.id)
    return answer(document(await at.keys.stand(key_id, who.org, asked.standing)))


async def _stands(at: TheOffice, who: Caller, standing: str, key: str) -> None:
    """Who may spend more on models stands in the audit. Raises ``unknown_standing``."""
    if standing:
        at.house.catalogue.standing(standing)
    await _noted(at, who, f"{key}: {standing or 'none'}", verb="key.standing")


async def _noted(at: TheOffice, who: Caller, note: str, *, verb: str = "key.personal") -> None:
    """Whoever can log in as somebody else, or stands otherwise, is in the audit."""
    await noted(at.house, note, verb=verb, org=who.org, actor=who.subject, at=at.reception.clock())


@router.post("/keys/{key_id}/rotate", status_code=201)
async def rotate(who: Admin, at: TheOffice, key_id: str) -> Response:
    """A new key with the same rights; the old one works for another day."""
    old = next((key for key in await at.keys.list(who.org) if key.id == key_id), None)
    if old is not None and old.personal and old.subject != who.subject:
        if at.issuer is not None:
            raise refuse("role_missing", "People log in by OIDC here; nobody renews somebody else's personal key.")
        await _noted(at, who, old.subject)
    key, text = await at.keys.rotate(key_id, who.org)
    return answer({**document(key), "key": text}, 201)


@router.delete("/keys/{key_id}", status_code=204)
async def revoke(who: Admin, at: TheOffice, key_id: str) -> None:
    """End a key at once."""
    await at.keys.revoke(key_id, who.org)


@router.delete("/members/{subject}", status_code=204)
async def remove_member(who: Admin, at: TheOffice, subject: str) -> None:
    """Take a member's roles away: what they signed and was not used yet does not count any more."""
    await at.members.remove(who.org, subject)
