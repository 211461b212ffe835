"""``signoff serve`` is told to stop while it works: it says how it ended, and nothing is lost."""

import asyncio
import signal
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from tests.worlds.cli import Cli, told
from tests.worlds.house import QUICK, repository


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
async def test_a_server_that_is_told_to_stop(tmp_path: Path, number: signal.Signals, status: int) -> None:
    cli = Cli(tmp_path, {"SIGNOFF_SANDBOX": "unsafe-local", "SIGNOFF_DRAIN_S": "20"})
    wanted = {"text": "Fix the total", "repo": str(repository(tmp_path / "repo")), "accept": f"sleep 1; {QUICK}"}
    async with AsyncExitStack() as stack:
        server = await cli.start("serve", "--port", "0")
        stack.push_async_callback(killed, server)
        key = await told(server, r"(ak_\w+)")
        async with client(key, await told(server, r"http://127\.0\.0\.1:(\d+)")) as http:
            asked = {"assistant_id": "coding", "input": {"task": {**wanted, "deliver": "patch"}}}
            run = (await http.post("/runs", json=asked)).json()
            here = f"/threads/{run['thread_id']}/runs/{run['run_id']}"
            while (await http.get(here)).json()["status"] == "pending":  # noqa: ASYNC110  another process
                await asyncio.sleep(0.05)
        server.send_signal(number)
        await asyncio.wait_for(server.communicate(), 60)
        assert server.returncode == status
        (job,) = (await cli.run("jobs", "list", "--json")).json
        assert job["state"] in {"waiting", "working"}
        again = await cli.start("serve", "--port", "0")
        stack.push_async_callback(killed, again)
        async with client(key, await told(again, r"http://127\.0\.0\.1:(\d+)")) as http:
            await http.get(f"{here}/join")
            assert (await http.get(here)).json()["status"] in {"success", "interrupted"}


def client(key: str, port: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers={"x-api-key": key}, timeout=120)


async def killed(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
        await process.communicate()
