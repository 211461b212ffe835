"""Rehearsals of those pages of ``docs/runbooks/`` that are about servers and workers on PostgreSQL."""

import asyncio
import re
import shlex
import signal
import subprocess
from collections.abc import AsyncGenerator, Generator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.worlds import postgres
from tests.worlds.cli import Cli, told
from tests.worlds.house import QUICK, repository
from tests.worlds.runbooks import Runbook

pytestmark = [pytest.mark.postgres, pytest.mark.slow, pytest.mark.timeout(600)]
LOCAL = {"SIGNOFF_SANDBOX": "unsafe-local", "SIGNOFF_PORT": "0"}
UNAVAILABLE = 75


@pytest.fixture(scope="module")
def socket() -> Generator[Path]:
    with postgres.cluster() as folder:
        yield folder


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return repository(tmp_path / "repo")


async def migrated(folder: Path, socket: Path, name: str, **env: str) -> Cli:
    """A command line with a database of its own on the server."""
    postgres.sql(socket, f"CREATE DATABASE {name}")
    cli = Cli(folder, {**LOCAL, "SIGNOFF_DATABASE_URL": postgres.libpq(socket, name), "SIGNOFF_LEASE_S": "3", **env})
    ended = await cli.run("migrate")
    assert ended.code == 0, ended.err
    return cli


@asynccontextmanager
async def serving(cli: Cli, *, workers: int = 0) -> AsyncGenerator[tuple[httpx.AsyncClient, str]]:
    """A server with a client that is logged in, and where its numbers are."""
    own = Cli(cli.home, {**cli.env, "SIGNOFF_WORKERS": str(workers), "SIGNOFF_METRICS_PORT": "0"})
    process = await own.start("serve", "--new-key")
    try:
        page = await told(process, r"metrics: (http://\S+)")
        key = await told(process, r"(ak_\w+)")
        url = await told(process, r"serving (http://127\.0\.0\.1:\d+)")
        reading = asyncio.create_task(process.communicate())
        async with httpx.AsyncClient(base_url=url, headers={"x-api-key": key}, timeout=120) as http:
            yield http, page
    finally:
        process.send_signal(signal.SIGTERM)
        await reading


@asynccontextmanager
async def working(cli: Cli) -> AsyncGenerator[tuple[asyncio.subprocess.Process, str]]:
    """A worker, and where its numbers are."""
    process = await Cli(cli.home, {**cli.env, "SIGNOFF_METRICS_PORT": "0"}).start("worker", "--workers", "2")
    try:
        page = await told(process, r"metrics: (http://\S+)")
        await told(process, r"(working)")
        reading = asyncio.create_task(process.communicate())
        yield process, page
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGCONT)
            process.send_signal(signal.SIGTERM)
        await reading


async def asked(http: httpx.AsyncClient, repo: Path, **more: Any) -> dict[str, Any]:
    """Start a run in the background."""
    task = {"text": "Fix the total", "repo": str(repo), "accept": QUICK, "deliver": "patch", **more.pop("task", {})}
    thread = (await http.post("/threads", json={})).json()["thread_id"]
    body = {"assistant_id": "coding", "input": {"task": task}, **more}
    return (await http.post(f"/threads/{thread}/runs", json=body)).json()


async def counted(page: str, series: str) -> float:
    """A number of ``/metrics``."""
    async with httpx.AsyncClient(timeout=30) as http:
        text = (await http.get(page)).text
    return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(series))


async def until(page: str, series: str, least: float, *, or_of: str = "") -> None:
    """Wait for a number of a page, or of two together."""
    async with asyncio.timeout(90):
        while sum([await counted(each, series) for each in (page, or_of) if each]) < least:  # noqa: ASYNC110  a page says nothing by itself
            await asyncio.sleep(0.5)


