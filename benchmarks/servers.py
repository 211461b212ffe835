"""The servers that are measured, each a process of its own."""

import asyncio
import json
import os
import shutil
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[1]
START_S = 120.0
STARTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where it answers, to whom, and which process it is."""

    url: str
    pid: int
    key: str = ""
    session: str = ""

    @property
    def rss_mb(self) -> float:
        """Resident memory of the process, without its children."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@contextmanager
def temporary() -> Generator[Path]:
    """A folder for as long as it is measured."""
    with tempfile.TemporaryDirectory(prefix="signoff-bench-") as folder:
        yield Path(folder)


def make(folder: Path, files: Mapping[str, str] | None = None) -> None:
    """A folder with files in it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (files or {}).items():
        (folder / name).write_text(text, encoding="utf-8")


def free_port() -> int:
    """A port of loopback that nobody uses."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@asynccontextmanager
async def ours(folder: Path, **settings: object) -> AsyncGenerator[Server]:
    """Our service with nodes that do nothing (``tests.worlds.served``); killed afterwards."""
    make(folder)
    port, settings_json = free_port(), json.dumps(settings)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.worlds.served",
        str(folder),
        str(port),
        settings_json,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    key, session = (await asyncio.wait_for(process.stdout.readline(), START_S)).decode().split()
    try:
        yield Server(url=f"http://127.0.0.1:{port}", pid=process.pid, key=key, session=session)
    finally:
        process.kill()
        await process.wait()


async def answers(url: str, process: asyncio.subprocess.Process) -> None:
    """Return when a page answers. Raises AssertionError when its process ended before."""
    async with asyncio.timeout(START_S), httpx.AsyncClient() as client:
        while True:
            assert process.returncode is None, f"it ended with {process.returncode}"
            try:
                if (await client.get(url)).is_success:
                    return
            except httpx.TransportError:
                await asyncio.sleep(0.01)


async def ready_s(folder: Path) -> float:
    """Seconds from the command ``signoff serve`` in a new home until ``/readyz`` says yes; the median of some."""
    took = list[float]()
    for number in range(STARTS):
        home, port = folder / str(number), free_port()
        began = time.perf_counter()
        process = await asyncio.create_subprocess_exec(
            "env",
            f"SIGNOFF_HOME={home}",
            str(Path(sys.executable).with_name("signoff")),
            "serve",
            "--port",
            str(port),
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            await answers(f"http://127.0.0.1:{port}/readyz", process)
            took.append(time.perf_counter() - began)
        finally:
            process.terminate()
            await process.wait()
    shutil.rmtree(folder)
    return statistics.median(took)
