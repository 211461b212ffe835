"""What was deleted long ago is gone for good: rows, checkpoints, files. What was not, stays.

Every table that the database has and everything in the data directory is walked over, whatever their names are.
"""

import asyncio
import os
import sqlite3
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from datetime import timedelta
from fnmatch import fnmatch
from pathlib import Path

import pytest
from langgraph_sdk.errors import NotFoundError
from sqlalchemy import MetaData, func, select

from database import now, reading
from service.retention import FILES, TABLES
from service.runs.runs import RUNS
from service.runs.turns import TURNS
from telemetry import read_trace
from tests.integration.models.choosing import saying
from tests.wire.openai_server import OpenAIServer
from tests.worlds import postgres
from tests.worlds.couriers import Receiver, receiving
from tests.worlds.hooks import SECRET
from tests.worlds.house import QUICK, repository
from tests.worlds.served import Served, served

TASK = {"task": {"text": "do it", "repo": "/nowhere", "accept": "true"}}


async def test_deleted_threads_go_after_a_while(service: Served) -> None:
    client, context = service.sdk(), service.context
    threads = [(await client.threads.create())["thread_id"] for _ in range(3)]
    for thread in threads:
        await client.runs.wait(thread, "coding", input=TASK)
    old, fresh, kept = threads
    for thread in (old, fresh):
        await client.threads.delete(thread)
    await context.threads.update(old, now=now(), deleted_at=now() - timedelta(days=31))
    assert await context.maintenance.retention.sweep() == 1
    async with reading(context.database) as conn:
        left = {str(row[0]) for row in await conn.execute(select(RUNS.c.id))}
        assert (await conn.execute(select(func.count()).where(TURNS.c.thread == old))).scalar() == 0
    assert left == {fresh, kept}
    engine = context.application.engine
    assert not (await engine.graph.aget_state(engine.config(old))).values
    assert (await engine.graph.aget_state(engine.config(kept))).values
    with pytest.raises(NotFoundError):
        await client.threads.get(fresh)


BOTH = ["sqlite", pytest.param("postgres", marks=[pytest.mark.postgres, pytest.mark.slow])]
CANARY = "heliotrope-4711"
"""A word of the task of the thread that is deleted."""
PRIVATE = "gamboge-0815"
"""A word that only the thread's own rows hold."""
BOUND = {kept.name for kept in TABLES if kept.whose == "thread"}


@asynccontextmanager
async def telling(folder: Path, server: str) -> AsyncGenerator[tuple[Served, Receiver]]:
    """A whole service with a model, that tells an endpoint about approvals and writes what was said into traces."""
    async with receiving(*["204 No Content"] * 20) as receiver, OpenAIServer(saying(), models=["m"]) as model:
        connections = folder / "connections.yaml"
        connections.write_text(
            f"notify:\n  allow: ['127.0.0.0/8']\n  endpoints:\n"
            f"    - {{name: chat, url: 'http://127.0.0.1:{receiver.port}/', secrets: ['{SECRET}']}}\n"
        )
        async with served(
            folder,
            whole=True,
            server=server,
            model_base_url=model.base_url,
            model="m",
            connections=connections,
            trace_content=True,
        ) as service:
            yield service, receiver


async def delivered(service: Served, receiver: Receiver, repo: Path, word: str) -> tuple[str, set[str]]:
    """A thread that did everything that leaves something behind; its id, and the ids of its turns."""
    async with service.http(service.session) as http:
        task = {"text": f"Fix the total, {word}", "repo": str(repo), "accept": QUICK}
        asked = {
            "assistant_id": "coding",
            "input": {"task": task},
            "webhook": f"http://127.0.0.1:{receiver.port}/",
            "metadata": {"about": PRIVATE if word == CANARY else word},
            "stream_mode": ["custom", "values"],
        }
        before = len(receiver.got)
        async with http.stream("POST", "/runs/stream", json=asked, headers={"Idempotency-Key": word}) as stream:
            thread = stream.headers["content-location"].split("/")[2]
            await stream.aread()
        (ballot,) = (await http.get("/v1/approvals", params={"run": thread})).json()["items"]
        said = {"decision": "approve", "action_digest": ballot["action_digest"]}
        answer = await http.post(f"/v1/approvals/{ballot['id']}/decisions", json=said)
        assert answer.status_code == 200, answer.text
        async with asyncio.timeout(60):
            while (await http.get(f"/v1/runs/{thread}")).json()["status"] != "delivered":  # noqa: ASYNC110  its worker
                await asyncio.sleep(0.05)
            while len(receiver.got) < before + 3:  # noqa: ASYNC110  asked, decided, and the run's web hook
                await asyncio.sleep(0.05)
        return thread, {str(turn["run_id"]) for turn in (await http.get(f"/threads/{thread}/runs")).json()}


