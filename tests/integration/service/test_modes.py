"""From solo to team: what one person could do alone ends everywhere at once, in open logins, pages and processes."""

import shutil
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from approvals import Decision, Request
from domain import Refused
from service.auth.four_eyes import local_user
from service.wiring.application import open_application
from tests.worlds import postgres
from tests.worlds.asking import paused
from tests.worlds.served import Served, served

BEN = {"name": "ben's laptop", "subject": "ben", "personal": True, "roles": ["viewer"]}


async def login_of(service: Served, name: str, *roles: str) -> str:
    key, _ = await service.context.keys.make("local", name, personal=True, roles=roles)
    _, session = await service.context.keys.log_in(
        key, roles=await service.context.application.people.roles("local", name)
    )
    return session


async def test_a_login_of_solo_mode_ends_with_it(service: Served) -> None:
    """Ann is a mere viewer, who could sign alone."""
    _, item = await paused(service)
    key, text = await service.context.keys.make("local", "ann", personal=True, roles=("viewer",))
    _, session = await service.context.keys.log_in(
        key, roles=await service.context.application.people.roles("local", "ann")
    )
    ballot = await service.context.application.ballots.get(item["id"], "local")
    token = service.context.links.issue(
        ballot=ballot.id, org="local", action_digest=ballot.action_digest, until=ballot.expires_at
    )
    link = f"/a/{token}"
    said = {"decision": "approve", "action_digest": item["action_digest"]}
    async with service.http(session) as http, service.http("") as page, service.http(service.session) as admin:
        assert "critical_approver" in (await http.get("/v1/whoami")).json()["roles"]
        assert (await page.post(link, data={"key": text})).status_code == 303
        page.cookies.set("signoff_session", session, path="/a")
        open_page = (await page.get(link)).text
        assert item["action_digest"] in open_page
        assert (await admin.post("/v1/keys", json=BEN)).status_code == 201

        assert (await http.post(f"/v1/approvals/{ballot.id}/decisions", json=said)).status_code == 401
        assert (await http.get("/v1/whoami")).json()["code"] == "key_invalid"
        csrf = open_page.partition('name="csrf" value="')[2].partition('"')[0]
        form = {"csrf": csrf, "decision": "approve", "action_digest": item["action_digest"]}
        assert (await page.post(link, data=form)).status_code == 403
        assert "Who is signing?" in (await page.get(link)).text

        again = (await page.post("/v1/session", json={"key": text})).json()
        assert "critical_approver" not in again["roles"]
    async with service.http(again["token"]) as http:
        answer = await http.post(f"/v1/approvals/{item['id']}/decisions", json=said)
        assert answer.status_code == 403
    assert (await service.context.application.ballots.get(item["id"], "local")).votes == ()


async def test_a_process_that_remembers_solo_mode_signs_nothing(service: Served) -> None:
    """Another process on the same database, such as a command line that is still open, knew one person only."""
    _, item = await paused(service)
    async with open_application(service.context.settings) as other:
        assert other.people.mode == "solo"
        voter = other.person("ann")
        remembered = replace(voter, roles=("approver", "critical_approver", "operator"))
        await login_of(service, "ben", "viewer")
        decision = Decision(choice="approve", action_digest=item["action_digest"])
        for who in (voter, remembered, replace(remembered, subject="somebody")):
            with pytest.raises(Refused) as caught:
                await other.ballots.vote(item["id"], decision, who)
            assert caught.value.stable_code in {"not_approver", "self_approval"}
        assert other.people.mode == "team"
        with pytest.raises(Refused) as caught:
            other.person("somebody")
        assert caught.value.stable_code == "sign_as_refused"
        assert other.person().subject == local_user()


async def test_what_was_signed_alone_is_not_used_among_several(service: Served) -> None:
    _, item = await paused(service)
    ballots = service.context.application.ballots
    first = await ballots.get(item["id"], "local")
    assert first.requirement.allow_self
    other = await ballots.open(
        Request(
            run=first.run,
            step="extra",
            action=first.action,
            risk=first.risk,
            requirement=first.requirement,
            requester="ann",
        )
    )
    decision = Decision(choice="approve", action_digest=other.action_digest)
    voted = await ballots.vote(other.id, decision, service.context.application.people.voter("ann", "local"))
    assert (voted.state, voted.votes[0].self_approved) == ("approved", True)
    await login_of(service, "ben", "viewer")
    with pytest.raises(Refused) as caught:
        await ballots.consume(other.id, "local", other.action_digest)
    assert caught.value.stable_code == "not_approver"


async def test_it_stays_a_team_when_people_leave_and_servers_start_anew(tmp_path: Path) -> None:
    async with served(tmp_path) as service:
        await login_of(service, "ben", "viewer")
        assert (await service.context.application.people.alone("local")) is False
        for key in await service.context.keys.list("local"):
            await service.context.keys.revoke(key.id, "local")
        await service.stop()
    async with served(tmp_path) as service:
        assert service.context.application.people.mode == "team"
        assert service.context.application.people.four_eyes.requirement("high").allow_self is False


async def test_a_server_that_is_started_as_a_team_ends_what_was_before(tmp_path: Path) -> None:
    async with served(tmp_path) as service:
        session = service.session
        async with service.http(session) as http:
            assert (await http.get("/v1/whoami")).status_code == 200
        await service.stop()
    async with served(tmp_path, approvals_mode="team") as service, service.http(session) as http:
        assert (await http.get("/v1/whoami")).status_code == 401


@pytest.mark.postgres
@pytest.mark.slow
async def test_a_second_server_on_the_same_database_knows_at_once(tmp_path: Path) -> None:
    with postgres.cluster() as folder:
        server = await postgres.emptied(folder, "modes")
        async with AsyncExitStack() as stack:
            first = await stack.enter_async_context(served(tmp_path / "a", server=server))
            shutil.copytree(tmp_path / "a" / "home" / "keys", tmp_path / "b" / "home" / "keys")
            second = await stack.enter_async_context(served(tmp_path / "b", server=server))
            assert (first.context.application.people.mode, second.context.application.people.mode) == ("solo", "solo")
            async with first.http(first.session) as admin:
                assert (await admin.get("/v1/whoami")).status_code == 200
                assert (await admin.post("/v1/keys", json=BEN)).status_code == 201
            async with second.http(second.session) as http:
                assert (await http.get("/v1/whoami")).status_code == 401
            assert await second.context.application.people.alone("local") is False
