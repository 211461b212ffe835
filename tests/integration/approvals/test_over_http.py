"""3, 4, 6–10 and 18, where they speak of HTTP: a real service, real sessions, and the statuses they promise."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from approvals import Ballot, Request, default_policy
from domain import Reason, Refused, Risk, Tier
from service.settings import Settings
from tests.worlds.asking import paused
from tests.worlds.hooks import OLD_SECRET, SECRET, message, signed
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
    claims = {"iss": "https://id.example", "aud": "signoff", "sub": name, "org": "local", "roles": list(CRITICAL),
              "amr": ["pwd", "otp"], "exp": now + 60, "iat": now, "auth_time": now - int(minutes * 60)}  # fmt: skip
    claims |= changed
    return jwt.encode({k: v for k, v in claims.items() if v is not None}, key, "RS256", {"kid": kid})


@asynccontextmanager
async def team(tmp_path: Path, *, tier: Tier = "high") -> AsyncGenerator[tuple[Served, Ballot, Published]]:
    """A service whose people log in by OIDC, and a question of ann's that waits."""
    published = Published()
    server = await asyncio.start_server(published, "127.0.0.1", 0)
    where = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/keys"
    tmp_path.mkdir(exist_ok=True)
    hooks = tmp_path / "connections.yaml"
    hooks.write_text(
        f"hooks: [{{name: ci, org: local, secrets: ['{SECRET}', '{OLD_SECRET}'], members: {{'idp:u-1': bob}}}}]"
    )
    given = {"oidc_issuer": "https://id.example", "oidc_audience": "signoff", "oidc_jwks_url": where}
    async with server, served(tmp_path, approvals_mode="team", connections=hooks, **given) as service:
        thread, _ = await paused(service)
        request = Request(
            run=thread, step="extra", action=ACTION, requester="ann",
            risk=Risk(tier=tier, reasons=(Reason(rule="x.y", tier=tier, message="m"),)),
            requirement=default_policy().requirement(tier, mode="team"),
        )  # fmt: skip
        async with service.http(login("bob")) as http:
            assert (await http.get("/v1/whoami")).json()["kind"] == "human"
        yield service, await service.office.house.ballots.open(request), published


async def decide(service: Served, ballot: Ballot, who: str, decision: str = "approve") -> tuple[int, str]:
    """Status and code (or state) of one decision."""
    async with service.http(who) as http:
        said = {"decision": decision, "action_digest": ballot.action_digest}
        told = await http.post(f"/v1/approvals/{ballot.id}/decisions", json=said)
    return told.status_code, told.json().get("code") or told.json()["state"]


async def test_03_doubtful_hooks_are_401_and_a_rotated_secret_is_200(tmp_path: Path) -> None:
    async with team(tmp_path) as (service, ballot, _), service.http("") as http:
        body, now = message(ballot), datetime.now(UTC)
        good = signed("m1", body, now, SECRET)
        for changed in (
            signed("m1", body, now - timedelta(minutes=6), SECRET), {**good, "webhook-signature": "v1,AAAA"},
            {**good, "webhook-signature": "nonsense"}, {k: v for k, v in good.items() if k != "webhook-signature"},
            {**good, "webhook-timestamp": "soon"}, {**good, "webhook-id": ""}, {},
        ):  # fmt: skip
            answer = await http.post("/v1/hooks/approvals/ci", content=body, headers=changed)
            assert (answer.status_code, answer.json()["code"]) == (401, "signature_invalid"), changed
        assert (await http.post("/v1/hooks/approvals/ci", content=b"\xff\xfe", headers=good)).status_code == 401
        rotated = await http.post("/v1/hooks/approvals/ci", content=body, headers=signed("m2", body, now, OLD_SECRET))
        assert (rotated.status_code, rotated.json()["state"]) == (200, "approved")


async def test_04_no_resume_but_a_decision_touches_ballot_2(tmp_path: Path) -> None:
    async with served(tmp_path) as service:
        client, first = service.sdk(), await paused(service)
        old = (await client.threads.get_state(first[0]))["interrupts"][0]["id"]
        thread, second = await paused(service)
        elsewhere = {"approval_id": first[1]["id"], "type": "approve"}
        twice = [{"type": "accept"}, {"type": "accept"}]
        async with service.http(service.session) as http:
            for resume in (None, {}, True, "approved, go ahead", [], {old: {"type": "approve"}}, {"decisions": []},
                           elsewhere, twice):  # fmt: skip
                asked = {"assistant_id": "coding", "command": {"resume": resume}}
                answer = await http.post(f"/threads/{thread}/runs/wait", json=asked)
                assert answer.status_code < 500, resume
                assert (await service.office.house.ballots.get(second["id"], "local")).state == "pending", resume
        assert service.deliveries == []


