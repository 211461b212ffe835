"""Machines that share a PostgreSQL database and a bucket, and no folder: the real commands, killed in the middle."""

import asyncio
import os
import shutil
import signal
from collections.abc import Generator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from tests.e2e.test_cluster import ended
from tests.worlds import postgres
from tests.worlds.buckets import S3Server, s3_server
from tests.worlds.cli import Cli, told
from tests.worlds.house import QUICK, repository

pytestmark = [pytest.mark.slow, pytest.mark.postgres]


@pytest.fixture
def socket() -> Generator[Path]:
    with postgres.cluster() as folder:
        yield folder


@pytest.fixture
def bucket() -> Generator[S3Server]:
    with s3_server() as server:
        yield server


def machine(folder: Path, env: dict[str, str], keys: Path | None = None, **more: str) -> Cli:
    """One with a home of its own, and a copy of the installation's keys."""
    cli = Cli(folder, {**env, **more})
    folder.mkdir()
    if keys is not None:
        shutil.copytree(keys, folder / "signoff" / "keys")
    return cli


async def begun(log: Path, times: int) -> None:
    """Return when the acceptance command has begun so often."""
    async with asyncio.timeout(120):
        while not log.exists() or log.stat().st_size < 2 * times:  # noqa: ASYNC110, ASYNC240  another process writes
            await asyncio.sleep(0.05)


@pytest.mark.timeout(400)
async def test_a_worker_goes_on_with_what_another_machine_began(tmp_path: Path, socket: Path, bucket: S3Server) -> None:
    postgres.sql(socket, "CREATE DATABASE machines")
    env = {
        "SIGNOFF_DATABASE_URL": postgres.libpq(socket, "machines"),
        "SIGNOFF_SANDBOX": "unsafe-local",
        "SIGNOFF_LEASE_S": "3",
        "SIGNOFF_DRAIN_S": "10",
        **bucket.env(),
    }
    server = machine(tmp_path / "server", env, SIGNOFF_WORKERS="0")
    assert (await server.run("migrate")).code == 0
    log, gate, repo = tmp_path / "log", tmp_path / "gate", repository(tmp_path / "repo")
    gate.touch()
    # The third time is after the fix: by then there is a snapshot beside what was pinned.
    accept = f"echo x >>{log}; while [ -e {gate} ] && [ $(wc -l <{log}) -ge 3 ]; do sleep 0.05; done; {QUICK}"
    task = {"text": "Fix the total", "repo": str(repo), "accept": accept, "deliver": "patch"}
    async with AsyncExitStack() as stack:
        serving = await server.start("serve", "--port", "0")
        stack.push_async_callback(ended, serving)
        key = await told(serving, r"(ak_\w+)")
        port = await told(serving, r"http://127\.0\.0\.1:(\d+)")
        keys = tmp_path / "server" / "signoff" / "keys"
        stranger = await machine(tmp_path / "stranger", env).run("worker")
        assert (stranger.code, "keys_differ" in stranger.err, "Traceback" in stranger.err) == (2, True, False)
        first = await machine(tmp_path / "first", env, keys).start("worker")
        await told(first, r"(working)")
        http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers={"x-api-key": key}, timeout=120)
        await stack.enter_async_context(http)
        asked = asyncio.create_task(http.post("/runs/wait", json={"assistant_id": "coding", "input": {"task": task}}))
        await begun(log, 3)
        os.killpg(first.pid, signal.SIGKILL)
        await first.communicate()
        # Nothing but the bucket and the database has the files now, and the bucket is away at first.
        shutil.rmtree(tmp_path / "first")
        shutil.rmtree(repo)
        assert bucket.objects()
        bucket.kill()
        gate.unlink()
        second = await machine(tmp_path / "second", env, keys).start("worker")
        stack.push_async_callback(ended, second)
        await told(second, r"(content_unavailable)")
        bucket.start()
        answer = await asked
        assert answer.status_code == 200, answer.text
        thread = answer.headers["content-location"].split("/")[2]
        run = (await http.get(f"/v1/runs/{thread}")).json()
        assert run["status"] in {"delivered", "interrupted"}, run
        assert "+    return sum(prices)" in (await http.get(f"/v1/runs/{thread}/diff")).text
        doctor = (await server.run("doctor", "--json")).json
        assert [each["ok"] for each in doctor["checks"] if each["name"] == "content"] == [True]
        log_text = (bucket.data / "log").read_text()
        assert bucket.env()["BUCKET_LOGIN"] not in log_text
