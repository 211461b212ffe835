"""Keys over HTTP: nobody makes, renews or prolongs more than they have, and a program never ends as a person."""

from datetime import datetime
from itertools import product
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.worlds.asking import SIGN, paused
from tests.worlds.served import Served, served
from tests.worlds.team import login, team


async def program(service: Served, *roles: str, **given: Any) -> httpx.AsyncClient:
    """A client with a program's key of these roles."""
    _, text = await service.context.keys.make("local", "key:robot", name="robot", roles=roles, **given)
    return service.http(text)


async def id_of(service: Served, subject: str) -> str:
    return next(key.id for key in await service.context.keys.list("local") if key.subject == subject)


async def log(service: Served) -> list[dict[str, Any]]:
    return [dict(line) async for line in service.context.application.audit.export("local")]


@pytest.mark.parametrize("roles", [("policy_admin",), ("org_admin",), ("org_admin", "approver", "critical_approver")])
async def test_a_program_never_becomes_a_person(service: Served, roles: tuple[str, ...]) -> None:
    ann = await id_of(service, "ann")
    async with await program(service, *roles) as http:
        asked = [
            await http.post(f"/v1/keys/{ann}/rotate"),
            await http.post("/v1/keys", json={"name": "x", "subject": "ann", "personal": True}),
            await http.post("/v1/keys", json={"name": "x", "subject": "key:robot", "personal": True}),
            await http.post("/v1/keys", json={"name": "x", "subject": "ben", "personal": True, "roles": ["approver"]}),
            await http.post("/v1/keys", json={"name": "x", "subject": "ann"}),
        ]
    assert [answer.status_code for answer in asked] == [403] * 5
    assert {answer.json()["code"] for answer in asked} == {"role_missing"}
    assert len(await service.context.keys.list("local")) == 2


async def test_not_even_a_personal_key_renews_itself_without_a_login(service: Served) -> None:
    ann = await id_of(service, "ann")
    async with service.http(service.key) as key, service.http(service.session) as session:
        assert (await key.post(f"/v1/keys/{ann}/rotate")).json()["code"] == "role_missing"
        new = (await session.post(f"/v1/keys/{ann}/rotate")).json()
        assert (new["personal"], new["subject"]) == (True, "ann")
    (line,) = [line for line in await log(service) if line["verb"] == "key.rotated"]
    assert line["actor"] == "ann"
    assert (ann in line["note"], new["id"] in line["note"], line["object"]) == (True, True, f"key:{ann}")


async def test_a_login_whose_key_has_ended_is_not_among_those_that_work(service: Served) -> None:
    keys, ann = service.context.keys, await id_of(service, "ann")
    assert len(await keys.sessions("local", "ann")) == 1
    await keys.revoke(ann, "local", by="ann")
    assert await keys.sessions("local", "ann") == []


async def test_a_person_renews_their_own_key_and_nobody_elses(service: Served) -> None:
    keys, ann = service.context.keys, await id_of(service, "ann")
    made, _ = await keys.make("local", "ben", personal=True, roles=("viewer",))
    await service.context.application.people.four_eyes.look()
    _, ben = await keys.log_in(made, roles=())
    key = next(key for key in await keys.list("local") if key.subject == "ann")
    _, again = await keys.log_in(key, roles=())
    async with service.http(ben) as person, service.http(again) as admin:
        assert (await person.post(f"/v1/keys/{made.id}/rotate")).status_code == 201
        assert (await person.post(f"/v1/keys/{ann}/rotate")).json()["code"] == "role_missing"
        assert (await admin.post(f"/v1/keys/{made.id}/rotate")).json()["code"] == "role_missing"
        assert (await admin.post("/v1/keys", json={"name": "x", "subject": "ben", "personal": True})).status_code == 403