async def test_06_neither_requester_nor_editor_nor_key_and_nobody_twice(tmp_path: Path) -> None:
    async with team(tmp_path, tier="critical") as (service, ballot, _):
        assert await decide(service, ballot, login("ann")) == (403, "self_approval")
        for machine in (service.key, login("robot", auth_time=None)):
            status, code = await decide(service, ballot, machine)
            assert (status, code in {"not_approver", "scope_missing"}) == (403, True)
        assert await decide(service, ballot, login("bob")) == (202, "pending")
        assert await decide(service, ballot, login("bob")) == (202, "pending")
        assert await decide(service, ballot, login("BOB ")) == (202, "pending")
        async with service.http(login("bob")) as http:
            told = (await http.get(f"/v1/approvals/{ballot.id}")).json()
        assert (told["approvals"], told["needed"]) == (1, 2)
        assert await decide(service, ballot, login("carol")) == (200, "approved")


async def test_07_an_old_login_must_step_up_and_a_lost_role_is_noticed_at_use(tmp_path: Path) -> None:
    async with team(tmp_path, tier="critical") as (service, ballot, _):
        assert await decide(service, ballot, login("bob", minutes=11)) == (403, "step_up_required")
        assert await decide(service, ballot, login("bob", amr=["pwd"])) == (403, "step_up_required")
        assert (await decide(service, ballot, login("bob")))[0] == 202
        assert (await decide(service, ballot, login("carol")))[0] == 200
        async with service.http(login("carol", roles=["viewer"])) as http:
            await http.get("/v1/whoami")  # her newest login says that she is no approver any more
        with pytest.raises(Refused, match="lost the role"):
            await service.office.house.ballots.consume(ballot.id, "local", ballot.action_digest)


async def test_08_approve_after_reject_is_409(tmp_path: Path) -> None:
    async with team(tmp_path) as (service, ballot, _):
        assert await decide(service, ballot, login("bob"), "reject") == (200, "rejected")
        assert await decide(service, ballot, login("carol")) == (409, "already_decided")


async def test_09_a_link_looked_at_a_hundred_times_has_decided_nothing(tmp_path: Path) -> None:
    async with team(tmp_path) as (service, ballot, _), httpx.AsyncClient(base_url=service.url) as http:
        token = service.office.links.issue(
            ballot=ballot.id, org="local", action_digest=ballot.action_digest, until=ballot.expires_at
        )
        seen = [(await http.request(verb, f"/a/{token}")).status_code for verb in ("GET", "HEAD") * 50]
        assert set(seen) == {200}
        assert (await service.office.house.ballots.get(ballot.id, "local")).state == "pending"
        assert (await http.post(f"/a/{token}", data={"decision": "approve"})).status_code == 403


async def test_10_other_organisations_and_chat_identities(tmp_path: Path) -> None:
    async with team(tmp_path, tier="critical") as (service, ballot, _), service.http("") as http:
        assert await decide(service, ballot, login("bob", org="others")) == (404, "approval_missing")
        body = message(ballot)
        headers = signed("m1", body, datetime.now(UTC), SECRET)
        answer = await http.post("/v1/hooks/approvals/ci", content=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "step_up_required")


async def test_18_forged_logins_are_401_and_fetch_no_keys(tmp_path: Path) -> None:
    async with team(tmp_path) as (service, ballot, published):
        looked, claims = published.looks, jwt.decode(login("bob"), options={"verify_signature": False})
        public = RSAAlgorithm.to_jwk(OURS.public_key(), as_dict=True)["n"]  # what an algorithm mix-up would hash with
        forged = [
            jwt.encode(claims, "", algorithm="none"), jwt.encode(claims, public, algorithm="HS256"),
            login("bob", key=THEIRS), login("bob", aud="others"), login("bob", iss="https://evil.example"),
            login("bob", exp=1), login("bob", exp=None), login("bob", sub=None), "a.b.c", "..",
            *(login("bob", kid=f"unknown-{number}") for number in range(100)),
        ]  # fmt: skip
        for token in forged:
            status, code = await decide(service, ballot, token)
            assert (status, code) == (401, "token_invalid"), token
        assert published.looks == looked
        assert (await service.office.house.ballots.get(ballot.id, "local")).votes == ()


async def test_06_nobody_logs_in_as_a_colleague_unseen(tmp_path: Path) -> None:
    """An administrator cannot make a second human of themselves: with OIDC not at all, without it not in secret."""
    wanted = {"name": "x", "subject": "bob", "personal": True, "roles": ["approver"]}
    async with team(tmp_path / "a") as (service, *_), service.http() as http:
        assert (await http.post("/v1/keys", json=wanted)).status_code == 403
    async with served(tmp_path / "b", approvals_mode="team") as service, service.http() as http:
        assert (await http.post("/v1/keys", json=wanted)).status_code == 201
        told = [line async for line in service.office.house.audit.export("local")]
        assert [(line["verb"], line["actor"], line["note"]) for line in told] == [("key.personal", "ann", "bob")]


def test_06_beyond_loopback_nobody_signs_for_themselves() -> None:
    for given in ({"host": "0.0.0.0"}, {"oidc_issuer": "https://id.example"}, {"approvals_mode": "team"}):  # noqa: S104
        assert Settings(**given).mode == "team"
    assert Settings().mode == "solo"