async def test_the_database_is_held_up(tmp_path: Path, socket: Path) -> None:
    cli = await migrated(tmp_path, socket, "held")
    book = Runbook("database", cli)
    lock = "BEGIN; LOCK TABLE runs; SELECT pg_sleep(300)"
    words = ("-h", str(socket), "-U", "postgres", "-d", "held", "-c", lock)
    holder = await asyncio.create_subprocess_exec(
        postgres._program("psql"), *words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(30):
            sleeping = "SELECT query FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
            while "LOCK" not in postgres.sql(socket, sleeping):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        looked = await book.next()
        assert looked.code == UNAVAILABLE
        assert "database_unavailable" in looked.err
        activity = await book.good()
        (pid,) = re.findall(r"^\s*(\d+) \|.*LOCK TABLE", activity.out, re.MULTILINE)
        await book.good(PID=pid)
    finally:
        await holder.wait()
    await book.good()
    assert "ms a query" in (await book.good()).out
    book.done()


async def test_no_connection_is_left(tmp_path: Path, socket: Path) -> None:
    postgres.sql(socket, "CREATE ROLE few LOGIN SUPERUSER")
    cli = await migrated(tmp_path, socket, "few")
    admin = cli.env["SIGNOFF_DATABASE_URL"]
    postgres.sql(socket, "ALTER ROLE few NOSUPERUSER CONNECTION LIMIT 0")
    postgres.sql(socket, "GRANT ALL ON ALL TABLES IN SCHEMA public TO few", "few")
    cli.env |= {"SIGNOFF_DATABASE_URL": admin.replace("postgres@", "few@"), "ADMIN_URL": admin}
    book = Runbook("pool-exhausted", cli)
    looked = await book.next()
    assert looked.code == UNAVAILABLE
    assert "too many connections" in looked.err
    await book.good()
    await book.good(ROLE="few")
    await book.good()
    book.done()


async def test_a_migration_fails(tmp_path: Path, socket: Path) -> None:
    postgres.sql(socket, "CREATE ROLE poor LOGIN")
    postgres.sql(socket, "CREATE DATABASE poor")
    cli = Cli(tmp_path, {**LOCAL, "SIGNOFF_DATABASE_URL": postgres.libpq(socket, "poor").replace("postgres@", "poor@")})
    failed = await cli.run("migrate")
    assert failed.code == 2
    assert "migration_failed" in failed.err
    assert "Traceback" not in failed.err
    book = Runbook("failed-migration", cli)
    assert (await book.next()).code == 2
    assert "CREATE TABLE" in (await book.good()).out
    postgres.sql(socket, "GRANT ALL ON SCHEMA public TO poor", "poor")
    await book.good()
    await book.good()
    book.done()


async def test_the_queue_grows(tmp_path: Path, socket: Path, repo: Path) -> None:
    cli = await migrated(tmp_path, socket, "grows")
    book = Runbook("queue", cli)
    async with serving(cli) as (http, _):
        job = await asked(http, repo)
        postgres.sql(socket, "UPDATE turns SET created_at = now() - interval '10 minutes'", "grows")
        looked = await book.next()
        assert looked.code == 1
        assert "docs/runbooks/queue.md" in looked.out
        assert job["run_id"] in (await book.good()).out
        assert job["run_id"] not in (await book.good()).out
        worker = await book.start()
        try:
            await http.get(f"/threads/{job['thread_id']}/runs/{job['run_id']}/join")
            await book.good()
        finally:
            worker.send_signal(signal.SIGTERM)
            await worker.communicate()
    book.done()


async def test_a_turn_is_dead(tmp_path: Path, socket: Path, repo: Path) -> None:
    cli = await migrated(tmp_path, socket, "dead")
    book = Runbook("dead-jobs", cli)
    async with serving(cli) as (http, page):
        job = await asked(http, repo)
        postgres.sql(socket, "UPDATE turns SET attempts = 50", "dead")
        async with working(cli):
            await http.get(f"/threads/{job['thread_id']}/runs/{job['run_id']}/join")
            assert await counted(page, 'signoff_queue_turns{state="dead"}') == 1
            assert job["run_id"] in (await book.good()).out
            assert "job_dead" in (await book.good(JOB=job["run_id"])).out
            await book.good(JOB=job["run_id"])
            await http.get(f"/threads/{job['thread_id']}/runs/{job['run_id']}/join")
            assert job["run_id"] not in (await book.good()).out
            await book.good()
    book.done()


async def test_a_worker_stands_still_and_another_one_dies(tmp_path: Path, socket: Path, repo: Path) -> None:
    cli = await migrated(tmp_path, socket, "leases")
    still, gone = Runbook("lost-leases", cli), Runbook("process-down", cli)
    async with AsyncExitStack() as stack:
        http, serves = await stack.enter_async_context(serving(cli))
        stands, lost = await stack.enter_async_context(working(cli))
        gate = tmp_path / "gate"
        held = f"while [ ! -e {gate} ]; do sleep 0.1; done; {QUICK}"
        job = await asked(http, repo, task={"accept": f"sh -c {shlex.quote(held)}"})
        async with asyncio.timeout(120):
            while "running" not in postgres.sql(socket, "SELECT status FROM turns", "leases"):  # noqa: ASYNC110
                await asyncio.sleep(0.2)
        stands.send_signal(signal.SIGSTOP)
        other, rescuing = await stack.enter_async_context(working(cli))
        # Whoever looks first gives the job to others: the new worker, or the server.
        await until(rescuing, 'signoff_happenings_total{kind="job_rescued"}', 1, or_of=serves)
        await still.good()
        await still.good()
        await still.good(JOB=job["run_id"])
        gate.touch()
        await http.get(f"/threads/{job['thread_id']}/runs/{job['run_id']}/join")
        stands.send_signal(signal.SIGCONT)
        await until(lost, "signoff_happenings_total", 0)
        await still.good()
        still.done()

        other.kill()
        server = await gone.start()
        await told(server, r"(serving)")
        reading = asyncio.create_task(server.communicate())
        await gone.next()  # of a sandbox without protection it says so
        await gone.good()
        assert job["run_id"] not in (await gone.good()).out
        server.send_signal(signal.SIGTERM)
        await reading
        gone.done()


async def test_maintenance_does_not_come_round_and_the_api_fails(tmp_path: Path, socket: Path) -> None:
    cli = await migrated(tmp_path, socket, "rounds")
    rounds, api = Runbook("maintenance", cli), Runbook("api", cli)
    async with serving(cli) as (http, page):
        postgres.sql(socket, "ALTER TABLE crons RENAME TO elsewhere", "rounds")
        assert (await http.post("/runs/crons/search", json={})).status_code == 500
        assert await counted(page, "signoff_http_request_duration_seconds_count") >= 1
        await until(page, 'signoff_happenings_total{kind="round_failed"}', 2)
        await rounds.good()
        await rounds.good()
        await api.good()
        await api.next()
        postgres.sql(socket, "ALTER TABLE elsewhere RENAME TO crons", "rounds")
        await rounds.good()
        assert (await http.post("/runs/crons/search", json={})).status_code == 200
        await api.good()
    rounds.done()
    api.done()


async def test_letters_are_not_taken(tmp_path: Path, socket: Path, repo: Path) -> None:
    answer = [b"410 Gone"]

    async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 " + answer[0] + b"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    (tmp_path / "connections.yaml").write_text("notify: {allow: [127.0.0.1/32]}\n")
    cli = await migrated(tmp_path, socket, "letters", SIGNOFF_CONNECTIONS=str(tmp_path / "connections.yaml"))
    book = Runbook("letters", cli)
    async with (
        await asyncio.start_server(receive, "127.0.0.1", 0) as receiver,
        serving(cli, workers=2) as (http, page),
    ):
        port = receiver.sockets[0].getsockname()[1]
        await asked(http, repo, webhook=f"http://127.0.0.1:{port}/hook")
        await until(page, 'signoff_letters{state="dead"}', 1)
        await book.good()
        (dead,) = (await cli.run("outbox", "list", "--state", "dead", "--json")).json
        answer[0] = b"200 OK"
        await book.good(LETTER=dead["id"])
        async with asyncio.timeout(30):
            while (await cli.run("outbox", "list", "--state", "sent", "--json")).json == []:  # noqa: ASYNC110
                await asyncio.sleep(0.2)
        assert dead["id"] not in (await book.good()).out
        await book.good()
    book.done()
