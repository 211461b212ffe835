"""What the service costs: a run that does nothing, asked for over HTTP by the official SDK.

Side by side with LangGraph's development server (``langgraph dev``) and Aegra: the same eight nodes, the same client
on the same machine, taking turns. Ours is a process of its own with everything switched on (keys, spans, leases,
durable checkpoints), once on SQLite and once on PostgreSQL. Theirs run the bare graph (``idle.bare``) and ask nobody
for a key; ``langgraph dev`` keeps everything in memory and gets as many jobs at once as there are clients; Aegra gets
the same PostgreSQL server as ours, which writes to the disk before it says that something is committed, once in its
local mode, which loses runs at a crash, and once in its durable one (jobs in Redis; who waits looks every 2 seconds).

One client at a time measures how long an answer takes; many at once how much gets done. With many at once a
wait is mostly the queue: sixteen clients at 25 runs a second wait 640 ms whoever serves them.
"""

import asyncio
import re
import statistics
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from langgraph_sdk import get_client

from benchmarks.rivals import AEGRA as RUNS_AEGRA
from benchmarks.rivals import REDIS, aegra, dev, durable_aegra
from benchmarks.servers import Server, ours, ready_s, temporary
from tests.worlds import postgres
from tests.worlds.cluster import processes

WARM_UP, ALONE, RUNS, AT_ONCE, TURNS = 16, 15, 96, 16, 2
OURS, DEV, PG, AEGRA, DURABLE = "", "dev_", "pg_", "aegra_", "aegra_durable_"
WORKERS = (1, 2, 4, 16)
PROCESSES = (1, 2, 4)
DECISIONS = 20
TASK = {"task": {"text": "nothing", "repo": "/nowhere", "accept": "true"}}
SIGN = {"task": {"text": "sign it", "repo": "/nowhere", "accept": "true"}}


def measure() -> Mapping[str, float]:
    """Waits, runs a second, first events and memory of both; a decision's way, and runs a second by workers."""
    with temporary() as folder:
        return asyncio.run(_measure(folder))


async def _measure(folder: Path) -> Mapping[str, float]:
    with postgres.cluster(durable=True) as cluster:
        async with _servers(folder, cluster) as servers:
            both = await _beside(servers)
            for name in (OURS, PG):
                decided = statistics.median(await decisions(servers[name]))
                both[f"service.{name}decision_to_resume_p50_ms"] = round(decided, 1)
            both |= {f"service.{name}rss_mb": round(server.rss_mb, 1) for name, server in servers.items()}
        for number in PROCESSES:
            # One server that only takes in, with so many worker processes.
            database, home = await postgres.emptied(cluster, f"spread{number}"), folder / f"pg-{number}"
            workers = processes(home, database, servers=0, workers=number, lease_s=30.0)
            async with ours(home, server=database, workers=0) as server, workers:
                both[f"service.pg_runs_per_s_{number}_processes"] = await runs_per_s(server)
    for number in WORKERS:
        async with ours(folder / f"workers-{number}", workers=number) as server:
            both[f"service.runs_per_s_{number}_workers"] = await runs_per_s(server)
    return {
        **both,
        "service.ready_s": round(await ready_s(folder / "ready"), 2),
        **_over_aegra(both),
        "service.wait_faster_than_dev": round(both["service.dev_wait_p50_ms"] / both["service.wait_p50_ms"], 1),
        "service.runs_over_dev": round(both["service.runs_per_s"] / both["service.dev_runs_per_s"], 2),
    }


def _over_aegra(both: Mapping[str, float]) -> dict[str, float]:
    """Ours on PostgreSQL beside Aegra's local mode, where that was measured."""
    if "service.aegra_wait_p50_ms" not in both:
        return {}
    wait = both["service.pg_wait_p50_ms"] / both["service.aegra_wait_p50_ms"]
    runs = both["service.pg_runs_per_s"] / both["service.aegra_runs_per_s"]
    return {"service.pg_wait_beside_aegra": round(wait, 2), "service.pg_runs_over_aegra": round(runs, 2)}


