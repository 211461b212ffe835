"""What the console costs: its first page, a list of 10,000 runs, and fifty open consoles that follow one run.

The server is a process of its own. What consoles cost is the processor time that it takes with them, less what the
same work takes without: a run that is spoken to again and again, each time some twenty events.
"""

import asyncio
import os
import re
import statistics
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import httpx
from sqlalchemy import insert

from benchmarks.servers import Server, ours, temporary
from database import now, open_engine, sqlite_url
from domain import Task
from service.runs.runs import RUNS, task_json

RUNS_LISTED, CONSOLES, WINDOW_S, EVERY_S = 10_000, 50, 10.0, 1.0
PAGES = 30


def measure() -> Mapping[str, float]:
    """Milliseconds and bytes of pages, and the share of a core that fifty consoles take."""
    with temporary() as folder:
        return asyncio.run(_measure(folder))


async def _measure(folder: Path) -> Mapping[str, float]:
    async with ours(folder) as server, visitor(server) as http:
        first, kilobytes = await page_ms(http, "/console/"), await weight_kb(http)
        run = await asyncio.wait_for(started(http), 60)
        without = await cpu_share(server, http, run, consoles=0)
        beside = await cpu_share(server, http, run, consoles=CONSOLES)
        await many_runs(folder)
        return {
            "console.first_page_p50_ms": round(first, 1),
            "console.first_page_kb": round(kilobytes, 1),
            "console.runs_10k_page_p50_ms": round(await page_ms(http, "/console/runs"), 1),
            "console.consoles_50_core_share": round(max(0.0, beside - without), 3),
        }


@asynccontextmanager
async def visitor(server: Server) -> AsyncGenerator[httpx.AsyncClient]:
    """Somebody who is logged in."""
    limits = httpx.Limits(max_connections=2 * CONSOLES)
    async with httpx.AsyncClient(base_url=server.url, timeout=60, limits=limits) as http:
        http.cookies.set("signoff_console", server.session, path="/console")
        yield http


async def page_ms(http: httpx.AsyncClient, address: str) -> float:
    """The median of some."""
    took = list[float]()
    for _ in range(PAGES):
        began = time.perf_counter()
        (await http.get(address)).raise_for_status()
        took.append((time.perf_counter() - began) * 1_000)
    return statistics.median(took)


async def weight_kb(http: httpx.AsyncClient) -> float:
    """The first page with all that it loads."""
    html = (await http.get("/console/")).text
    files = re.findall(r'(?:src|href)="(/console/static/[^"]+)"', html)
    return (len(html.encode()) + sum([len((await http.get(file)).content) for file in files])) / 1_000


async def sent(http: httpx.AsyncClient, page: str, action: str, **filled: str) -> str:
    """Send the form of a page; where it leads."""
    html = (await http.get(page)).raise_for_status().text
    token = html.split('name="csrf" value="')[1].split('"')[0]
    answer = await http.post(action, data={"csrf": token, **filled}, headers={"sec-fetch-site": "same-origin"})
    assert answer.is_redirect, answer.text
    return answer.headers["location"].partition("?")[0]


async def started(http: httpx.AsyncClient) -> str:
    """The page of a run that does nothing."""
    return await sent(http, "/console/start", "/console/start", text="do nothing", repo="/nowhere", accept="true")


async def cpu_share(server: Server, http: httpx.AsyncClient, run: str, *, consoles: int) -> float:
    """The share of a core that the server takes while a run is worked on, with so many consoles at it."""
    heard = [0] * consoles

    async def follow(number: int) -> None:
        async with http.stream("GET", f"{run}/events") as answer:
            async for line in answer.aiter_lines():
                heard[number] += line.startswith("event: entry")

    following = [asyncio.create_task(follow(number)) for number in range(consoles)]
    try:
        await asyncio.sleep(2.0)  # what lies behind them is told first
        before, began, told = cpu_s(server.pid), time.perf_counter(), sum(heard)
        while time.perf_counter() - began < WINDOW_S:
            await sent(http, run, run, do="say", wish="do nothing else")
            await asyncio.sleep(EVERY_S)
        took = (cpu_s(server.pid) - before) / (time.perf_counter() - began)
    finally:
        for each in following:
            each.cancel()
        await asyncio.gather(*following, return_exceptions=True)
    assert not consoles or sum(heard) - told > consoles * WINDOW_S, "the consoles heard nothing"
    return took


def cpu_s(pid: int) -> float:
    """Processor seconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def many_runs(folder: Path) -> None:
    """Write runs into the server's database, as if they had been."""
    task, moment = task_json(Task(text="do nothing", repo="/nowhere", accept="true", requester="ann")), now()
    rows = [
        {
            "id": f"listed-{number}",
            "org": "local",
            "requester": "ann",
            "status": "delivered",
            "task": task,
            "created_at": moment - timedelta(seconds=number),
            "updated_at": moment,
        }
        for number in range(RUNS_LISTED)
    ]
    engine = open_engine(sqlite_url(folder / "home" / "signoff.db"))
    async with engine.begin() as conn:
        await conn.execute(insert(RUNS), rows)
    await engine.dispose()
