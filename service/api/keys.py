"""API keys of an organisation, and login sessions of people."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel, Field

from service.api.caller import Admin, Caller, TheOffice, answer, open_session
from service.auth import Key
from service.authority import administers, ensure_may_make, ensure_may_rotate, ensure_may_stand
from service.key_facts import noted
from service.refusals import refuse
from service.who import Role, Scope, Who, scopes_of

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
    session, token = await open_session(at, said.key)
    return answer({"token": token, "subject": session.subject, "roles": session.roles, "scopes": session.scopes,
                   "expires_at": session.expires_at})  # fmt: skip


@router.delete("/session", status_code=204)
async def log_out(who: Caller, at: TheOffice) -> None:
    """End the session this request came with. Raises ``key_not_found`` where it came with none."""
    if who.kind != "human":
        raise refuse("key_not_found", "This request came with a key and not with a session.")
    await at.keys.revoke(who.key, who.org, by=who.subject)


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
    now = at.reception.clock()
    wanted = Key(
        id="", kind="ak", org=who.org, subject=asked.subject or f"key:{asked.name}", name=asked.name,
        roles=tuple(asked.roles), personal=asked.personal, created_at=now,
        standing=asked.standing or ("" if administers(who) else _standing(at, who)),
        scopes=tuple(asked.scopes) if asked.scopes is not None else scopes_of(tuple(asked.roles)),
        expires_at=_expiry(asked, who, now),
    )  # fmt: skip
    maker = replace(who, standing=_standing(at, who))
    ensure_may_make(maker, wanted, people=await at.keys.people(who.org), issuer=at.issuer is not None)
    if asked.standing:
        await _stands(at, who, asked.standing, asked.name)
    somebody = wanted.personal and wanted.subject != who.subject
    key, text = await at.keys.make(
        who.org, wanted.subject, name=wanted.name, roles=wanted.roles, scopes=wanted.scopes, personal=wanted.personal,
        expires_at=wanted.expires_at, standing=wanted.standing, by=who.subject,
        verb="key.personal" if somebody else "key.made", note=wanted.subject if somebody else wanted.name,
    )  # fmt: skip
    await at.house.people.company.look()  # with a second person it is a team from now on
    return answer({**document(key), "key": text}, 201)


def _standing(at: TheOffice, of: Who | Key) -> str:
    """By its name, also where the catalogue and not a key gives it. Empty: there is none, or it is gone."""
    return of.standing or at.house.catalogue.entitlement_of(of.org, of.subject).name


def _expiry(asked: NewKey, who: Who, now: datetime) -> datetime | None:
    """When the key ends: as asked; where nothing was asked, no later than the key it is made with."""
    until = now + timedelta(days=asked.expires_in_days) if asked.expires_in_days else None
    if "expires_in_days" in asked.model_fields_set or who.until is None or administers(who):
        return until
    return min(until, who.until) if until else who.until


@router.patch("/keys/{key_id}")
async def stand(who: Admin, at: TheOffice, key_id: str, asked: NewStanding) -> Response:
    """Give a key another standing; empty: as the catalogue has it for its holder."""
    key = await at.keys.get(key_id, who.org)
    maker = replace(who, standing=_standing(at, who))
    ensure_may_stand(maker, replace(key, standing=_standing(at, key)), asked.standing)
    await _stands(at, who, asked.standing, key.id)
    return answer(document(await at.keys.stand(key_id, who.org, asked.standing)))


async def _stands(at: TheOffice, who: Caller, standing: str, key: str) -> None:
    """Who may spend more on models stands in the audit. Raises ``unknown_standing``."""
    if standing:
        at.house.catalogue.standing(standing)
    await noted(at.house, f"{key}: {standing or 'none'}", verb="key.standing", org=who.org, actor=who.subject,
                at=at.reception.clock())  # fmt: skip


@router.post("/keys/{key_id}/rotate", status_code=201)
async def rotate(who: Caller, at: TheOffice, key_id: str) -> Response:
    """A new key with the same rights and the same end; the old one works for another day at most.

    A program's key: by who has all it has, and the scope admin. A personal key: by its person alone, logged in.
    """
    maker, now = replace(who, standing=_standing(at, who)), at.reception.clock()

    def allowed(old: Key) -> None:
        ensure_may_rotate(maker, replace(old, standing=_standing(at, old)), now=now)

    key, text = await at.keys.rotate(key_id, who.org, by=who.subject, allowed=allowed)
    return answer({**document(key), "key": text}, 201)


@router.delete("/keys/{key_id}", status_code=204)
async def revoke(who: Admin, at: TheOffice, key_id: str) -> None:
    """End a key at once, and the logins that were opened with it."""
    await at.keys.revoke(key_id, who.org, by=who.subject)


@router.delete("/members/{subject}", status_code=204)
async def remove_member(who: Admin, at: TheOffice, subject: str) -> None:
    """Take a member's roles away: what they signed and was not used yet does not count any more."""
    await at.members.remove(who.org, subject)
    await noted(at.house, subject, verb="member.removed", org=who.org, actor=who.subject, at=at.reception.clock())
