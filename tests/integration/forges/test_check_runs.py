"""Check runs of GitHub: beside the commit status, where an app may; a person's token has the status only."""

import json
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from forges import CommitStatus, Forge, ForgeEntry, Forges
from tests.worlds.forge_app import installed
from tests.worlds.forge_server import ForgeServer, forge_server
from tests.worlds.publishing import PATH, delivered, pr_task, publishing


@pytest.fixture
async def server(tmp_path: Path) -> AsyncGenerator[ForgeServer]:
    async with forge_server("github", tmp_path / "forge") as running:
        running.add(PATH)
        yield running


async def test_one_check_run_goes_along_with_the_status(server: ForgeServer) -> None:
    registry = Forges(entries=(ForgeEntry(**{**server.entry(), **installed(server, checks="write")}),))
    forge: Forge = registry.named("forge")
    commit = server.branches(PATH)["main"]
    works = CommitStatus(state="pending", description="A refinement is worked on.")
    done = CommitStatus(state="success", description="pytest", url=f"{server.url}/pull/1", summary="### Evidence")
    for status, standing in (
        (works, [("in_progress", None)]),
        (works, [("in_progress", None)]),
        (done, [("completed", "success")]),
        # The same again, after a crash: nothing twice.
        (done, [("completed", "success")]),
        (works, [("completed", "success"), ("in_progress", None)]),
        (CommitStatus(state="error"), [("completed", "success"), ("completed", "failure")]),
    ):
        await forge.set_status(PATH, commit, status)
        assert [(run["status"], run["conclusion"]) for run in server.checks] == standing
    first = server.checks[0]
    assert (first["name"], first["head_sha"], first["details_url"]) == ("signoff", commit, done.url)
    assert first["output"] == {"title": "pytest", "summary": "### Evidence"}
    assert server.twin.statuses[PATH, commit][-1].state == "error"
    # Another app's check of that name is not ours.
    server.checks.append({**first, "id": 99, "app": {"slug": "other"}, "status": "in_progress"})
    await forge.set_status(PATH, commit, works)
    assert server.checks[2]["app"]["slug"] == "other"
    assert (server.checks[2]["status"], server.checks[-1]["status"], len(server.checks)) == (
        "in_progress",
        "in_progress",
        4,
    )
    await registry.close()


@pytest.mark.parametrize("app", [True, False])
async def test_without_the_right_there_is_the_status_alone(server: ForgeServer, *, app: bool) -> None:
    registry = Forges(entries=(ForgeEntry(**{**server.entry(), **(installed(server) if app else {})}),))
    commit = server.branches(PATH)["main"]
    await registry.named("forge").set_status(PATH, commit, CommitStatus(state="success"))
    assert [each.state for each in server.twin.statuses[PATH, commit]] == ["success"]
    assert not [each for each in server.asked if "check-runs" in each.path]
    await registry.close()


async def test_a_delivery_by_an_app_shows_its_evidence_as_a_check(server: ForgeServer, tmp_path: Path) -> None:
    file = tmp_path / "app.yaml"
    file.write_text(json.dumps({"forges": [{**server.entry(), **installed(server, checks="write")}]}))
    async with publishing(tmp_path, server, forges=file) as opened:
        standing = await delivered(opened, pr_task(server))
    assert standing.run.status == "delivered", standing.run.ending
    (pull,) = server.twin.pulls.values()
    (run,) = server.checks
    assert (run["conclusion"], run["head_sha"]) == ("success", pull.head_commit)
    assert run["details_url"] == standing.values["delivered"].url
    assert run["output"]["summary"] == pull.body
    assert "exit code 0" in run["output"]["title"]
