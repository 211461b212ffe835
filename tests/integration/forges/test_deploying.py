"""A deployment is asked for once, by a signed request, after two people signed."""

import asyncio
import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from approvals import Decision
from service.runs.runs import RunState
from service.wiring.application import Application
from tests.worlds.forge_server import ForgeServer, forge_server
from tests.worlds.house import advance, git, repository, start, task
from tests.worlds.publishing import PATH, forges_file, pr_task, publishing

SECRET = "whsec_" + "c2lnbm9mZi1kZXBsb3ktY2FuYXJ5LXNlY3JldA=="


@dataclass(slots=True)
class Receiver:
    """Somebody who deploys; ``answers`` are given in turn, then 200. It takes every message id once."""

    answers: list[int] = field(default_factory=list[int])
    heard: list[tuple[dict[str, str], bytes]] = field(default_factory=list[tuple[dict[str, str], bytes]])
    url: str = ""

    @property
    def deployed(self) -> dict[str, bytes]:
        return {headers["webhook-id"]: body for headers, body in self.heard}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in head.split("\r\n")[1:] if line)}
        self.heard.append((headers, await reader.readexactly(int(headers["content-length"]))))
        status = self.answers.pop(0) if self.answers else 200
        writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()
        await writer.wait_closed()


@pytest.fixture
async def receiver() -> AsyncGenerator[Receiver]:
    made = Receiver()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/deploy"
    async with server:
        yield made


@pytest.fixture
async def server(tmp_path: Path) -> AsyncGenerator[ForgeServer]:
    async with forge_server("github", tmp_path / "forge") as running:
        running.add(PATH)
        yield running


def hook(receiver: Receiver, *repositories: str) -> dict[str, object]:
    return {
        "name": "production",
        "url": receiver.url,
        "secrets": [SECRET],
        "repositories": list(repositories or ("*",)),
    }


async def sign_twice(opened: Application, standing: RunState) -> None:
    """Two people with a fresh login and a second factor."""
    assert standing.ballot is not None
    ballot = await opened.ballots.get(standing.ballot, opened.org)
    assert (ballot.tier, ballot.requirement.humans) == ("critical", 2)
    decision = Decision(choice="approve", action_digest=ballot.action_digest)
    for name in ("vera", "wanda"):
        voter = opened.people.voter(name, opened.org)
        fresh = replace(voter, mfa=True, session_started_at=opened.engine.clock(), surface="http")
        await opened.ballots.vote(ballot.id, decision, fresh)


async def test_a_commit_is_deployed_once_by_two_signatures(
    server: ForgeServer, receiver: Receiver, tmp_path: Path
) -> None:
    receiver.answers = [503]
    file = forges_file(tmp_path, server, deploys=[hook(receiver, f"{server.url}/acme/*")])
    async with publishing(tmp_path, server, forges=file, approvers="vera,wanda") as opened:
        standing, _ = await start(opened, pr_task(server, deliver="deploy"))
        await sign_twice(opened, standing)
        standing, _ = await advance(opened, standing.run.id)
        assert standing.run.ending is not None
        assert standing.run.ending.code == "deploy_unanswered"
        standing, _ = await advance(opened, standing.run.id)
        ballot = (await opened.ballots.list(opened.org, run=standing.run.id)).items[0]
    assert standing.run.status == "delivered", standing.run.ending
    assert ballot.state == "executed"
    assert len(receiver.heard) == 2
    assert list(receiver.deployed) == [f"deploy_{ballot.id}"]
    headers, body = receiver.heard[-1]
    Webhook(SECRET).verify(body, headers)
    delivered, data = standing.values["delivered"], json.loads(body)["data"]
    assert data["commit"] == delivered.commit == server.branches(PATH)[delivered.ref]
    assert data["tree"] == standing.values["snapshot"].tree
    assert data["repository"] == f"forge:{PATH}"
    assert data["action_digest"] == ballot.action_digest
    assert data["signed_by"] == ["vera", "wanda"]
    assert ballot.action.arguments["hook"] == "production"
    assert not server.twin.pulls


async def test_a_local_repository_is_deployed_from_a_branch(
    server: ForgeServer, receiver: Receiver, tmp_path: Path
) -> None:
    repo = repository(tmp_path / "repo")
    file = forges_file(tmp_path, server, deploys=[hook(receiver, str(repo))])
    async with publishing(tmp_path, server, forges=file, approvers="vera,wanda") as opened:
        standing, _ = await start(opened, task(repo, deliver="deploy"))
        await sign_twice(opened, standing)
        standing, _ = await advance(opened, standing.run.id)
    assert standing.run.status == "delivered", standing.run.ending
    delivered = standing.values["delivered"]
    assert git(repo, "rev-parse", delivered.ref) == delivered.commit
    (headers, body) = receiver.heard[0]
    assert json.loads(body)["data"]["commit"] == delivered.commit
    assert SECRET not in f"{headers} {body!r}"


@pytest.mark.parametrize(
    ("repositories", "answer", "code"),
    [(["https://other.example/*"], 200, "deploy_unknown"), (["*"], 401, "deploy_refused")],
)
async def test_what_is_not_deployed_says_why(
    server: ForgeServer, receiver: Receiver, tmp_path: Path, repositories: list[str], answer: int, code: str
) -> None:
    receiver.answers = [answer]
    file = forges_file(tmp_path, server, deploys=[hook(receiver, *repositories)])
    async with publishing(tmp_path, server, forges=file, approvers="vera,wanda") as opened:
        standing, _ = await start(opened, pr_task(server, deliver="deploy"))
        if standing.ballot is not None:
            await sign_twice(opened, standing)
            standing, _ = await advance(opened, standing.run.id)
    assert standing.run.ending is not None
    assert standing.run.ending.code == code
    assert standing.run.ending.hint
