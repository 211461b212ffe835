"""The server is killed while runs advance: nothing is lost, nothing is delivered twice."""

import asyncio
import os
import random
import signal
import socket
import sys
from collections import Counter
from pathlib import Path

import httpx
import pytest

from tests.architecture.tree import ROOT

TASK = {"input": {"task": {"text": "do it", "repo": "/nowhere", "accept": "true"}}, "assistant_id": "coding"}
SIGN = {"input": {"task": {"text": "sign it", "repo": "/nowhere", "accept": "true"}}, "assistant_id": "coding"}


class Server:
    """A service in a process of its own."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.folder, self.key, self.session = folder, "", ""
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.worlds.served", str(self.folder), str(self.port), cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert self.process.stdout is not None
        self.key, self.session = (await asyncio.wait_for(self.process.stdout.readline(), 60)).decode().split()

    async def kill(self) -> None:
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGKILL)
        await self.process.wait()
        self.process._transport.close()

    def client(self, key: str | None = None) -> httpx.AsyncClient:
        headers = {"x-api-key": key or self.key}
        return httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", headers=headers, timeout=30)


async def statuses(server: Server, threads: list[str]) -> Counter[str]:
    found: Counter[str] = Counter()
    async with server.client() as http:
        for thread in threads:
            (newest, *_) = (await http.get(f"/threads/{thread}/runs")).json()
            found[newest["status"]] += 1
    return found


async def settled(server: Server, threads: list[str], wanted: str) -> None:
    async with asyncio.timeout(60):
        while (await statuses(server, threads))[wanted] < len(threads):  # noqa: ASYNC110  another process
            await asyncio.sleep(0.1)


@pytest.mark.slow
async def test_kill_9_loses_no_run_and_delivers_nothing_twice(tmp_path: Path) -> None:
    server, threads, dice = Server(tmp_path), list[str](), random.Random(7)
    await server.start()
    for _ in range(5):
        async with server.client() as http:
            for _ in range(6):
                started = await http.post("/runs", json=TASK)
                threads.append(started.json()["thread_id"])
        await asyncio.sleep(dice.uniform(0, 0.25))
        await server.kill()
        await server.start()
    await settled(server, threads, "success")
    await server.kill()
    delivered = Counter((tmp_path / "deliveries").read_text().split())
    assert delivered == Counter(threads)


@pytest.mark.slow
async def test_what_waits_for_a_person_outlives_the_server(tmp_path: Path) -> None:
    server, threads = Server(tmp_path), list[str]()
    await server.start()
    async with server.client() as http:
        for _ in range(4):
            threads.append((await http.post("/runs/wait", json=SIGN)).headers["content-location"].split("/")[2])
    await server.kill()
    await server.start()
    assert await statuses(server, threads) == {"interrupted": 4}
    async with server.client(server.session) as http:
        for item in (await http.get("/v1/approvals", params={"state": "pending"})).json()["items"]:
            said = {"decision": "approve", "action_digest": item["action_digest"]}
            assert (await http.post(f"/v1/approvals/{item['id']}/decisions", json=said)).status_code == 200
    await server.kill()  # decided, and killed before or while the runs go on
    await server.start()
    await settled(server, threads, "success")
    await server.kill()
    assert Counter((tmp_path / "deliveries").read_text().split()) == Counter(threads)
