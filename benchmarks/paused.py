"""What runs cost that wait for a person: ten thousand of them, made by the engine itself, under one server.

The server starts on a home in which they wait already; an empty one beside it is what they are compared with.
"""

import asyncio
import statistics
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from itertools import count
from multiprocessing import get_context
from pathlib import Path

from benchmarks.servers import ours, temporary
from benchmarks.service import WARM_UP, decisions, load
from domain import Task
from service.wiring.application import open_application
from telemetry import logging_as
from tests.worlds.house import settings
from tests.worlds.quick import idle_house

RUNS, SAY_EVERY = 10_000, 500
MAKERS, AT_ONCE = 2, 8
"""Processes that make them, and how many each makes at once."""
TASK = Task(text="sign it", repo="/nowhere", accept="true", requester="ann")


def measure(runs: int = RUNS) -> Mapping[str, float]:
    """Memory beside an empty server, the start, and a decision's way."""
    with temporary() as folder, logging_as(stream=sys.stderr):
        asyncio.run(_fill(folder / "full", 0))  # its tables, made once
        with ProcessPoolExecutor(MAKERS, mp_context=get_context("spawn")) as makers:
            list(makers.map(fill, [folder / "full"] * MAKERS, [runs // MAKERS] * MAKERS))
        return asyncio.run(_measure(folder))


def fill(folder: Path, runs: int) -> None:
    """Make so many runs that wait for a signature, in a process of its own."""
    asyncio.run(_fill(folder, runs))


async def _fill(folder: Path, runs: int) -> None:
    async with open_application(settings(folder), models={}) as opened:
        engine, numbers = idle_house(opened, folder / "deliveries", asyncio.Event()).engine, count(1)

        async def some() -> None:
            while (number := next(numbers)) <= runs:
                standing = await engine.advance((await engine.create(TASK)).id, lambda _: None)
                assert standing.run.status == "interrupted", "a run that does not wait is no measurement"
                if number % SAY_EVERY == 0:
                    print(f"  {number:,} wait", flush=True)

        await asyncio.gather(*(some() for _ in range(AT_ONCE)))


async def _measure(folder: Path) -> Mapping[str, float]:
    async with ours(folder / "empty") as empty:
        await load(empty, WARM_UP)
        bare = empty.rss_mb
    began = time.perf_counter()
    async with ours(folder / "full") as full:
        started = time.perf_counter() - began
        await load(full, WARM_UP)
        grown = full.rss_mb - bare
        resumed = await decisions(full)
    return {
        "service.paused_runs_10k_rss_mb": round(grown, 1),
        "service.paused_runs_10k_start_s": round(started, 2),
        "service.paused_runs_10k_resume_p50_ms": round(statistics.median(resumed), 1),
    }