@pytest.mark.parametrize(
    "wanted",
    [
        {"roles": ["operator"]},
        {"roles": ["org_admin"]},
        {"scopes": ["runs:write"]},
        {"scopes": ["approvals:write"]},
        {"roles": ["policy_admin"], "expires_in_days": 60},
        {"roles": ["policy_admin"], "expires_in_days": None},
        {"roles": ["policy_admin"], "standing": "priority"},
    ],
    ids=str,
)
async def test_no_key_of_mine_is_more_than_mine(service: Served, wanted: dict[str, Any]) -> None:
    until = service.context.submission.clock().replace(year=service.context.submission.clock().year + 1)
    admin, _ = await service.context.keys.make("local", "key:big", name="big", roles=("org_admin",), expires_at=until)
    soon = service.context.submission.clock() + (until - service.context.submission.clock()) / 12
    async with await program(service, "policy_admin", expires_at=soon) as http:
        answer = await http.post("/v1/keys", json={"name": "more", **wanted})
        assert (answer.status_code, answer.json()["code"]) == (403, "key_above_maker")
        assert (await http.post(f"/v1/keys/{admin.id}/rotate")).json()["code"] == "key_above_maker"
        assert (await http.patch(f"/v1/keys/{admin.id}", json={"standing": "priority"})).status_code == 403
        less = (await http.post("/v1/keys", json={"name": "less", "roles": ["policy_admin"]})).json()
        assert datetime.fromisoformat(less["expires_at"]) <= soon


async def test_what_has_ended_stays_ended_and_renewing_prolongs_nothing(service: Served) -> None:
    keys, now = service.context.keys, service.context.submission.clock()
    async with service.http(service.session) as http:
        gone = (await http.post("/v1/keys", json={"name": "gone", "roles": ["viewer"]})).json()
        await http.delete(f"/v1/keys/{gone['id']}")
        assert (await http.post(f"/v1/keys/{gone['id']}/rotate")).json()["code"] == "key_ended"
        assert (await http.delete(f"/v1/keys/{gone['id']}")).status_code == 204
        async with service.http(gone["key"]) as dead:
            assert (await dead.get("/v1/whoami")).status_code == 401
        short = (await http.post("/v1/keys", json={"name": "short", "roles": [], "expires_in_days": 0.01})).json()
        new = (await http.post(f"/v1/keys/{short['id']}/rotate")).json()
    old = await keys.get(short["id"], "local")
    assert old.expires_at is not None
    assert (old.expires_at - now).total_seconds() < 3_600
    assert new["expires_at"] == short["expires_at"]
    assert [line["verb"] for line in await log(service)] == ["key.made", "key.revoked", "key.made", "key.rotated"]


async def test_a_login_ends_with_its_key_and_opens_no_other(service: Served) -> None:
    ann = await id_of(service, "ann")
    async with service.http("") as http:
        answer = await http.post("/v1/session", json={"key": service.session})
        assert (answer.status_code, answer.json()["code"]) == (403, "role_missing")
    async with service.http(service.key) as key, service.http(service.session) as session:
        assert (await key.delete("/v1/session")).status_code == 404
        assert (await session.delete(f"/v1/keys/{ann}")).status_code == 204
        assert (await session.get("/v1/whoami")).json()["code"] == "key_invalid"


@pytest.mark.parametrize("roles", [("policy_admin",), ("operator",), ("org_admin", "approver")])
async def test_a_program_stops_no_run_for_good(service: Served, roles: tuple[str, ...]) -> None:
    thread, item = await paused(service)
    async with await program(service, *roles) as http:
        answer = await http.post(f"/v1/runs/{thread}/kill")
        assert (answer.status_code, answer.json()["code"]) == (403, "not_approver")
    async with service.http(service.session) as person:
        assert (await person.get(f"/v1/approvals/{item['id']}")).json()["state"] == "pending"
        assert (await person.post(f"/v1/runs/{thread}/kill")).status_code == 200


@pytest.mark.parametrize(
    "name", ["\u0430nn", "a\u00adnn", "ann\u200b", "\u202eann", "\uff41nn", "ANN", "key:R\u043ebot"]
)
async def test_a_name_that_passes_for_another_is_refused(service: Served, name: str) -> None:
    async with await program(service, "viewer"), service.http(service.session) as http:
        for more in ({"personal": True}, {}):
            answer = await http.post("/v1/keys", json={"name": "x", "subject": name, **more})
            assert (answer.status_code, answer.json()["code"]) == (409, "subject_collides")
        nothing = await http.post("/v1/keys", json={"name": "x", "subject": "\u200b\u202e"})
        assert nothing.status_code == 422
        for pair in ("user1", "userl"):
            assert (await http.post("/v1/keys", json={"name": pair, "subject": pair})).status_code == 201


