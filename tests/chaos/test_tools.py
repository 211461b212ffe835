"""``kill -9`` of a worker in the middle of a call of an MCP server's tool: what acts is not sent a second time."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.asking import real_task, sign_all, started
from tests.chaos.life import Life
from tests.chaos.nursery import Nursery
from tests.traces.test_tool_calls import CREATE, DONE, EDIT, SEARCH
from tests.wire.openai_answers import Received
from tests.wire.openai_server import OpenAIServer
from tests.worlds import postgres
from tests.worlds.house import OK, QUICK, git, repository
from tests.worlds.tools import TicketServer

pytestmark = [pytest.mark.postgres, pytest.mark.slow, pytest.mark.timeout(600)]


class Coder(OpenAIServer):
    """Answers by how far the conversation is, whichever process asks."""

    turns = (CREATE, SEARCH, EDIT, DONE)

    def next_step(self, request: Received) -> dict[str, Any] | None:
        if request.form != "text":
            return super().next_step(request)
        taken = sum(message["role"] == "assistant" for message in request.body["messages"])
        return {"answer": self.turns[min(taken, len(self.turns) - 1)]}


async def called(tickets: TicketServer, line: str, *, times: int, life: Life | None = None) -> None:
    """Return when the server has noted so many calls; ``life``: what waits for a signature is signed meanwhile."""
    async with asyncio.timeout(90):
        while sum(each.startswith(line) for each in tickets.log) < times:
            if life is not None:
                await sign_all(life.child)
            await asyncio.sleep(0.05)


async def test_what_acts_is_sent_once_and_what_reads_is_asked_again(
    born: Nursery, tmp_path: Path, cluster: Path
) -> None:
    repo, tickets = repository(tmp_path / "repo"), TicketServer(tmp_path / "tickets")
    async with Coder([{"when": "review", "repeat": True, "answer": OK}]) as model:
        tools = {
            name: str(each) if isinstance(each, Path) else each for name, each in (await tickets.settings()).items()
        }
        given = {"server": await postgres.emptied(cluster, "tools"), "lease_s": 5.0, "workers": 0, "whole": True}
        given |= {"model_base_url": model.base_url, "coder_dialect": "text", **tools}
        life = Life(born, tmp_path, given, helping={"workers": 1})
        await life.start()
        tickets.behaves("hangs")
        thread = await started(life.child, real_task(repo, QUICK))
        await called(tickets, "create", times=1, life=life)
        await life.help()  # the worker is killed while it waits for the answer, and another one comes
        await called(tickets, "search", times=1)
        await life.helper.kill()
        tickets.behaves("")
        await life.help()
        assert await life.settled([thread]) == {"success": 1}
        assert life.deaths == 2
        assert sum(each.startswith("create") for each in tickets.log) == 1, "nobody knows whether it was done"
        assert sum(each.startswith("search") for each in tickets.log) == 2
        (branch,) = git(repo, "branch", "--list", "signoff/*").split()
        assert git(repo, "rev-list", "--count", f"main..{branch}") == "1"
