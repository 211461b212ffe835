"""OpenID Connect logins: JWTs with pinned algorithms, issuer, audience and expiry (RFC 8725)."""

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeGuard

import httpx
import jwt

from domain import Transient
from service.auth.principal import Principal, scopes_of
from service.errors import refuse

FETCH_AGAIN_S = 30.0
"""Unknown key ids make us look for new keys at most this often: a flood of them fetches nothing."""
LEEWAY_S = 10
"""Clocks may differ by this much."""
LAST_S = 253_402_300_799
"""The end of the year 9999, the last one there is here."""
_NAME = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,200}")
SIGNING = frozenset({"approver", "critical_approver"})
MFA = frozenset({"mfa", "otp", "hwk", "swk", "fpt", "face", "sms"})
"""Authentication methods (RFC 8176) that count as a second factor."""


class KeysUnavailable(Transient):
    code = "login_unavailable"


@dataclass(slots=True, kw_only=True)
class Issuer:
    """Verifies the tokens of one issuer."""

    issuer: str
    audience: str
    jwks_url: str
    algorithms: tuple[str, ...]
    client: httpx.AsyncClient
    default_org: str
    monotonic: Callable[[], float] = time.monotonic
    _keys: dict[str, jwt.PyJWK] = field(default_factory=dict[str, jwt.PyJWK])
    _read_at: float = -FETCH_AGAIN_S
    _fault: str = ""
    """Why the keys could not be read the last time; empty: they could."""
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        # With an HMAC the issuer's public key would be the secret (RFC 8725, 2.1).
        if not set(self.algorithms) <= {"RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"}:
            raise refuse("authentication_needed", "Only asymmetric signature algorithms are accepted for logins.")

    async def check(self, token: str) -> Principal:
        """Who this token says is asking. Raises ``token_invalid`` for every fault alike."""
        try:
            head = jwt.get_unverified_header(token)
            if head.get("alg") not in self.algorithms:
                raise jwt.InvalidAlgorithmError("algorithm")
            claims = jwt.decode(
                token,
                await self._key(str(head.get("kid", ""))),
                algorithms=list(self.algorithms),
                issuer=self.issuer,
                audience=self.audience,
                options={"require": ["exp", "iss", "aud", "sub"]},
                leeway=LEEWAY_S,
            )
        except jwt.PyJWTError:
            raise refuse("token_invalid", "This login is not valid.") from None
        return self._who(claims)

    async def _key(self, kid: str) -> jwt.PyJWK:
        """One of the issuer's keys. Raises ``login_unavailable``; ``PyJWTError`` for one that it does not publish."""
        if kid in self._keys:
            return self._keys[kid]
        async with self._reading:  # who logs in while the keys are read waits for them: the login may be valid
            if kid not in self._keys and self.monotonic() - self._read_at >= FETCH_AGAIN_S:
                self._read_at, self._fault = self.monotonic(), ""
                try:
                    answer = (await self.client.get(self.jwks_url)).raise_for_status()
                    published = jwt.PyJWKSet.from_dict(answer.json())
                    self._keys = {str(key.key_id): key for key in published.keys}
                except (httpx.HTTPError, ValueError, RecursionError, jwt.PyJWTError) as error:
                    self._fault = type(error).__name__
        if kid in self._keys:
            return self._keys[kid]
        if self._fault:  # until the issuer is asked again nobody knows whether this login is valid
            raise KeysUnavailable(
                f"The keys of the issuer cannot be read: {self._fault}",
                hint="Look at SIGNOFF_OIDC_JWKS_URL, then try again.",
            )
        raise jwt.InvalidKeyError("unknown key")

    def _who(self, claims: Mapping[str, Any]) -> Principal:
        """Raises ``token_invalid`` for claims that no row can keep, and for a login that is yet to come."""
        claimed_roles, methods, standing = claims.get("roles"), claims.get("amr"), claims.get("standing")
        org = claims.get("org") or self.default_org
        roles = tuple(filter(_named, claimed_roles)) if isinstance(claimed_roles, list) else ()
        machine = claims.get("gty") == "client-credentials" or not isinstance(claims.get("auth_time"), int)
        if machine:
            # A service account proves no person: it never signs, whatever its roles say.
            roles = tuple(role for role in roles if role not in SIGNING)
        now = datetime.now(UTC).timestamp() + LEEWAY_S
        # A person's session counts from the login; a program has none, and its token ends.
        timely = 0 <= claims["exp"] <= LAST_S if machine else 0 <= claims["auth_time"] <= now
        if not timely or not (_named(claims["sub"]) and _named(org)):
            raise refuse("token_invalid", "This login is not valid.")
        logged_in = None if machine else datetime.fromtimestamp(claims["auth_time"], UTC)
        return Principal(
            subject=claims["sub"],
            org=org,
            kind="service" if machine else "human",
            roles=roles,
            scopes=scopes_of(roles),
            key="oidc",
            session_started_at=logged_in,
            mfa=isinstance(methods, list) and any(isinstance(method, str) and method in MFA for method in methods),
            standing=standing if _named(standing) else "",
            until=datetime.fromtimestamp(claims["exp"], UTC) if machine else None,
        )


def _named(text: Any) -> TypeGuard[str]:
    """Whether this is a text that every database keeps."""
    return isinstance(text, str) and _NAME.fullmatch(text) is not None
