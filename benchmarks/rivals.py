"""Other servers for LangGraph's clients, each a process of its own on the bare graph of the same shape."""

import asyncio
import json
import os
import shutil
import signal
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from benchmarks.servers import ROOT, Server, answers, free_port, make
from tests.worlds import postgres

DEV = ROOT / ".venv-studio" / "bin" / "langgraph"
AEGRA = ROOT / ".venv-aegra" / "bin" / "uvicorn"
"""Made by ``scripts/setup.sh aegra``, which needs Python 3.12. Without it Aegra is left out."""
REDIS = shutil.which("redis-server")
"""What Aegra's durable mode needs beside PostgreSQL. Without it that mode is left out."""
GRAPH = "from benchmarks.idle import bare\n\ngraph = bare(None)\n"
"""Theirs: made once, when the server starts."""
CONFIG = {"dependencies": ["."], "graphs": {"coding": "./graph.py:graph"}, "env": {"PYTHONPATH": str(ROOT)}}


@asynccontextmanager
async def dev(folder: Path) -> AsyncGenerator[Server]:
    """LangGraph's development server, everything in memory."""
    assert DEV.exists(), "run scripts/setup.sh studio first"
    make(folder, {"graph.py": GRAPH, "langgraph.json": json.dumps(CONFIG)})
    port = free_port()
    jobs = ["--no-browser", "--no-reload", "--port", str(port), "--n-jobs-per-worker", "16"]
    given = {"PYTHONPATH": str(ROOT)}
    async with _process([str(DEV), "dev", *jobs], folder, given, f"http://127.0.0.1:{port}", "/ok") as server:
        yield server


@asynccontextmanager
async def durable_aegra(folder: Path, cluster: Path) -> AsyncGenerator[Server]:
    """Aegra as it survives a crash: jobs in Redis, which writes what it is told once a second as it does by default."""
    assert REDIS is not None, "install a Redis server first"
    make(folder)
    port = free_port()
    options = ["--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder), "--appendonly", "yes"]
    process = await asyncio.create_subprocess_exec(REDIS, *options, stdout=asyncio.subprocess.DEVNULL)
    given = {"REDIS_BROKER_ENABLED": "true", "REDIS_URL": f"redis://127.0.0.1:{port}/0"}
    try:
        async with aegra(folder / "aegra", cluster, database="aegra_durable", **given) as server:
            yield server
    finally:
        process.kill()
        await process.wait()


@asynccontextmanager
async def aegra(folder: Path, cluster: Path, *, database: str = "aegra", **given: str) -> AsyncGenerator[Server]:
    """Aegra on a PostgreSQL server, one process, without Redis unless told; it makes its tables itself."""
    make(folder, {"graph.py": GRAPH, "aegra.json": json.dumps({"graphs": CONFIG["graphs"]})})
    postgres.sql(cluster, f"CREATE DATABASE {database}")
    port = free_port()
    environment = {
        "DATABASE_URL": postgres.libpq(cluster, database),
        "PYTHONPATH": str(ROOT),
        "LOG_LEVEL": "WARNING",
        "AEGRA_CONFIG": str(folder / "aegra.json"),
        **given,
    }
    serve = [str(AEGRA), "aegra_api.main:app", "--port", str(port), "--log-level", "warning"]
    async with _process(serve, folder, environment, f"http://127.0.0.1:{port}", "/ready") as server:
        yield server


@asynccontextmanager
async def _process(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], url: str, page: str
) -> AsyncGenerator[Server]:
    """A server of somebody else's, once its page answers; killed afterwards with all it started."""
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            "env",
            *(f"{name}={value}" for name, value in environment.items()),
            *command,
            cwd=folder,
            stdout=log,
            stderr=log,
            stdin=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
    try:
        await answers(url + page, process)
        yield Server(url=url, pid=process.pid)
    finally:
        with suppress(ProcessLookupError):  # it could not start
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
