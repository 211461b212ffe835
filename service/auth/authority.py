"""What a caller may do to keys. Pure: nobody hands on, renews or prolongs more than they have themselves.

A personal key is a login: who holds it is that person. So it is made by the person, logged in, or by an administrator
who is a person, for somebody who is new here; and only the person renews it. A program's key gives programs at most
what it has: scopes, roles, time and standing. Whatever the chain of operations, it ends within what it began with.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from service.auth.principal import Principal, scopes_of
from service.errors import refuse


class Rights(Protocol):
    """What a key gives to who holds it."""

    @property
    def org(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def roles(self) -> tuple[str, ...]: ...
    @property
    def scopes(self) -> tuple[str, ...]: ...
    @property
    def personal(self) -> bool: ...
    @property
    def expires_at(self) -> datetime | None: ...
    @property
    def standing(self) -> str: ...


def administers(principal: Principal) -> bool:
    """Whether this is a person who runs the organisation. A program with the role is a program."""
    return "org_admin" in principal.roles and (principal.kind == "human" or principal.personal)


def ensure_may_make(principal: Principal, key: Rights, *, people: Sequence[str], issuer: bool = False) -> None:
    """Check a new key. ``people``: who can log in here. ``issuer``: by OIDC.

    Raises:
        Refused: ``role_missing`` for a key that stands for a person; ``key_above_maker`` for more than the caller has.
    """
    _same_org(principal, key)
    if not key.personal:
        # It would stand in every record as that person.
        if key.subject in people and key.subject != principal.subject:
            raise refuse("role_missing", f"{key.subject} is a person; a program acts in its own name.")
        return _within(principal, key)
    if key.subject == principal.subject:
        if issuer:
            raise refuse("role_missing", "People log in by OIDC here, and need no personal key.")
        if principal.kind != "human" and not principal.personal:
            raise refuse("role_missing", "A program's key makes no key that stands for a person.")
        return _within(principal, key, own=True)
    if issuer:
        raise refuse("role_missing", "People log in by OIDC here; nobody makes a personal key for somebody else.")
    if not administers(principal):
        raise refuse("role_missing", "Only an administrator, as a person, lets somebody new log in.")
    if key.subject in people:
        raise refuse("role_missing", f"{key.subject} logs in already: only they make or renew a key of theirs.")
    return None


def ensure_may_rotate(principal: Principal, old: Rights, *, now: datetime) -> None:
    """Check the renewal of a key: whoever gets its new text, gets all it can do.

    Raises:
        Refused: ``key_ended``; ``role_missing`` for another person's key or without a login; ``key_above_maker``.
    """
    _same_org(principal, old)
    if old.expires_at is not None and old.expires_at <= now:
        raise refuse("key_ended", "This key has ended, and stays so.")
    if old.personal:
        if principal.kind != "human" or principal.subject != old.subject:
            raise refuse("role_missing", "A personal key is renewed by its person alone, logged in.")
        return
    principal.need("admin")
    _within(principal, old)


def ensure_may_stand(principal: Principal, key: Rights, standing: str) -> None:
    """Check another standing for a key. Raises ``key_above_maker``."""
    _same_org(principal, key)
    if administers(principal):
        return
    if key.personal and key.subject != principal.subject:
        raise refuse("key_above_maker", "A person's standing is given by an administrator.")
    _within(principal, key, standing=standing)


def _within(principal: Principal, key: Rights, *, own: bool = False, standing: str | None = None) -> None:
    """Raise ``key_above_maker`` unless the key is no more than its maker is."""
    if not own and administers(principal):
        return
    if more := sorted(set(key.roles) - set(principal.lasting)):
        raise refuse("key_above_maker", f"You do not hold the role {more[0]}, so no key of yours has it.")
    # A personal key opens sessions, and those have the scopes of its roles, too.
    scopes = {*key.scopes, *(scopes_of(key.roles) if key.personal else ())}
    if more := sorted(scopes - set(principal.lasting_scopes)):
        raise refuse("key_above_maker", f"You do not have the scope {more[0]}, so no key of yours has it.")
    if principal.until is not None and (key.expires_at is None or key.expires_at > principal.until):
        raise refuse(
            "key_above_maker", f"Your own key ends at {principal.until.isoformat()}; no key of yours lasts longer."
        )
    if (key.standing if standing is None else standing) != principal.standing or key.standing not in {
        "",
        principal.standing,
    }:
        raise refuse("key_above_maker", "Your keys have the standing that you have; an administrator gives another.")


def _same_org(principal: Principal, key: Rights) -> None:
    if principal.org != key.org:
        # Not forbidden but not there: which ids another organisation has is not for the caller to learn.
        raise refuse("key_not_found", "There is no such key.")
