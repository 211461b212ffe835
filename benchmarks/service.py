"""What the service costs: a run that does nothing, asked for over HTTP by the official SDK.

The server is a process of its own with everything switched on: keys, spans, leases, durable checkpoints.
"""

import asyncio
import os
import re
import signal
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from langgraph_sdk import get_client

ROOT = Path(__file__).parents[1]
WARM_UP, RUNS, AT_ONCE = 20, 160, 16
DECISIONS = 20
TASK = {"task": {"text": "nothing", "repo": "/nowhere", "accept": "true"}}
SIGN = {"task": {"text": "sign it", "repo": "/nowhere", "accept": "true"}}


def measure() -> Mapping[str, float]:
    """Waits and runs a second with ``AT_ONCE`` clients, the first event of a stream, and a decision's way."""
    with tempfile.TemporaryDirectory(prefix="signoff-bench-") as folder:
        return asyncio.run(_measure(Path(folder)))


async def _measure(folder: Path) -> Mapping[str, float]:
    async with server(folder) as (url, key, session, pid, ready_s):
        await load(url, key, WARM_UP)
        began = time.perf_counter()
        waits = await load(url, key, RUNS)
        took = time.perf_counter() - began
        return {
            "service.ready_s": round(ready_s, 2),
            "service.wait_p50_ms": round(statistics.median(waits) * 1_000, 1),
            "service.wait_p95_ms": round(statistics.quantiles(waits, n=20)[-1] * 1_000, 1),
            "service.wait_alone_p50_ms": round(statistics.median(await load(url, key, 30, at_once=1)) * 1_000, 1),
            "service.runs_per_s": round(RUNS / took, 1),
            "service.first_event_p50_ms": round(statistics.median(await first_events(url, key)) * 1_000, 1),
            "service.decision_to_resume_p50_ms": round(statistics.median(await decisions(url, session)), 1),
            "service.rss_mb": round(rss_mb(pid), 1),
        }


@asynccontextmanager
async def server(folder: Path) -> AsyncGenerator[tuple[str, str, str, int, float]]:
    """A server in a process of its own; stopped afterwards."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.worlds.served", str(folder), str(port), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    key, session = (await process.stdout.readline()).decode().split()
    try:
        yield f"http://127.0.0.1:{port}", key, session, process.pid, time.perf_counter() - began
    finally:
        os.kill(process.pid, signal.SIGKILL)
        await process.wait()


async def load(url: str, key: str, runs: int, *, at_once: int = AT_ONCE) -> list[float]:
    """Seconds of every wait."""
    client, slots = get_client(url=url, api_key=key), asyncio.Semaphore(at_once)

    async def one() -> float:
        async with slots:
            began = time.perf_counter()
            values = await client.runs.wait(None, "coding", input=TASK)
            assert values["ending"]["status"] == "delivered"
            return time.perf_counter() - began

    return list(await asyncio.gather(*(one() for _ in range(runs))))


async def first_events(url: str, key: str) -> list[float]:
    """Seconds until a stream says something."""
    client, took = get_client(url=url, api_key=key), list[float]()
    for _ in range(20):
        began = time.perf_counter()
        async for part in client.runs.stream(None, "coding", input=TASK, stream_mode="updates"):
            if part.event == "updates":
                took.append(time.perf_counter() - began)
                break
    return took


async def decisions(url: str, session: str) -> list[float]:
    """Milliseconds from the decision's request to the first line of the node that goes on, by the server's clock."""
    client, took = get_client(url=url, api_key=session), list[float]()
    async with httpx.AsyncClient(base_url=url, headers={"x-api-key": session}) as http:
        for _ in range(DECISIONS):
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


def rss_mb(pid: int) -> float:
    """Resident memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
