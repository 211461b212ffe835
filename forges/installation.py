"""Installation of a GitHub app: its token, an hour long, and the permissions that come with it.

https://docs.github.com/rest/apps/apps#create-an-installation-access-token-for-an-app
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pydantic import SecretStr

from domain import Refused
from forges.client import ForgeClient
from forges.contract import Purpose

_NEEDED: Mapping[Purpose, Mapping[str, str]] = {
    "deliver": {
        "contents": "write",
        "pull_requests": "write",
        "issues": "write",
        "statuses": "write",
        "metadata": "read",
    },
    "ci": {"actions": "read"},
    "checks": {"checks": "write"},
}
"""Permissions of an installation, by what they are for."""
_LEVELS = ("", "read", "write", "admin")


@dataclass(slots=True, kw_only=True)
class InstallationToken:
    """The token of an app's installation: an hour long, made anew five minutes before it ends."""

    app: str
    installation: int
    key: SecretStr = field(repr=False)
    """PEM of the app's private key."""
    clock: Callable[[], datetime]
    permissions: Mapping[str, str] = field(default_factory=dict[str, str])
    """Of the newest token: ``contents`` → ``write``."""
    _token: str = field(default="", repr=False)
    _until: datetime | None = None

    async def token(self, client: ForgeClient) -> str:
        now = self.clock()
        if self._until is None or now + timedelta(minutes=5) >= self._until:
            import jwt  # noqa: PLC0415  it is slow to load, and only apps need it

            # A minute back: GitHub refuses what a clock that is ahead of its own has signed.
            claims = {"iat": int(now.timestamp()) - 60, "exp": int(now.timestamp()) + 540, "iss": self.app}
            try:
                proof = jwt.encode(claims, self.key.get_secret_value(), algorithm="RS256")
            except (ValueError, TypeError, jwt.PyJWTError):
                raise Refused(
                    f"The key of the app of {client.name} is no private key.",
                    code="forges_invalid",
                    hint="Make one on the page of the app, and name the PEM file that GitHub sends: key: file:app.pem.",
                ) from None
            answer = await client.request(
                "POST", f"/app/installations/{self.installation}/access_tokens", authorization=f"Bearer {proof}"
            )
            self._token, self._until = answer.body["token"], datetime.fromisoformat(answer.body["expires_at"])
            self.permissions = answer.body.get("permissions", {})
        return self._token

    def lacking(self) -> Mapping[Purpose, Sequence[str]]:
        """What was not granted, by what it is for, as the newest token says."""
        return {
            purpose: [
                f"{name}: {level}"
                for name, level in needed.items()
                if _rank(level) > _rank(self.permissions.get(name, ""))
            ]
            for purpose, needed in _NEEDED.items()
        }


def _rank(level: str) -> int:
    return _LEVELS.index(level) if level in _LEVELS else 0
