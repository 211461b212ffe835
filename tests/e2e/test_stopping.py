"""``signoff serve`` is told to stop while it works: it says how it ended, and nothing is lost."""

import asyncio
import signal
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
from langgraph_sdk import get_client

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


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_a_client_that_waits_goes_on_with_the_next_server(tmp_path: Path) -> None:
    cli = Cli(tmp_path, {"SIGNOFF_SANDBOX": "unsafe-local", "SIGNOFF_DRAIN_S": "1"})
    wanted = {"text": "Fix the total", "repo": str(repository(tmp_path / "repo")), "accept": f"sleep 6; {QUICK}"}
    task = {"task": {**wanted, "deliver": "patch", "pipeline": False}}
    async with AsyncExitStack() as stack:
        server = await cli.start("serve", "--port", "0")
        stack.push_async_callback(killed, server)
        key, port = await told(server, r"(ak_\w+)"), await told(server, r"http://127\.0\.0\.1:(\d+)")
        sdk = get_client(url=f"http://127.0.0.1:{port}", api_key=key)
        stack.push_async_callback(sdk.aclose)
        begun = asyncio.Event()
        with pytest.warns(UserWarning, match="attempting reconnect"):  # noqa: PT031  it comes in the waiting task
            waiting = asyncio.create_task(
                sdk.runs.wait(None, "coding", input=task, on_run_created=lambda _: begun.set())
            )
            await asyncio.wait_for(begun.wait(), 60)
            server.send_signal(signal.SIGINT)
            _, errors = await asyncio.wait_for(server.communicate(), 60)
            assert server.returncode == 130
            assert "Traceback" not in errors.decode()
            assert "ASGI" not in errors.decode()
            again = await cli.start("serve", "--port", port)
            stack.push_async_callback(killed, again)
            values = await asyncio.wait_for(waiting, 120)
        assert values["ending"]["status"] == "delivered", values["ending"]


@pytest.mark.parametrize("command", ["serve", "worker", "mcp", "tools", "list"])
async def test_a_setting_that_is_wrong_is_one_line(tmp_path: Path, command: str) -> None:
    ended = await Cli(tmp_path, {"SIGNOFF_PORT": "99999"}).run(command)
    assert (ended.code, ended.out) == (2, "")
    assert "error[settings_invalid]" in ended.err
    assert "SIGNOFF_PORT" in ended.err
    assert "Traceback" not in ended.err


async def test_a_tool_server_that_is_not_named_is_one_line(tmp_path: Path) -> None:
    ended = await Cli(tmp_path).run("tools", "nobody")
    assert ended.code == 2
    assert "error[tool_unknown]" in ended.err
    assert "Traceback" not in ended.err


async def test_what_keeps_a_server_from_starting_is_one_line(tmp_path: Path) -> None:
    cli = Cli(tmp_path, {"SIGNOFF_SANDBOX": "unsafe-local"})

    async def refused(*options: str) -> str:
        ended = await cli.run("serve", *options)
        assert (ended.code, ended.out) == (2, "")
        assert "Traceback" not in ended.err
        assert len(ended.err.strip().splitlines()) == 2, ended.err  # the line, and what to do
        return ended.err

    assert "authentication_needed" in await refused("--host", "0.0.0.0", "--port", "0")  # noqa: S104
    for port in ("99999", "-1"):
        assert "port_unavailable" in await refused("--port", port)
    async with AsyncExitStack() as stack:
        server = await cli.start("serve", "--port", "0")
        stack.push_async_callback(killed, server)
        port = await told(server, r"http://127\.0\.0\.1:(\d+)")
        busy = await refused("--port", port)
        assert "port_unavailable" in busy
        assert port in busy
        assert "already_serving" in await refused("--port", "0")
