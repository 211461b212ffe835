"""What the service costs: a run that does nothing, asked for over HTTP by the official SDK.

Side by side with LangGraph's development server (``langgraph dev``): the same eight nodes, the same client on
the same machine, taking turns. Ours is a process of its own with everything switched on: keys, spans, leases,
durable checkpoints. Theirs runs the bare graph (``idle.bare``), keeps everything in memory, asks nobody for a
key, and gets as many jobs at once as there are clients.

One client at a time measures how long an answer takes; many at once how much gets done. With many at once a
wait is mostly the queue: sixteen clients at 25 runs a second wait 640 ms whoever serves them.
"""

import asyncio
import re
import statistics
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
from langgraph_sdk import get_client

from benchmarks.servers import Server, dev, ours, ready_s, temporary

WARM_UP, ALONE, RUNS, AT_ONCE, TURNS = 16, 15, 96, 16, 2
WORKERS = (1, 2, 4, 16)
DECISIONS = 20
TASK = {"task": {"text": "nothing", "repo": "/nowhere", "accept": "true"}}
SIGN = {"task": {"text": "sign it", "repo": "/nowhere", "accept": "true"}}


def measure() -> Mapping[str, float]:
    """Waits, runs a second, first events and memory of both; a decision's way, and runs a second by workers."""
    with temporary() as folder:
        return asyncio.run(_measure(folder))


async def _measure(folder: Path) -> Mapping[str, float]:
    async with dev(folder / "dev") as theirs, ours(folder / "ours") as mine:
        both = await _beside(mine, theirs)
        decided = round(statistics.median(await decisions(mine)), 1)
        both |= {"service.rss_mb": round(mine.rss_mb, 1), "service.dev_rss_mb": round(theirs.rss_mb, 1)}
    by_workers = {f"service.runs_per_s_{n}_workers": await _with(folder / f"workers-{n}", n) for n in WORKERS}
    return {
        **both,
        **by_workers,
        "service.ready_s": round(await ready_s(folder / "ready"), 2),
        "service.decision_to_resume_p50_ms": decided,
        "service.wait_faster_than_dev": round(both["service.dev_wait_p50_ms"] / both["service.wait_p50_ms"], 1),
        "service.runs_over_dev": round(both["service.runs_per_s"] / both["service.dev_runs_per_s"], 2),
    }


async def _beside(mine: Server, theirs: Server) -> dict[str, float]:
    """The same load on both in turn, so that whatever else the machine does falls on both."""
    found: dict[str, list[float]] = {}
    for server in (mine, theirs):
        await load(server, WARM_UP)
    for _ in range(TURNS):
        for name, server in (("", mine), ("dev_", theirs)):
            for number, values in (await _once(server)).items():
                found.setdefault(f"service.{name}{number}", []).extend(values)
    return {name: round(statistics.median(values), 1) for name, values in found.items()}


async def _once(server: Server) -> dict[str, list[float]]:
    alone = await load(server, ALONE, at_once=1)
    began = time.perf_counter()
    many = await load(server, RUNS)
    took = time.perf_counter() - began
    return {
        "wait_p50_ms": [seconds * 1_000 for seconds in alone],
        f"wait_{AT_ONCE}_p50_ms": [seconds * 1_000 for seconds in many],
        "runs_per_s": [RUNS / took],
        "first_event_p50_ms": [seconds * 1_000 for seconds in await first_events(server)],
    }


async def _with(folder: Path, workers: int) -> float:
    async with ours(folder, workers=workers) as server:
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
            said = {"decision": "approve", "action_digest": item["action_digest"]}
            asked_at = time.time() * 1_000
            await http.post(f"/v1/approvals/{item['id']}/decisions", json=said)
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
