"""What ``signoff doctor`` says of forges: each fault by its own words, with what to do, and no trace left there."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from forges import ForgeEntry, Forges
from forges.inbound import ForgeHook
from sandbox import Check
from service.forges.checks import check_forges
from tests.worlds.forge_app import GRANTED, installed
from tests.worlds.forge_hooks import SECRET
from tests.worlds.forge_server import ForgeServer, forge_server
from tests.worlds.forge_wire import Response

PATH = "acme/shop"
HOME = "https://signoff.example"
HOOK = {"name": "acme", "forge": "forge", "org": "local", "secrets": [SECRET], "members": {7: "ann"}}


def hook(**more: Any) -> ForgeHook:
    return ForgeHook(**{**HOOK, "repositories": [{"name": PATH}], **more})


async def no_wait(_: float) -> None:
    """Between two attempts."""


async def checks(server: ForgeServer, *hooks: ForgeHook, now: datetime | None = None, **entry: Any) -> dict[str, Check]:
    """By name; what they asked the forge was only asked."""
    registry = Forges(entries=(ForgeEntry(**{**server.entry(PATH), **entry}),), sleep=no_wait)
    try:
        made = await check_forges(registry, hooks, HOME, now or datetime.now(UTC))
    finally:
        await registry.close()
    assert {each.method for each in server.asked if "access_tokens" not in each.path} <= {"GET"}
    assert all(check.ok or check.hint for check in made)
    assert server.token not in repr(made)
    assert SECRET not in repr(made)
    return {check.name: check for check in made}


@pytest.fixture(params=["github", "gitlab"])
async def server(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[ForgeServer]:
    async with forge_server(request.param, tmp_path / "forge") as running:
        running.add(PATH)
        running.scopes = "repo" if running.kind == "github" else "api"
        yield running


async def test_a_forge_that_works(server: ForgeServer) -> None:
    server.twin.protected.add((PATH, "main"))
    made = await checks(server, hook(), repositories=[PATH, "acme/lib-*"])
    assert [*made] == ["forge forge", f"forge:{PATH}", "hook acme"]
    assert all(check.ok for check in made.values()), made
    assert "as signoff-bot" in made["forge forge"].detail
    assert "patterns of repositories, not looked at: 1" in made["forge forge"].detail
    assert made[f"forge:{PATH}"].detail == "may push; main is protected"
    assert made["hook acme"].detail == f"POST {HOME}/v1/hooks/forges/acme; secrets: 1, members: 1"


async def test_a_forge_that_is_away_or_does_not_know_the_token(server: ForgeServer) -> None:
    refused = await checks(server, token="x" * 40)
    assert [*refused] == ["forge forge"]
    assert not refused["forge forge"].passed
    assert "(forge_token_refused)" in refused["forge forge"].detail
    server.fault = lambda _: Response(503, {"message": "maintenance"})
    away = (await checks(server))["forge forge"]
    assert not away.passed
    assert "(forge_unavailable)" in away.detail


async def test_a_token_without_the_rights_or_about_to_end(server: ForgeServer) -> None:
    server.scopes = "read:org" if server.kind == "github" else "read_api"
    server.twin.expires_at = datetime(2027, 1, 31, tzinfo=UTC)
    made = await checks(server, now=server.twin.expires_at - timedelta(days=3))
    assert not made["forge forge"].passed
    assert "the token lacks " + ("repo" if server.kind == "github" else "api") in made["forge forge"].detail
    ends = made["forge forge token"]
    assert (ends.ok, ends.passed, ends.detail) == (False, True, "ends on 2027-01-31")
    assert "forge forge token" not in await checks(server, now=server.twin.expires_at - timedelta(days=15))


async def test_a_token_of_which_nothing_is_told(server: ForgeServer) -> None:
    server.scopes, server.rules_hidden = None, True
    made = await checks(server)
    assert made["forge forge"].ok
    assert "what this token may is not told" in made["forge forge"].detail
    assert made[f"forge:{PATH}"].detail.endswith("which rules hold for signoff/* is not told")


async def test_a_repository_that_takes_no_delivery(server: ForgeServer) -> None:
    server.twin.rules[PATH] = {"signoff/*": "creation"}
    held = (await checks(server))[f"forge:{PATH}"]
    assert (held.ok, held.passed) == (False, True)
    assert held.detail.startswith("rules keep pushes off signoff/*: ")
    # What nobody delivers to needs no right to push.
    assert "is read only" in (await checks(server, hook(), repositories=[]))[f"forge:{PATH}"].detail
    server.twin.repositories[PATH] = replace(server.twin.repositories[PATH], writable=False)
    assert (await checks(server))[f"forge:{PATH}"].detail == "the token may not push"
    missing = (await checks(server, repositories=["acme/gone"]))["forge:acme/gone"]
    assert not missing.passed
    assert "(forge_missing)" in missing.detail


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"repositories": []}, "it names no repository"),
        ({"members": {}}, "it names no member"),
        ({"repositories": [{"name": PATH, "triggers": ["ci"]}]}, "are nobody's to mend"),
        ({"repositories": [{"name": "acme/other"}]}, "acme/other delivers by pr, which may not be pushed there"),
        ({"repositories": [{"name": PATH, "url": "/srv/shop"}]}, "which may not be pushed there"),
    ],
)
async def test_a_hook_that_cannot_do_what_it_is_for(server: ForgeServer, wrong: dict[str, Any], words: str) -> None:
    server.add("acme/other")
    check = (await checks(server, hook(**wrong)))["hook acme"]
    assert not check.passed
    assert words in check.detail


async def test_a_signing_token_that_nothing_can_fit(server: ForgeServer) -> None:
    secret = "whsec_" + "%" * 40
    check = (await checks(server, hook(secrets=[SECRET, secret])))["hook acme"]
    # GitHub's secrets are any text.
    assert check.ok == (server.kind == "github")
    assert secret not in repr(check)


async def test_the_permissions_of_an_installation(tmp_path: Path) -> None:
    async with forge_server("github", tmp_path / "forge") as server:
        server.add(PATH)
        app = installed(server)["app"]

        async def forge(*hooks: ForgeHook, **entry: Any) -> Check:
            return (await checks(server, *hooks, **{"token": None, "app": app, **entry}))["forge forge"]

        server.permissions = GRANTED
        made = await checks(server, token=None, app=app)
        assert made["forge forge"].ok
        advice = made["forge forge checks"]
        assert (advice.ok, advice.passed, "checks: write" in advice.detail) == (False, True, True)
        server.permissions = {**GRANTED, "checks": "write"}
        assert "forge forge checks" not in await checks(server, token=None, app=app)
        mends = hook(ci="ann", repositories=[{"name": PATH, "triggers": ["ci"]}])
        assert (await forge(mends)).detail.endswith("lacks actions: read")
        server.permissions = {**GRANTED, "actions": "read", "contents": "read", "statuses": "none"}
        assert (await forge(mends)).detail.endswith("lacks contents: write, statuses: write")
        other = await forge(app={**app, "key": "no key"})
        assert "(forges_invalid)" in other.detail
        assert "(forges_invalid)" in (await forge(ca=str(tmp_path / "none.pem"))).detail
