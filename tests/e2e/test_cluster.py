"""The topology of ``deploy/compose.yaml`` without images: the real commands, two servers and three workers."""

import asyncio
import signal
from collections.abc import Generator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from tests.worlds import postgres
from tests.worlds.cli import Cli, told
from tests.worlds.cluster import InTurn
from tests.worlds.house import QUICK, repository


@pytest.fixture
def socket() -> Generator[Path]:
    with postgres.cluster() as folder:
        yield folder


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.timeout(400)
async def test_two_servers_and_three_workers(tmp_path: Path, socket: Path) -> None:
    postgres.sql(socket, "CREATE DATABASE cluster")
    env = {
        "SIGNOFF_DATABASE_URL": postgres.libpq(socket, "cluster"),
        "SIGNOFF_SANDBOX": "unsafe-local",
        "SIGNOFF_LEASE_S": "5",
        "SIGNOFF_DRAIN_S": "10",
    }
    cli, servers = Cli(tmp_path, env), Cli(tmp_path, {**env, "SIGNOFF_WORKERS": "0"})
    refused = await servers.run("serve", "--port", "0")
    assert (refused.code, "Traceback" in refused.err) == (2, False)
    assert "database_not_migrated" in refused.err
    assert (await cli.run("migrate", "--json")).json["revision"]
    assert (await cli.run("migrate", "--json")).json["applied"] == []
    wanted = {"text": "Fix the total", "repo": str(repository(tmp_path / "repo")), "accept": QUICK, "deliver": "patch"}
    async with AsyncExitStack() as stack:
        first = await servers.start("serve", "--port", "0")
        key = await told(first, r"(ak_\w+)")
        others = [await servers.start("serve", "--port", "0")]
        others += [await cli.start("worker", "--workers", "2") for _ in range(3)]
        for process in (first, *others):
            stack.push_async_callback(ended, process)
        ports = [int(await told(process, r"http://127\.0\.0\.1:(\d+)")) for process in (first, others[0])]
        for worker in others[1:]:
            await told(worker, r"(working)")
        headers = {"x-api-key": key}
        http = httpx.AsyncClient(
            base_url="http://127.0.0.1", headers=headers, timeout=120, transport=InTurn(tuple(ports))
        )
        await stack.enter_async_context(http)
        asked = {"assistant_id": "coding", "input": {"task": wanted}}
        done = await asyncio.gather(*(http.post("/runs/wait", json=asked) for _ in range(4)))
        threads = [answer.headers["content-location"].split("/")[2] for answer in done]
        standing = [(await http.get(f"/v1/runs/{thread}")).json()["status"] for thread in threads]
        assert set(standing) <= {"delivered", "interrupted"}, standing
        jobs = (await cli.run("jobs", "list", "--json")).json
        assert {job["thread"] for job in jobs} == set(threads)
        assert {job["state"] for job in jobs} == {"done"}


async def ended(process: asyncio.subprocess.Process) -> None:
    """SIGTERM is enough: nobody has to be killed."""
    process.send_signal(signal.SIGTERM)
    await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0
