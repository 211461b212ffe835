"""Principal of a request: who is asking, as the service authenticated them, and the scopes they have."""

from datetime import datetime
from typing import Literal

from approvals import Voter
from domain import value
from service.errors import refuse

Role = Literal["viewer", "operator", "approver", "critical_approver", "policy_admin", "auditor", "org_admin"]
Scope = Literal["runs:read", "runs:write", "approvals:read", "approvals:write", "audit:read", "admin"]
SCOPES: tuple[Scope, ...] = ("runs:read", "runs:write", "approvals:read", "approvals:write", "audit:read", "admin")

GRANTED: dict[str, tuple[Scope, ...]] = {
    "viewer": ("runs:read", "approvals:read"),
    "operator": ("runs:read", "runs:write", "approvals:read"),
    "approver": ("runs:read", "approvals:read", "approvals:write"),
    "critical_approver": ("runs:read", "approvals:read", "approvals:write"),
    "policy_admin": ("runs:read", "approvals:read", "admin"),
    "auditor": ("runs:read", "approvals:read", "audit:read"),
    "org_admin": ("runs:read", "runs:write", "approvals:read", "audit:read", "admin"),
}
"""What each role allows over HTTP. Signing is checked again, by the ballot."""


@value
class Principal:
    """One authenticated caller."""

    subject: str
    org: str
    kind: Literal["human", "api_key", "service"] = "human"
    roles: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    key: str = ""
    """Id of the API key or the session they came with."""
    session_started_at: datetime | None = None
    """When they logged in; None for a key."""
    mfa: bool = False
    standing: str = ""
    """What their key or login says about how they stand; empty: as the catalogue has it for them."""
    personal: bool = False
    """The key they came with is a person's login, used as a key."""
    until: datetime | None = None
    """When the key they came with ends, or the one they logged in with; None: it does not, or their issuer says."""
    lent: tuple[str, ...] = ()
    """Those of the roles that a person has only for as long as they work alone here."""

    @property
    def lasting(self) -> tuple[str, ...]:
        """The roles that are theirs also among several people."""
        return tuple(role for role in self.roles if role not in self.lent)

    @property
    def lasting_scopes(self) -> tuple[str, ...]:
        """The scopes of a program's key, or those that a person's lasting roles give."""
        return scopes_of(self.lasting) if self.kind == "human" else self.scopes

    def need(self, scope: Scope) -> None:
        """Raise ``scope_missing`` unless this caller has the scope."""
        if scope not in self.scopes:
            raise refuse("scope_missing", f"This needs the scope {scope}.")

    def voter(self, surface: Literal["http", "page", "langgraph"]) -> Voter:
        """The same person as the approvals room knows people. Keys and services never count there."""
        return Voter(
            subject=self.subject,
            kind=self.kind,
            roles=self.roles,
            org=self.org,
            surface=surface,
            session_started_at=self.session_started_at,
            mfa=self.mfa,
        )


def scopes_of(roles: tuple[str, ...]) -> tuple[str, ...]:
    """All scopes that any of these roles gives."""
    held = {scope for role in roles for scope in GRANTED.get(role, ())}
    return tuple(scope for scope in SCOPES if scope in held)
