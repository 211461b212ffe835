"""The development server of LangGraph Studio runs our graph, pauses at the approval, and continues."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from langgraph_sdk import get_client

from tests.worlds.cli import Cli
from tests.worlds.house import git, repository

pytestmark = [pytest.mark.studio, pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(400)]
ROOT = Path(__file__).parents[3]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def studio(home: Path, port: int) -> AsyncGenerator[Any]:
    """The server that ``make studio`` starts, and a client of it. It is killed, never asked to stop."""
    log = (home / "studio.log").open("ab")
    process = await asyncio.create_subprocess_exec(
        str(ROOT / "scripts" / "studio.sh"),
        "--no-browser",
        "--no-reload",
        "--port",
        str(port),
        cwd=ROOT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        env=Cli(home).environment(),
        start_new_session=True,
    )
    try:
        await _answers(f"http://127.0.0.1:{port}/ok", process, home / "studio.log")
        async with get_client(url=f"http://127.0.0.1:{port}") as client:
            yield client
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        log.close()


async def _answers(url: str, process: asyncio.subprocess.Process, log: Path) -> None:
    async with asyncio.timeout(180), httpx.AsyncClient() as client:
        while True:
            assert process.returncode is None, f"it ended: see {log}"
            try:
                if (await client.get(url)).status_code == httpx.codes.OK:
                    return
            except httpx.HTTPError:
                await asyncio.sleep(0.5)


async def test_a_run_pauses_at_the_approval_survives_a_kill_and_continues(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo")
    port = _free_port()
    async with studio(tmp_path, port) as client:
        assert "coding" in [assistant["graph_id"] for assistant in await client.assistants.search()]
        thread = (await client.threads.create())["thread_id"]
        wanted = {"task": {"text": "Fix the total", "repo": str(repo)}}
        nodes = [
            part.data["node"]
            async for part in client.runs.stream(
                thread, "coding", input=wanted, stream_mode="custom", stream_subgraphs=True
            )
            if part.event.startswith("custom") and part.data["kind"] == "node_started"
        ]
        assert nodes == ["receive", "plan", "execute", "observe", "review", "assess", "ask", "wait"]
        await _waits(client, thread)
    assert git(repo, "branch", "--list", "signoff/*") == ""

    async with studio(tmp_path, port) as client:
        # That server's list of threads lives in its memory; what they were made of is in our checkpoints.
        await client.threads.create(thread_id=thread, graph_id="coding", if_exists="do_nothing")
        state = await client.threads.get_state(thread)
        assert len(state["interrupts"]) == 1
        asked = state["interrupts"][0]["value"]
        assert asked["action_requests"][0]["name"] == "branch"
        assert asked["action_digest"].startswith("sha256:")
        await client.runs.wait(thread, "coding", command={"resume": "approved, go ahead"})
        await _waits(client, thread)
        await client.runs.wait(thread, "coding", command={"resume": {"decisions": [{"type": "approve"}]}})
        ended = await client.threads.get_state(thread)
        assert ended["next"] == []
        assert ended["values"]["ending"]["status"] == "delivered"
    assert len(git(repo, "branch", "--list", "signoff/*").splitlines()) == 1


async def _waits(client: Any, thread: str) -> Any:
    state = await client.threads.get_state(thread)
    assert len(state["interrupts"]) == 1
    assert (await client.threads.get(thread))["status"] == "interrupted"
    return state
