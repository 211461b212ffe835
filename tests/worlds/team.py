"""A service whose people log in by OIDC, with the issuer, its tokens, and a question that waits."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from approvals import Ballot, Request, default_policy
from domain import Reason, Risk, Tier
from tests.worlds.asking import paused
from tests.worlds.hooks import OLD_SECRET, SECRET
from tests.worlds.quick import ACTION
from tests.worlds.served import Served, served

CRITICAL = ("operator", "approver", "critical_approver")
OURS, THEIRS = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))


class Published:
    """The issuer's page of keys; counts who looks at it."""

    looks = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.looks += 1
        page = json.dumps({"keys": [{**json.loads(RSAAlgorithm.to_jwk(OURS.public_key())), "kid": "k1"}]}).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(page)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + page)
        await writer.drain()
        writer.close()


def login(name: str, *, key: Any = OURS, kid: str = "k1", minutes: float = 0, **changed: Any) -> str:
    """A token of the issuer for a person who logged in so many minutes ago, with a second factor."""
    now = int(time.time())
    claims = {
        "iss": "https://id.example",
        "aud": "signoff",
        "sub": name,
        "org": "local",
        "roles": list(CRITICAL),
        "amr": ["pwd", "otp"],
        "exp": now + 60,
        "iat": now,
        "auth_time": now - int(minutes * 60),
    }
    claims |= changed
    return jwt.encode({k: v for k, v in claims.items() if v is not None}, key, "RS256", {"kid": kid})


def _connections(folder: Path) -> Path:
    """One integration, in the middle of a rotation, that knows bob."""
    folder.mkdir(exist_ok=True)
    file = folder / "connections.yaml"
    known = {"name": "ci", "org": "local", "secrets": [SECRET, OLD_SECRET], "members": {"idp:u-1": "bob"}}
    file.write_text(json.dumps({"hooks": [known]}))
    return file


@asynccontextmanager
async def team(tmp_path: Path, *, tier: Tier = "high") -> AsyncGenerator[tuple[Served, Ballot, Published]]:
    """A service whose people log in by OIDC, and a question of ann's that waits."""
    published = Published()
    server = await asyncio.start_server(published, "127.0.0.1", 0)
    where = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/keys"
    hooks = _connections(tmp_path)
    given = {"oidc_issuer": "https://id.example", "oidc_audience": "signoff", "oidc_jwks_url": where}
    async with server, served(tmp_path, approvals_mode="team", connections=hooks, **given) as service:
        thread, _ = await paused(service)
        request = Request(
            run=thread,
            step="extra",
            action=ACTION,
            requester="ann",
            risk=Risk(tier=tier, reasons=(Reason(rule="x.y", tier=tier, message="m"),)),
            requirement=default_policy().requirement(tier, mode="team"),
        )
        async with service.http(login("bob")) as http:
            assert (await http.get("/v1/whoami")).json()["kind"] == "human"
        yield service, await service.context.application.ballots.open(request), published


async def decide(service: Served, ballot: Ballot, who: str, decision: str = "approve") -> tuple[int, str]:
    """Status and code (or state) of one decision."""
    async with service.http(who) as http:
        said = {"decision": decision, "action_digest": ballot.action_digest}
        told = await http.post(f"/v1/approvals/{ballot.id}/decisions", json=said)
    return told.status_code, told.json().get("code") or told.json()["state"]
