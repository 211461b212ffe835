"""A backup while a server works, and the installation made again when that machine is gone: the real commands."""

import os
import shutil
import signal
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from tests.e2e.test_bucket import begun
from tests.worlds import postgres
from tests.worlds.cli import Cli, told
from tests.worlds.house import QUICK, git, repository

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
LOCAL = {"SIGNOFF_SANDBOX": "unsafe-local", "SIGNOFF_LEASE_S": "3", "SIGNOFF_DRAIN_S": "5"}


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def databases(request: pytest.FixtureRequest) -> Generator[tuple[dict[str, str], dict[str, str]]]:
    """Settings of the database of the first machine, and of the one that is made anew."""
    if request.param == "sqlite":
        yield {}, {}
        return
    with postgres.cluster() as socket:
        for name in ("first", "second"):
            postgres.sql(socket, f"CREATE DATABASE {name}")
        yield (
            {"SIGNOFF_DATABASE_URL": postgres.libpq(socket, "first")},
            {"SIGNOFF_DATABASE_URL": postgres.libpq(socket, "second")},
        )


@asynccontextmanager
async def serving(cli: Cli, key: str = "") -> AsyncGenerator[tuple[httpx.AsyncClient, str]]:
    """A client of a server, and its key; the server is killed at the end of the block, if it still works."""
    process = await cli.start("serve", "--port", "0")
    try:
        key = key or await told(process, r"(ak_\w+)")
        port = await told(process, r"http://127\.0\.0\.1:(\d+)")
        url, headers = f"http://127.0.0.1:{port}", {"x-api-key": key}
        # It says where it serves a moment before it listens.
        patient = httpx.AsyncHTTPTransport(retries=8)
        async with httpx.AsyncClient(base_url=url, headers=headers, timeout=120, transport=patient) as http:
            yield http, key
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
        await process.communicate()


async def test_what_a_server_worked_on_goes_on_elsewhere(
    tmp_path: Path, databases: tuple[dict[str, str], dict[str, str]]
) -> None:
    before, after = databases
    first, second = Cli(tmp_path / "first", {**LOCAL, **before}), Cli(tmp_path / "second", {**LOCAL, **after})
    first.home.mkdir()
    second.home.mkdir()
    secret = tmp_path / "passphrase"
    secret.write_text("correct horse battery staple\n")
    if before:
        assert (await first.run("migrate")).code == 0
    log, gate, repo = tmp_path / "log", tmp_path / "gate", repository(tmp_path / "repo")
    gate.touch()
    # The third time is after the fix: by then there is a snapshot beside what was pinned.
    accept = f"echo x >>{log}; while [ -e {gate} ] && [ $(wc -l <{log}) -ge 3 ]; do sleep 0.05; done; {QUICK}"
    task = {"text": "Fix the total", "repo": str(repo), "accept": QUICK}
    async with serving(first) as (http, key):
        answer = await http.post("/runs/wait", json={"assistant_id": "coding", "input": {"task": task}})
        waiting = answer.headers["content-location"].split("/")[2]
        thread = (await http.post("/threads", json={})).json()["thread_id"]
        asked = {"assistant_id": "coding", "input": {"task": {**task, "accept": accept, "deliver": "patch"}}}
        turn = (await http.post(f"/threads/{thread}/runs", json=asked)).json()["run_id"]
        await begun(log, 3)
        half = await first.start("backup", str(tmp_path / "half"))
        await told(half, r"(signoff.db|table)")
        os.killpg(half.pid, signal.SIGKILL)
        await half.communicate()
        assert not (tmp_path / "half").exists()
        done = await first.run("backup", str(tmp_path / "backup"), "--passphrase-file", str(secret), "--json")
        assert done.code == 0, done.err
        assert done.json["runs"] == 2
        assert (await http.get(f"/threads/{thread}/runs/{turn}")).json()["status"] == "running", "it did not wait"
    shutil.rmtree(first.home)
    made = await second.run("restore", str(tmp_path / "backup"), "--passphrase-file", str(secret), "--json")
    assert made.code == 0, made.err
    if after:
        third = Cli(tmp_path / "third", {**LOCAL, **after})
        used = await third.run("restore", str(tmp_path / "backup"), "--passphrase-file", str(secret), "--json")
        assert (used.code, used.json["error"]["code"]) == (2, "database_not_empty")
        assert not (third.home / "signoff").exists()
    assert (await second.run("audit", "verify")).code == 0
    gate.unlink()
    async with serving(second, key) as (http, _):
        await http.get(f"/threads/{thread}/runs/{turn}/join")
        run = (await http.get(f"/v1/runs/{thread}")).json()
        assert run["status"] in {"delivered", "interrupted"}, run
        assert "+    return sum(prices)" in (await http.get(f"/v1/runs/{thread}/diff")).text
        ballot = (await http.get(f"/v1/runs/{waiting}")).json()["waits_for"]
        assert (await second.run("approvals", "approve", ballot)).code == 0
    shown = await second.run("resume", waiting, "--json")
    assert (shown.code, shown.json["status"]) == (0, "delivered"), shown.err
    branch = git(repo, "branch", "--list", "signoff/*", "--format=%(refname:short)").splitlines()[0]
    assert git(repo, "show", f"{branch}:shop/prices.py").endswith("return sum(prices)")
    assert (await second.run("audit", "verify")).code == 0
