"""What a node costs: graph, checkpoint and spans, with no model and no command.

Ours and a bare LangGraph graph of the same shape take turns in one process, each with its own SQLite
file and a checkpoint after every step, so that whatever else the machine does falls on both. A whole
run is more than its nodes: the engine writes its row, takes its lease, and settles how it ended.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from benchmarks.idle import TASK, VISITS, bare, nodes
from graphs import CodingGraph, coding, serializer
from service.settings import Settings
from service.wiring.application import open_application
from telemetry import logging_as, tracing

WARM_UP, ROUNDS = 10, 60


def measure() -> Mapping[str, float]:
    """Medians over ``ROUNDS`` runs of each graph, after ``WARM_UP``."""
    with tempfile.TemporaryDirectory(prefix="signoff-bench-") as folder, logging_as(stream=sys.stderr):
        ours, plain = asyncio.run(_take_turns(Path(folder)))
        whole = asyncio.run(_whole_runs(Path(folder) / "home"))
    return {
        "graph.node_overhead_ratio": round(statistics.median(ours) / statistics.median(plain), 3),
        "graph.node_ms": round(statistics.median(ours) / VISITS, 3),
        "graph.bare_node_ms": round(statistics.median(plain) / VISITS, 3),
        "graph.noop_run_p50_ms": round(statistics.median(whole), 2),
        "graph.noop_run_p95_ms": round(statistics.quantiles(whole, n=20)[-1], 2),
    }


async def _take_turns(folder: Path) -> tuple[list[float], list[float]]:
    async with (
        tracing(folder=folder / "spans") as spans,
        AsyncSqliteSaver.from_conn_string(str(folder / "ours.sqlite")) as ours_saver,
        AsyncSqliteSaver.from_conn_string(str(folder / "bare.sqlite")) as bare_saver,
    ):
        for saver in (ours_saver, bare_saver):
            saver.serde = serializer()
            await saver.setup()
            await saver.conn.execute("PRAGMA synchronous=NORMAL")
        ours, plain = coding(nodes(spans.tracer), checkpointer=ours_saver), bare(bare_saver)
        for number in range(WARM_UP):
            await _run(ours, f"warm-{number}")
            await _run(plain, f"warm-{number}")
        times: tuple[list[float], list[float]] = ([], [])
        for number in range(ROUNDS):
            times[0].append(await _run(ours, f"run-{number}"))
            times[1].append(await _run(plain, f"run-{number}"))
    return times


async def _whole_runs(home: Path) -> list[float]:
    """Milliseconds of whole runs through the real engine, in an application of their own."""
    settings = Settings(home=home, sandbox="unsafe-local")
    async with open_application(settings) as application, tracing(folder=home / "traces") as spans:
        idle = coding(nodes(spans.tracer), checkpointer=application.engine.graph.checkpointer)
        engine = replace(application.engine, graph=idle)
        times: list[float] = []
        for number in range(WARM_UP + ROUNDS):
            started = time.perf_counter()
            run = await engine.create(TASK)
            standing = await engine.advance(run.id, lambda _: None)
            took = (time.perf_counter() - started) * 1_000
            assert standing.run.status == "delivered", "a run that does not end is no measurement"
            if number >= WARM_UP:
                times.append(took)
    return times


async def _run(graph: CodingGraph, run: str) -> float:
    """Milliseconds of one run from its first node to its last, its events read as the engine reads them."""
    inputs = {"run": run, "org": "bench", "task": TASK}
    config = {"configurable": {"thread_id": run}}
    started = time.perf_counter()
    async for _ in graph.astream(inputs, config, stream_mode=["custom"], subgraphs=True, durability="sync"):  # type: ignore[arg-type]
        pass
    took = (time.perf_counter() - started) * 1_000
    state = await graph.aget_state(config)  # type: ignore[arg-type]
    assert state.values["ending"].status == "delivered", "a run that does not end is no measurement"
    return took
