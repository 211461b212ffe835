"""What waits for a signature is one comment where the run came from, and says in the end what became of it."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from approvals import Decision
from tests.worlds.forge_server import ForgeServer, forge_server
from tests.worlds.forge_wire import ANN, Request, Response
from tests.worlds.publishing import PATH, forges_file
from tests.worlds.served import Served, served


@pytest.fixture(params=["github", "gitlab"])
async def server(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[ForgeServer]:
    async with forge_server(request.param, tmp_path / "forge") as running:
        running.add(PATH)
        yield running


def asked(number: int, repository: str = PATH) -> dict[str, object]:
    origin = {"forge": "forge", "repository": repository, "subject": "issue", "number": number}
    return {"text": "sign it", "repo": "/nowhere", "accept": "true", "origin": origin}


async def bodies(server: ForgeServer, number: int, path: str = PATH) -> Sequence[str]:
    return [comment.body for comment in await server.twin.comments(path, "issue", number)]


async def waiting(service: Served, task: dict[str, object]) -> str:
    """Start a run that waits; its approval's id."""
    client = service.sdk()
    thread = (await client.threads.create())["thread_id"]
    await client.runs.wait(thread, "coding", input={"task": task})
    async with service.http() as http:
        (item,) = (await http.get("/v1/approvals", params={"state": "pending", "run": thread})).json()["items"]
    return str(item["id"])


async def test_an_approval_is_one_comment_that_is_edited(server: ForgeServer, tmp_path: Path) -> None:
    issue = server.twin.add_issue(PATH, ANN, "The total is wrong")
    async with served(tmp_path, forges=forges_file(tmp_path, server), walks=False) as service:
        sender, ballots = service.context.maintenance.sender, service.context.application.ballots
        id_ = await waiting(service, asked(issue.number))
        ballot = await ballots.get(id_, "local")
        await sender.round()
        (shown,) = await bodies(server, issue.number)
        for part in (
            "high action waits",
            "one person",
            ballot.action_digest,
            f"{service.context.settings.home_url}/a/",
        ):
            assert part in shown
        decision = Decision(choice="approve", action_digest=ballot.action_digest)
        await ballots.vote(id_, decision, service.context.application.people.voter("ann", "local"))
        await sender.round()
        (shown,) = await bodies(server, issue.number)
        assert "was approved" in shown
        assert "ann: approve" in shown
        assert "/a/" not in shown


async def test_a_forge_that_is_away_is_told_later_and_once(server: ForgeServer, tmp_path: Path) -> None:
    issue = server.twin.add_issue(PATH, ANN, "The total is wrong")
    away: list[str] = []

    def fault(request: Request) -> Response | None:
        """The first comment is not taken."""
        if request.method == "POST" and not away:
            away.append(request.path)
            return Response(503, {"message": "down"})
        return None

    server.fault = fault
    async with served(tmp_path, forges=forges_file(tmp_path, server), walks=False) as service:
        sender = service.context.maintenance.sender
        await waiting(service, asked(issue.number))
        await sender.round()
        assert not await bodies(server, issue.number)
        outbox = await sender.outbox.list("local")  # type: ignore[attr-defined]
        assert [(item.endpoint, item.state, item.attempts) for item in outbox] == [("@forge", "waiting", 1)]
        later = replace(sender.outbox, clock=lambda: outbox[0].due_at)  # type: ignore[type-var]
        again = replace(sender, outbox=later, clock=lambda: outbox[0].due_at)
        await again.round()
        assert len(await bodies(server, issue.number)) == 1


@pytest.mark.parametrize("repository", ["other/place", "acme/../other/place", "acme/../other/place/issues/1/comments?"])
async def test_nothing_is_written_where_nothing_may_be_published(
    server: ForgeServer, tmp_path: Path, repository: str
) -> None:
    """A client may say that its task came from any issue, and spell its repository as it likes."""
    server.add("other/place")
    issue = server.twin.add_issue("other/place", ANN, "Not yours")
    file = forges_file(tmp_path, server, forges=[server.entry("acme/*")])
    async with served(tmp_path, forges=file, walks=False) as service:
        await waiting(service, asked(issue.number, repository))
        await service.context.maintenance.sender.round()
        assert not await bodies(server, issue.number, "other/place")
        assert not [request for request in server.asked if request.method != "GET"]