@asynccontextmanager
async def _servers(folder: Path, cluster: Path) -> AsyncGenerator[dict[str, Server]]:
    """Those that are compared, by what their numbers begin with."""
    async with AsyncExitStack() as stack:
        database = await postgres.emptied(cluster, "beside")
        servers = {
            OURS: await stack.enter_async_context(ours(folder / "ours")),
            DEV: await stack.enter_async_context(dev(folder / "dev")),
            PG: await stack.enter_async_context(ours(folder / "pg", server=database)),
        }
        if RUNS_AEGRA.exists():
            servers[AEGRA] = await stack.enter_async_context(aegra(folder / "aegra", cluster))
        if RUNS_AEGRA.exists() and REDIS:
            servers[DURABLE] = await stack.enter_async_context(durable_aegra(folder / "durable", cluster))
        yield servers


async def _beside(servers: Mapping[str, Server]) -> dict[str, float]:
    """The same load on all in turn, so that whatever else the machine does falls on all."""
    numbers: dict[str, list[float]] = {}
    for server in servers.values():
        await load(server, WARM_UP)
    for _ in range(TURNS):
        for name, server in servers.items():
            alone = await load(server, ALONE, at_once=1)
            began = time.perf_counter()
            many = await load(server, RUNS)
            took = time.perf_counter() - began
            values = {
                "wait_p50_ms": [seconds * 1_000 for seconds in alone],
                f"wait_{AT_ONCE}_p50_ms": [seconds * 1_000 for seconds in many],
                "runs_per_s": [RUNS / took],
                "first_event_p50_ms": [seconds * 1_000 for seconds in await first_events(server)],
            }
            for number, measured in values.items():
                numbers.setdefault(f"service.{name}{number}", []).extend(measured)
    return {name: round(statistics.median(measured), 1) for name, measured in numbers.items()}


async def runs_per_s(server: Server) -> float:
    """Runs a second with many clients at once."""
    await load(server, WARM_UP)
    began = time.perf_counter()
    await load(server, RUNS)
    return round(RUNS / (time.perf_counter() - began), 1)


async def load(server: Server, runs: int, *, at_once: int = AT_ONCE) -> list[float]:
    """Seconds of every wait."""
    client, slots = get_client(url=server.url, api_key=server.key), asyncio.Semaphore(at_once)

    async def one() -> float:
        async with slots:
            began = time.perf_counter()
            values: Any = await client.runs.wait(None, "coding", input=TASK)
            assert values["ending"]["status"] == "delivered"
            return time.perf_counter() - began

    async with client:
        return list(await asyncio.gather(*(one() for _ in range(runs))))


async def first_events(server: Server) -> list[float]:
    """Seconds until a stream tells of the first node."""
    took = list[float]()
    async with get_client(url=server.url, api_key=server.key) as client:
        for _ in range(ALONE):
            began = time.perf_counter()
            async for part in client.runs.stream(None, "coding", input=TASK, stream_mode="updates"):
                if part.event == "updates":
                    took.append(time.perf_counter() - began)
                    break
    return took


async def decisions(server: Server, *, times: int = DECISIONS) -> list[float]:
    """Milliseconds from the decision's request to the first line of the node that goes on, by the server's clock."""
    took, headers = list[float](), {"x-api-key": server.session}
    person = get_client(url=server.url, api_key=server.session)
    async with person as client, httpx.AsyncClient(base_url=server.url, headers=headers, timeout=30) as http:
        for _ in range(times):
            thread = (await client.threads.create())["thread_id"]
            await client.runs.wait(thread, "coding", input=SIGN)
            (item,) = (await http.get("/v1/approvals", params={"state": "pending", "run": thread})).json()["items"]
            vote = {"decision": "approve", "action_digest": item["action_digest"]}
            asked_at = time.time() * 1_000
            await http.post(f"/v1/approvals/{item['id']}/decisions", json=vote)
            took.append(await _resumed_at(http, thread) - asked_at)
    return took


async def _resumed_at(http: httpx.AsyncClient, thread: str) -> float:
    """When ``wait`` began the second time, from the run's own trace."""
    while True:
        tree = (await http.get(f"/v1/runs/{thread}/trace")).text
        starts = [int(n) / 1e6 for n in re.findall(r'"name":"invoke_agent wait","start_ns":(\d+)', tree)]
        if len(starts) > 1:
            return max(starts)
        await asyncio.sleep(0.02)
