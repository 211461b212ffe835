"""3, 4, 6–10 and 18, where they speak of HTTP: a real service, real sessions, and the statuses they promise."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import jwt
import pytest
from jwt.algorithms import RSAAlgorithm

from domain import Refused
from service.settings import Settings
from tests.worlds.asking import paused
from tests.worlds.hooks import OLD_SECRET, SECRET, message, signed
from tests.worlds.served import served
from tests.worlds.team import OURS, THEIRS, decide, login, team


async def test_03_doubtful_hooks_are_401_and_a_rotated_secret_is_200(tmp_path: Path) -> None:
    async with team(tmp_path) as (service, ballot, _), service.http("") as http:
        body, now = message(ballot), datetime.now(UTC)
        good = signed("m1", body, now, SECRET)
        for changed in (
            signed("m1", body, now - timedelta(minutes=6), SECRET),
            {**good, "webhook-signature": "v1,AAAA"},
            {**good, "webhook-signature": "nonsense"},
            {k: v for k, v in good.items() if k != "webhook-signature"},
            {**good, "webhook-timestamp": "soon"},
            {**good, "webhook-id": ""},
            {},
        ):
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
            for resume in (
                None,
                {},
                True,
                "approved, go ahead",
                [],
                {old: {"type": "approve"}},
                {"decisions": []},
                elsewhere,
                twice,
            ):
                asked = {"assistant_id": "coding", "command": {"resume": resume}}
                answer = await http.post(f"/threads/{thread}/runs/wait", json=asked)
                assert answer.status_code < 500, resume
                assert (await service.context.application.ballots.get(second["id"], "local")).state == "pending", resume
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
            await service.context.application.ballots.consume(ballot.id, "local", ballot.action_digest)


async def test_08_approve_after_reject_is_409(tmp_path: Path) -> None:
    async with team(tmp_path) as (service, ballot, _):
        assert await decide(service, ballot, login("bob"), "reject") == (200, "rejected")
        assert await decide(service, ballot, login("carol")) == (409, "already_decided")


async def test_09_a_link_looked_at_a_hundred_times_has_decided_nothing(tmp_path: Path) -> None:
    async with team(tmp_path) as (service, ballot, _), httpx.AsyncClient(base_url=service.url) as http:
        token = service.context.links.issue(
            ballot=ballot.id, org="local", action_digest=ballot.action_digest, until=ballot.expires_at
        )
        seen = [(await http.request(verb, f"/a/{token}")).status_code for verb in ("GET", "HEAD") * 50]
        assert set(seen) == {200}
        assert (await service.context.application.ballots.get(ballot.id, "local")).state == "pending"
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
            jwt.encode(claims, "", algorithm="none"),
            jwt.encode(claims, public, algorithm="HS256"),
            login("bob", key=THEIRS),
            login("bob", aud="others"),
            login("bob", iss="https://evil.example"),
            login("bob", exp=1),
            login("bob", exp=None),
            login("bob", sub=None),
            "a.b.c",
            "..",
            *(login("bob", kid=f"unknown-{number}") for number in range(100)),
        ]
        for token in forged:
            status, code = await decide(service, ballot, token)
            assert (status, code) == (401, "token_invalid"), token
        assert published.looks == looked
        assert (await service.context.application.ballots.get(ballot.id, "local")).votes == ()


async def test_06_nobody_logs_in_as_a_colleague_unseen(tmp_path: Path) -> None:
    """An administrator cannot make a second human of themselves: with OIDC not at all, without it not in secret."""
    wanted = {"name": "x", "subject": "bob", "personal": True, "roles": ["approver"]}
    async with team(tmp_path / "a") as (service, *_), service.http() as http:
        assert (await http.post("/v1/keys", json=wanted)).status_code == 403
    async with served(tmp_path / "b", approvals_mode="team") as service, service.http() as http:
        assert (await http.post("/v1/keys", json=wanted)).status_code == 201
        told = [line async for line in service.context.application.audit.export("local")]
        assert [(line["verb"], line["actor"], line["note"]) for line in told] == [("key.personal", "ann", "bob")]


def test_06_beyond_loopback_nobody_signs_for_themselves() -> None:
    for given in ({"host": "0.0.0.0"}, {"oidc_issuer": "https://id.example"}, {"approvals_mode": "team"}):  # noqa: S104
        assert Settings(**given).mode == "team"
    assert Settings().mode == "solo"


async def test_06_as_soon_as_there_is_a_second_person_four_eyes_hold(tmp_path: Path) -> None:
    async with served(tmp_path) as service, service.http() as admin:
        four_eyes = service.context.application.people.four_eyes
        async with service.http(service.session) as first:
            assert (await first.get("/v1/whoami")).status_code == 200
        assert (four_eyes.mode, four_eyes.requirement("high").allow_self) == ("solo", True)
        asked = {"name": "ben's laptop", "subject": "ben", "personal": True, "roles": ["approver"]}
        key = (await admin.post("/v1/keys", json=asked)).json()["key"]
        token = (await admin.post("/v1/session", json={"key": key})).json()["token"]
        async with service.http(token) as second:
            assert (await second.get("/v1/whoami")).json()["subject"] == "ben"
        assert (four_eyes.mode, four_eyes.requirement("high").allow_self) == ("team", False)
        assert (await admin.get("/info")).json()["metadata"]["approvals_mode"] == "team"