async def test_a_page_is_shown_to_who_may_read_approvals(tmp_path: Path) -> None:
    async with team(tmp_path) as (service, ballot, _):
        links, shown = service.context.links, "Who is signing?"
        link = links.issue(ballot=ballot.id, org="local", action_digest=ballot.action_digest, until=ballot.expires_at)
        for roles, asked in (([], True), (["viewer"], False)):
            cookie = {"cookie": f"signoff_session={login('carl', roles=roles)}"}
            async with service.http("") as http:
                assert (shown in (await http.get(f"/a/{link}", headers=cookie)).text) is asked


async def test_a_login_that_passes_for_another_is_refused(tmp_path: Path) -> None:
    async with team(tmp_path) as (service, _, _):
        names = ("b\u043eb", "bo\u200bb", "\u0430nn", "key:\u200badmin")
        for name, roles in product(names, (["approver"], [], None)):
            async with service.http(login(name, roles=roles)) as http:
                answer = await http.get("/v1/whoami")
            expected = (200, None) if name.startswith("key") else (409, "subject_collides")
            assert (answer.status_code, answer.json().get("code")) == expected, name
        async with service.http(login("bob")) as http:
            assert (await http.get("/v1/whoami")).status_code == 200


async def test_a_service_account_that_passes_for_another_is_refused(tmp_path: Path) -> None:
    async with team(tmp_path) as (service, _, _):
        for name in ("b\u043eb", "bo\u200bb", "\u0430nn"):
            async with service.http(login(name, auth_time=None)) as http:
                answer = await http.get("/v1/whoami")
            assert (answer.status_code, answer.json().get("code")) == (409, "subject_collides"), name
        for name in ("robot", "robot", "bob"):  # the last one: a token of bob's own, without the time of a login
            async with service.http(login(name, auth_time=None)) as http:
                answer = await http.get("/v1/whoami")
            assert (answer.status_code, answer.json().get("kind")) == (200, "service"), name
        for kind in ({}, {"auth_time": None}):  # nobody passes for a program that is known either
            async with service.http(login("r\u043ebot", **kind)) as http:
                assert (await http.get("/v1/whoami")).json().get("code") == "subject_collides"
        assert "robot" not in await service.context.keys.people("local")


async def test_who_works_alone_lends_nothing_to_another_organisation(service: Served) -> None:
    keys = service.context.keys
    for subject in ("ann", "eve"):
        key, _ = await keys.make("other", subject, roles=["viewer"], personal=True)
        _, session = await keys.log_in(key, roles=await service.context.application.people.roles("other", subject))
        async with service.http(session) as http:
            assert (await http.get("/v1/whoami")).json()["roles"] == ["viewer"]


async def test_who_made_a_programs_key_does_not_sign_what_it_asks_for(tmp_path: Path) -> None:
    """The person behind a program is one of the two pairs of eyes already; so is who renewed its key."""
    team_of = served(tmp_path, approvals_mode="team", approvers="ann")
    async with team_of as service, service.http(service.session) as ann:
        made = (await ann.post("/v1/keys", json={"name": "ci", "roles": ["operator"]})).json()
        below = service.sdk(made["key"])
        thread = (await below.threads.create())["thread_id"]
        await below.runs.wait(thread, "coding", input=SIGN)
        (item,) = (await ann.get("/v1/approvals", params={"run": thread, "state": "pending"})).json()["items"]
        said = {"decision": "approve", "action_digest": item["action_digest"]}
        answer = await ann.post(f"/v1/approvals/{item['id']}/decisions", json=said)
        assert (item["requester"], answer.status_code, answer.json()["code"]) == ("key:ci", 403, "self_approval")
        assert (await ann.get("/v1/approvals", params={"mine": "true", "run": thread})).json()["items"] == []
    kept = await service.context.keys.list("local")
    assert next(key.makers for key in kept if key.subject == "key:ci") == ("ann",)
