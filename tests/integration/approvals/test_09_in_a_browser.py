"""9. The confirm page in a real Chromium, as wide as a phone and without JavaScript: looking decides nothing."""

from pathlib import Path

import pytest

from approvals import Request
from domain import Action, Reason, Risk
from tests.worlds.asking import ended, paused
from tests.worlds.chromium import PHONE, phone
from tests.worlds.served import Served, served

pytestmark = [pytest.mark.browser, pytest.mark.slow]
HIDDEN = "rm -rf build \u202e# dliub eht\u200b naelc"
DIFF = "--- a/deploy.sh\n+++ b/deploy.sh\n@@ -1 +1 @@\n-make build\n+make build\tFLAGS=" + "x" * 300 + "\n"


async def link(service: Served, ballot: str) -> str:
    asked = await service.context.application.ballots.get(ballot, "local")
    links = service.context.links
    token = links.issue(ballot=asked.id, org="local", action_digest=asked.action_digest, until=asked.expires_at)
    return f"{service.url}/a/{token}"


async def test_09_a_person_logs_in_reads_and_signs_on_a_phone(tmp_path: Path) -> None:
    async with served(tmp_path) as service, phone(tmp_path / "profile") as tab:
        thread, item = await paused(service)
        url = await link(service, item["id"])
        for _ in range(5):
            await tab.go(url)
        assert "Who is signing?" in await tab.html()
        await tab.type("input[name=key]", service.key)
        await tab.press("button")
        page = await tab.html()
        assert "May this happen?" in page
        assert item["action_digest"] in page
        assert (await service.context.application.ballots.get(item["id"], "local")).state == "pending"
        await tab.type("textarea", "Read on a phone.")
        await tab.press("button[value=approve]")
        assert "Your decision is recorded." in await tab.html()
        assert (await ended(service, thread))["status"] == "success"
        (vote,) = (await service.context.application.ballots.get(item["id"], "local")).votes
        assert (vote.choice, vote.comment, vote.surface, vote.self_approved) == (
            "approve",
            "Read on a phone.",
            "page",
            True,
        )
        assert service.deliveries == [thread]


async def test_11_what_hides_is_seen_and_nothing_runs_off_the_screen(tmp_path: Path) -> None:
    async with served(tmp_path) as service, phone(tmp_path / "profile") as tab:
        thread, item = await paused(service)
        asked = await service.context.application.ballots.get(item["id"], "local")
        risk = Risk(tier="high", reasons=(Reason(rule="content.deceptive", tier="high", message="hidden characters"),))
        action = Action(tool="shell", arguments={"commands": [HIDDEN], "change": "{}"}, cwd="/work/repo")
        requirement = asked.requirement
        request = Request(
            run=thread, step="x", action=action, risk=risk, requirement=requirement, requester="ann", diff=DIFF
        )
        ballot = await service.context.application.ballots.open(request)
        await tab.go(await link(service, ballot.id))
        await tab.type("input[name=key]", service.key)
        await tab.press("button")
        page = await tab.html()
        assert "U+202E RIGHT-TO-LEFT OVERRIDE" in page
        assert "\u202e" not in page
        assert "x" * 300 in page
        assert await tab.width() <= PHONE["width"]
        assert len(await tab.picture()) > 10_000
