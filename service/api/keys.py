"""API keys of an organisation, and login sessions of people."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel, Field

from service.api.dependencies import Admin, Caller, TheContext, answer, open_session
from service.auth.api_keys import ApiKey, audit_key
from service.auth.authority import administers, ensure_may_make, ensure_may_rotate, ensure_may_stand
from service.auth.principal import Principal, Role, Scope, scopes_of
from service.errors import refuse

router = APIRouter(prefix="/v1", tags=["keys"])


def document(key: ApiKey) -> dict[str, Any]:
    """A key without its secret."""
    return {
        "id": key.id,
        "name": key.name,
        "subject": key.subject,
        "roles": key.roles,
        "scopes": key.scopes,
        "personal": key.personal,
        "standing": key.standing,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
    }


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
async def log_in(at: TheContext, said: Login) -> Response:
    """Open a login session with a personal key. Only sessions and OIDC logins can sign; keys never do."""
    session, token = await open_session(at, said.key)
    return answer(
        {
            "token": token,
            "subject": session.subject,
            "roles": session.roles,
            "scopes": session.scopes,
            "expires_at": session.expires_at,
        }
    )


@router.delete("/session", status_code=204)
async def log_out(principal: Caller, at: TheContext) -> None:
    """End the session this request came with. Raises ``key_not_found`` where it came with none."""
    if principal.kind != "human":
        raise refuse("key_not_found", "This request came with a key and not with a session.")
    await at.keys.revoke(principal.key, principal.org, by=principal.subject)


@router.get("/whoami")
async def whoami(principal: Caller, at: TheContext) -> Response:
    """Who the service thinks is asking."""
    stands = principal.standing or at.application.catalogue.entitlement_of(principal.org, principal.subject).name
    return answer(
        {
            "subject": principal.subject,
            "org": principal.org,
            "kind": principal.kind,
            "roles": principal.roles,
            "scopes": principal.scopes,
            "standing": stands,
        }
    )


@router.get("/keys")
async def list_keys(principal: Admin, at: TheContext) -> Response:
    """The organisation's keys."""
    return answer({"items": [document(key) for key in await at.keys.list(principal.org)]})


@router.post("/keys", status_code=201)
async def make(principal: Admin, at: TheContext, asked: NewKey) -> Response:
    """A new key; its text is in this answer and nowhere else. Nobody gives rights they have not."""
    now = at.submission.clock()
    proposed = ApiKey(
        id="",
        kind="ak",
        org=principal.org,
        subject=asked.subject or f"key:{asked.name}",
        name=asked.name,
        roles=tuple(asked.roles),
        personal=asked.personal,
        created_at=now,
        standing=asked.standing or ("" if administers(principal) else _standing(at, principal)),
        scopes=tuple(asked.scopes) if asked.scopes is not None else scopes_of(tuple(asked.roles)),
        expires_at=_expiry(asked, principal, now),
    )
    maker = replace(principal, standing=_standing(at, principal))
    ensure_may_make(maker, proposed, people=await at.keys.people(principal.org), issuer=at.issuer is not None)
    # In the audit before there is a key: none that may spend more goes unrecorded.
    if asked.standing:
        await _stands(at, principal, asked.standing, asked.name)
    somebody = proposed.personal and proposed.subject != principal.subject
    key, text = await at.keys.make(
        principal.org,
        proposed.subject,
        name=proposed.name,
        roles=proposed.roles,
        scopes=proposed.scopes,
        personal=proposed.personal,
        expires_at=proposed.expires_at,
        standing=proposed.standing,
        by=principal.subject,
        verb="key.personal" if somebody else "key.made",
        note=proposed.subject if somebody else proposed.name,
    )
    await at.application.people.four_eyes.look()  # with a second person it is a team from now on
    return answer({**document(key), "key": text}, 201)


def _standing(at: TheContext, of: Principal | ApiKey) -> str:
    """By its name, also where the catalogue and not a key gives it. Empty: there is none, or it is gone."""
    return of.standing or at.application.catalogue.entitlement_of(of.org, of.subject).name


def _expiry(asked: NewKey, principal: Principal, now: datetime) -> datetime | None:
    """When the key ends: as asked; where nothing was asked, no later than the key it is made with."""
    until = now + timedelta(days=asked.expires_in_days) if asked.expires_in_days else None
    if "expires_in_days" in asked.model_fields_set or principal.until is None or administers(principal):
        return until
    return min(until, principal.until) if until else principal.until


@router.patch("/keys/{key_id}")
async def stand(principal: Admin, at: TheContext, key_id: str, asked: NewStanding) -> Response:
    """Give a key another standing; empty: as the catalogue has it for its holder."""
    key = await at.keys.get(key_id, principal.org)
    maker = replace(principal, standing=_standing(at, principal))
    ensure_may_stand(maker, replace(key, standing=_standing(at, key)), asked.standing)
    await _stands(at, principal, asked.standing, key.id)
    return answer(document(await at.keys.stand(key_id, principal.org, asked.standing)))


async def _stands(at: TheContext, principal: Caller, standing: str, key: str) -> None:
    """Who may spend more on models stands in the audit. Raises ``unknown_standing``."""
    if standing:
        at.application.catalogue.standing(standing)
    await audit_key(
        at.application.audit,
        at.application.engine.runs.engine,
        f"{key}: {standing or 'none'}",
        verb="key.standing",
        org=principal.org,
        actor=principal.subject,
        at=at.submission.clock(),
    )


@router.post("/keys/{key_id}/rotate", status_code=201)
async def rotate(principal: Caller, at: TheContext, key_id: str) -> Response:
    """A new key with the same rights and the same end; the old one works for another day at most.

    A program's key: by who has all it has, and the scope admin. A personal key: by its person alone, logged in.
    """
    maker, now = replace(principal, standing=_standing(at, principal)), at.submission.clock()

    def allowed(old: ApiKey) -> None:
        ensure_may_rotate(maker, replace(old, standing=_standing(at, old)), now=now)

    key, text = await at.keys.rotate(key_id, principal.org, by=principal.subject, allowed=allowed)
    return answer({**document(key), "key": text}, 201)


@router.delete("/keys/{key_id}", status_code=204)
async def revoke(principal: Admin, at: TheContext, key_id: str) -> None:
    """End a key at once, and the logins that were opened with it."""
    await at.keys.revoke(key_id, principal.org, by=principal.subject)


@router.delete("/members/{subject}", status_code=204)
async def remove_member(principal: Admin, at: TheContext, subject: str) -> None:
    """Take a member's roles away: what they signed and was not used yet does not count any more."""
    await at.members.remove(principal.org, subject)
    await audit_key(
        at.application.audit,
        at.application.engine.runs.engine,
        subject,
        verb="member.removed",
        org=principal.org,
        actor=principal.subject,
        at=at.submission.clock(),
    )
