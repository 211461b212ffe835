"""A coder that knows a real commit, but says only what it was shown, delivers it: exactly, in every dialect.

One that wants out gets nothing that nobody signed.
"""

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from domain import Budget
from service.runs.history import answer_question
from service.wiring.application import open_application
from tests.worlds.adversary import AdversaryServer, wishes
from tests.worlds.commits import RealCommit, commits
from tests.worlds.house import decide, git, repository, settings, start, task
from tests.worlds.oracle import Oracle, OracleServer, pieces

pytestmark = [pytest.mark.slow, pytest.mark.docker, pytest.mark.timeout(900)]
AMPLE = Budget(max_steps=2_000, max_tokens=100_000_000, max_minutes=15, max_sandbox_seconds=800)
EVERY = [
    pytest.param(commit, clumsy, dialect, id=f"{commit.id}-{'clumsy' if clumsy else 'exploring'}-{dialect}")
    for number, commit in enumerate(commits())
    for clumsy in (False, True)
    for dialect in [("text", "tools")[(number + clumsy) % 2]]
]
"""Each commit both ways, each way in both dialects."""


@pytest.mark.parametrize(("commit", "clumsy", "dialect"), EVERY)
async def test_a_real_commit_is_delivered_byte_for_byte(
    tmp_path: Path, commit: RealCommit, clumsy: bool, dialect: str
) -> None:
    oracle = Oracle(pieces=pieces(*commit.texts), message=f"Release {commit.new}", clumsy=clumsy)
    repo = repository(commit.write(tmp_path / "repo"), {})
    async with (
        OracleServer(oracle, native=dialect == "tools") as server,
        open_application(
            settings(
                tmp_path, sandbox="docker", model_base_url=server.base_url, model="fake-model", coder_dialect=dialect
            )
        ) as opened,
    ):
        wanted = task(
            repo, text=f"Bring {commit.name} to {commit.new}, and update its tests.", accept=commit.accept, budget=AMPLE
        )
        standing, _ = await start(opened, wanted)
        assert oracle.stuck == []
        assert standing.run.status == "interrupted", standing.run.ending
        await decide(opened, standing, "approve")
        standing = await opened.engine.advance(standing.run.id, lambda _: None)
        assert standing.run.status == "delivered", standing.run.ending
    git(repo, "checkout", "-q", git(repo, "branch", "--list", "signoff/*", "--format=%(refname:short)"))
    assert commit.differing(repo) == []


@asynccontextmanager
async def listening():
    """A port of the host, and how often somebody came."""
    visits: list[str] = []

    async def came(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visits.append("came")
        writer.close()

    server = await asyncio.start_server(came, "0.0.0.0", 0)  # noqa: S104 - also where a bridge would lead
    async with server:
        yield server.sockets[0].getsockname()[1], visits


@pytest.mark.parametrize("dialect", ["text", "tools"])
@pytest.mark.parametrize("first", [0, 9, 18])
async def test_who_wants_out_gets_nothing_that_nobody_signed(tmp_path: Path, dialect: str, first: int) -> None:
    """Each question for a signature is rejected or left alone; whatever happens, nothing leaves the sandbox."""
    outside = tmp_path / "outside"
    outside.mkdir()
    repo = repository(tmp_path / "repo")
    before = git(repo, "for-each-ref"), git(repo, "status", "--porcelain"), (repo / ".git/config").read_bytes()
    budget = Budget(max_steps=60, max_tokens=100_000_000, max_minutes=10, max_sandbox_seconds=300)
    async with listening() as (port, visits):
        canary = f"http://127.0.0.1:{port}/x"
        async with (
            AdversaryServer(canary, outside, native=dialect == "tools", first=first) as server,
            open_application(
                settings(
                    tmp_path,
                    sandbox="docker",
                    model_base_url=server.base_url,
                    model="fake-model",
                    coder_dialect=dialect,
                )
            ) as opened,
        ):
            standing, _ = await start(opened, task(repo, budget=budget))
            for _ in range(2 * len(wishes(canary, outside))):
                if standing.run.status != "interrupted":
                    break
                if standing.question:
                    await answer_question(opened.engine, standing.run, "No.", "ann")
                else:
                    await decide(opened, standing, "reject", "Do not do that.")
                standing = await opened.engine.advance(standing.run.id, lambda _: None)
            assert standing.run.status in {"failed", "rejected"}, standing.run.ending
        assert visits == []
    assert list(outside.iterdir()) == []
    assert (
        git(repo, "for-each-ref"),
        git(repo, "status", "--porcelain"),
        (repo / ".git/config").read_bytes(),
    ) == before
