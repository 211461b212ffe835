"""A delivery to a repository that may not be pushed to: pushed to its fork, and asked of the repository."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import pytest

from service.runs.history import refine
from tests.worlds.forge_server import ForgeServer, forge_server
from tests.worlds.house import advance, git, start
from tests.worlds.publishing import PATH, REFINED, delivered, forges_file, pr_task, publishing, signed

FORK = "signoff-bot/shop"


@pytest.fixture(params=["github", "gitlab"])
async def server(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[ForgeServer]:
    async with forge_server(request.param, tmp_path / "forge") as running:
        running.add(PATH)
        running.add_fork(PATH, FORK)
        yield running


async def test_what_may_not_be_pushed_to_gets_a_pull_request_from_its_fork(server: ForgeServer, tmp_path: Path) -> None:
    file = forges_file(tmp_path, server, forges=[{**server.entry(PATH), "forks": {PATH: FORK}}])
    async with publishing(tmp_path, server, REFINED, forges=file) as opened:
        first = await delivered(opened, pr_task(server))
        ballot = (await opened.ballots.list(opened.org, run=first.run.id)).items[0]
        await refine(opened.engine, first.run, "Say it better", "ann")
        standing, _ = await advance(opened, first.run.id)
        standing, _ = await signed(opened, standing)
    assert standing.run.status == "delivered", standing.run.ending
    before, after = first.values["delivered"], standing.values["delivered"]
    (pull,) = server.twin.pulls.values()
    assert (pull.path, pull.fork, pull.base, pull.head) == (PATH, FORK, "main", after.ref)
    assert list(server.branches(PATH)) == ["main"]
    assert server.branches(FORK)[after.ref] == after.commit
    assert git(server.bare(FORK), "rev-list", f"main..{after.ref}").split() == [after.commit, before.commit]
    # Where it is pushed to is signed, and it is asked of the repository that the task is about.
    assert ballot.action.arguments["fork"] == FORK
    assert (ballot.action.target, after.repository) == (f"forge:{PATH}", f"forge:{PATH}")
    assert server.twin.statuses[FORK, before.commit][0].state == "success"


@pytest.mark.parametrize(
    ("forks", "parent", "code", "words"),
    [
        ({}, PATH, "forge_forbidden", "forks"),
        ({PATH: FORK}, "acme/other", "fork_unrelated", "Fork acme/shop on the forge"),
        ({PATH: "signoff-bot/none"}, PATH, "forge_missing", ""),
    ],
)
async def test_a_fork_that_cannot_take_the_branch_is_named_before_any_work(
    server: ForgeServer, tmp_path: Path, forks: dict[str, str], parent: str, code: str, words: str
) -> None:
    server.twin.repositories[FORK] = replace(server.twin.repositories[FORK], parent=parent)
    file = forges_file(tmp_path, server, forges=[{**server.entry(PATH), "forks": forks}])
    async with publishing(tmp_path, server, {}, forges=file) as opened:
        standing, _ = await start(opened, pr_task(server))
    assert standing.run.ending is not None
    assert (standing.run.ending.code, words in standing.run.ending.hint) == (code, True)
    assert list(server.branches(FORK)) == ["main"]


async def test_a_fork_that_may_not_be_pushed_to_either_is_refused(server: ForgeServer, tmp_path: Path) -> None:
    server.twin.repositories[FORK] = replace(server.twin.repositories[FORK], writable=False)
    file = forges_file(tmp_path, server, forges=[{**server.entry(PATH), "forks": {PATH: FORK}}])
    async with publishing(tmp_path, server, {}, forges=file) as opened:
        standing, _ = await start(opened, pr_task(server))
    assert standing.run.ending is not None
    assert standing.run.ending.code == "forge_forbidden"
    assert FORK in standing.run.ending.message