async def rows(service: Served) -> dict[str, list[str]]:
    """Every row of every table there is, by table, in whichever file it lies."""
    found: dict[str, list[str]] = {}
    async with reading(service.context.database) as conn:
        there = MetaData()
        await conn.run_sync(there.reflect)
        for table in there.sorted_tables:
            found[table.name] = [repr(tuple(row)) for row in await conn.execute(select(table))]
    checkpoints = service.context.settings.home / "checkpoints.db"
    if checkpoints.exists():
        with closing(sqlite3.connect(checkpoints)) as db:
            names = [str(row[0]) for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for name in names:
                found[name] = [repr(row) for row in db.execute(f'SELECT * FROM "{name}"')]  # noqa: S608
    return found


def files(home: Path) -> dict[str, bytes]:
    """Every file of the data directory but those of SQLite, by its path."""
    below = [path for path in home.rglob("*") if path.is_file() and ".db" not in path.name]
    return {str(path.relative_to(home)): path.read_bytes() for path in below}


@pytest.mark.parametrize("on", BOTH)
async def test_nothing_of_a_deleted_thread_is_left_but_what_was_signed(
    tmp_path: Path, on: str, request: pytest.FixtureRequest
) -> None:
    server = await postgres.emptied(request.getfixturevalue("socket"), "service") if on == "postgres" else ""
    async with telling(tmp_path, server) as (service, receiver):
        retention, home = service.context.maintenance.retention, service.context.settings.home
        repo = repository(tmp_path / "repo")
        gone, turns = await delivered(service, receiver, repo, CANARY)
        stays, _ = await delivered(service, receiver, repository(tmp_path / "other"), "another")
        names = {gone, *turns, CANARY}

        def about(texts: dict[str, list[str]]) -> Counter[str]:
            return Counter({name: sum(any(n in row for n in names) for row in texts[name]) for name in texts})

        def of_the_other(texts: dict[str, list[str]]) -> dict[str, int]:
            return {name: sum(stays in row for row in texts[name]) for name in texts}

        before = await rows(service)
        assert set(before) <= {kept.name for kept in TABLES}, "a table that no entry of the registry names"
        tops = {path.name + "/" * path.is_dir() for path in home.iterdir()}
        assert [top for top in tops if not any(fnmatch(top, kept.name) for kept in FILES)] == []
        left_traces = {"turns", "runs", "threads", "turn_events", "outbox", "model_budgets", "ballots", "decisions"}
        assert {name for name in left_traces if not about(before)[name]} == set(), "this test would see nothing go"
        assert any(gone in path for path in files(home))

        async with service.http() as http:
            assert (await http.delete(f"/threads/{gone}")).status_code == 204
            assert (await http.get(f"/threads/{gone}")).status_code == 404
        assert await retention.sweep() == 0, "it was deleted just now"
        # What other runs would read goes at once; everything else stays till the days are over.
        assert about(await rows(service)) == about(before) - Counter(items=about(before)["items"])
        await service.context.threads.update(gone, now=now(), deleted_at=now() - timedelta(days=31))
        assert await retention.sweep() == 1

        after = await rows(service)
        assert {name for name, count in about(after).items() if count} <= set(before) - BOUND
        assert of_the_other(after) == of_the_other(before)
        assert [path for path, text in files(home).items() if any(n in path or n.encode() in text for n in names)] == []
        assert await read_trace(home / "traces", stays)
        # What is left says who signed which bytes. Those are in the ballot; what was wanted is nowhere else.
        assert [name for name, texts in after.items() if any(CANARY in row for row in texts)] == ["ballots"]
        raw = {path.name: path.read_bytes() for path in home.glob("*.db*")}
        assert [name for name, text in raw.items() if PRIVATE.encode() in text] == [], "not even in free pages"
        assert not any(CANARY.encode() in text for name, text in raw.items() if name.startswith("checkpoints"))


async def test_a_trace_that_no_run_is_known_of_goes_in_time(service: Served) -> None:
    """Earlier versions left the traces of the threads that they erased."""
    retention = service.context.maintenance.retention
    thread = (await service.sdk().threads.create())["thread_id"]
    await service.sdk().runs.wait(thread, "coding", input=TASK)
    traces = retention.home / "traces"
    (known,) = traces.glob("*.jsonl")
    old, fresh = traces / "long-gone.jsonl", traces / "just-now.jsonl"
    for path in (old, fresh):
        path.write_text("{}\n")
    long_ago = (now() - timedelta(days=31)).timestamp()
    for path in (old, known):
        os.utime(path, (long_ago, long_ago))
    await retention.sweep()
    assert {path.name for path in traces.iterdir()} == {known.name, fresh.name}


async def test_a_round_goes_on_behind_a_deleted_thread_that_waited_for_a_signature(service: Served) -> None:
    """Its question is over and it cannot be woken; letters and everything else behind it must not wait for that."""
    async with service.http(service.session) as http:
        asked = {"assistant_id": "coding", "input": {"task": {**TASK["task"], "text": "sign it"}}}
        done = await http.post("/runs/wait", json=asked)
        thread = done.headers["content-location"].split("/")[2]
        (ballot,) = (await http.get("/v1/approvals", params={"run": thread})).json()["items"]
        assert (await http.delete(f"/threads/{thread}")).status_code == 204
    people = service.context.application.people
    await service.context.application.ballots.cancel(ballot["id"], people.voter("ann", "local"))
    await service.context.maintenance.once()
    await service.context.threads.update(thread, now=now(), deleted_at=now() - timedelta(days=31))
    assert await service.context.maintenance.retention.sweep() == 1


async def test_a_run_that_somebody_works_on_is_not_erased_under_their_hands(service: Served) -> None:
    client, context = service.sdk(), service.context
    thread = (await client.threads.create())["thread_id"]
    await client.runs.wait(thread, "coding", input=TASK)
    await client.threads.delete(thread)
    await context.threads.update(thread, now=now(), deleted_at=now() - timedelta(days=31))
    runs = context.application.engine.runs
    lease = await runs.claim(thread, "a terminal", now=now(), lease_for=timedelta(minutes=1))
    assert await context.maintenance.retention.sweep() == 0
    await runs.settle(thread, lease, "cancelled", now=now())
    assert await context.maintenance.retention.sweep() == 1
