"""An app's installation: its token is made from a short proof, kept for an hour, and made anew in time."""

import json
from datetime import UTC, datetime, timedelta

import httpx
import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import SecretStr

from forges.client import ForgeClient
from forges.installation import InstallationToken

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
KEY = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()


class Clock:
    now = NOW

    def __call__(self) -> datetime:
        return self.now


async def test_a_token_is_made_kept_and_made_anew() -> None:
    clock, asked = Clock(), []

    def answer(request: httpx.Request) -> httpx.Response:
        proof = request.headers["authorization"].removeprefix("Bearer ")
        claims = jwt.decode(
            proof, KEY.public_key(), algorithms=["RS256"], options={"verify_exp": False, "verify_iat": False}
        )
        asked.append((request.url.path, claims))
        until = (clock() + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        return httpx.Response(201, content=json.dumps({"token": f"ghs_{len(asked)}", "expires_at": until}))

    async def never() -> str:
        raise AssertionError("the app proves itself, not by a token")

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        client = ForgeClient(name="hub", api="https://api.example", http=http, token=never)
        token = InstallationToken(app="12", installation=34, key=SecretStr(PEM), clock=clock)
        assert [await token.token(client) for _ in range(2)] == ["ghs_1", "ghs_1"]
        clock.now = NOW + timedelta(minutes=56)
        assert await token.token(client) == "ghs_2"
    path, claims = asked[0]
    assert path == "/app/installations/34/access_tokens"
    assert claims["iss"] == "12"
    assert claims["exp"] - claims["iat"] <= 600
    assert "PRIVATE" not in repr(token)
    assert "ghs_" not in repr(token)
