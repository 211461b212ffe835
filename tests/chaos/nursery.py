"""Servers that are there at once: a process that has imported everything forks them.

``python -m tests.chaos.nursery`` reads a JSON object a line (what of ``serving`` to do, and its arguments), forks,
and answers with the child's process id. A child is an ordinary process: it can be killed and stopped.
"""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.architecture.tree import ROOT
from tests.chaos import serving

START_S = 60.0


def main() -> None:
    """Fork for every line until the input ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the dead
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            with suppress(KeyboardInterrupt):
                given = json.loads(line)
                asyncio.run(getattr(serving, given.pop("do"))(**given))
            os._exit(0)
        print(pid, flush=True)  # noqa: T201


def free_port() -> int:
    """A port of loopback that nobody uses."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@dataclass(slots=True)
class Child:
    """One server, dead or alive."""

    pid: int
    url: str
    key: str = ""
    session: str = ""

    def http(self, *, person: bool = False) -> httpx.AsyncClient:
        """A client with the program's key, or with the login of the person it belongs to."""
        headers = {"authorization": f"Bearer {self.session if person else self.key}"}
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=30)

    async def kill(self) -> None:
        """``kill -9``; returns when it is dead."""
        self.end()
        await self.dead()

    def end(self) -> None:
        """``kill -9``, now."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    async def dead(self, within_s: float = 60.0) -> None:
        """Return when it has died by itself."""
        try:
            watched = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return
        loop, gone = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(watched, gone.set)
        try:
            async with asyncio.timeout(within_s):
                await gone.wait()
        finally:
            loop.remove_reader(watched)
            os.close(watched)

    async def stopped(self, within_s: float = 60.0) -> None:
        """Return when it stands still (SIGSTOP)."""
        async with asyncio.timeout(within_s):
            while self._state != "T":  # noqa: ASYNC110  another process
                await asyncio.sleep(0.01)

    @property
    def _state(self) -> str:
        return Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]

    def go_on(self) -> None:
        """SIGCONT."""
        os.kill(self.pid, signal.SIGCONT)

    @property
    def alive(self) -> bool:
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        return True


@dataclass(slots=True)
class Nursery:
    """Starts servers, and ends those that are left."""

    process: asyncio.subprocess.Process
    children: list[Child] = field(default_factory=list[Child])

    async def start(self, folder: Path, port: int, **given: Any) -> Child:
        """A server; returns when it answers, or without a key when it died before."""
        child = Child(await self.fork("serve", folder=str(folder), port=port, **given), f"http://127.0.0.1:{port}")
        self.children.append(child)
        told = folder / f"told-{child.pid}"
        async with asyncio.timeout(START_S):
            while not told.exists() and child.alive:  # noqa: ASYNC110  another process
                await asyncio.sleep(0.01)
        if told.exists():
            child.key, child.session = told.read_text().split()
        return child

    async def advance(self, folder: Path, run: str, **given: Any) -> Child:
        """A process that makes a run and advances it once, as a command of the command line does."""
        child = Child(await self.fork("advance", folder=str(folder), run=run, **given), "")
        self.children.append(child)
        return child

    async def compete(self, folder: Path, sandbox: str) -> Child:
        """A process in which candidates compete; returns when it is dead."""
        child = Child(await self.fork("compete", folder=str(folder), sandbox=sandbox), "")
        self.children.append(child)
        await child.dead(within_s=120.0)
        return child

    async def team_up(self, folder: Path, sandbox: str, server: str) -> Child:
        """A process in which a team works; returns when it is dead."""
        child = Child(await self.fork("team_up", folder=str(folder), sandbox=sandbox, server=server), "")
        self.children.append(child)
        await child.dead(within_s=240.0)
        return child

    async def fork(self, do: str, **given: Any) -> int:
        """A process id."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"do": do, **given}).encode() + b"\n")
        await self.process.stdin.drain()
        return int(await asyncio.wait_for(self.process.stdout.readline(), START_S))


@asynccontextmanager
async def nursery() -> AsyncGenerator[Nursery]:
    """A nursery; all of its children are dead afterwards."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.chaos.nursery", cwd=ROOT, stdin=pipe, stdout=pipe
    )
    made = Nursery(process)
    try:
        yield made
    finally:
        for child in made.children:
            await child.kill()
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


if __name__ == "__main__":
    main()
