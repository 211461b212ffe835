"""Several processes on one PostgreSQL database: another server and workers, with colleagues that take no time.

The test's own process is the first server; requests go to both in turn.
"""

import asyncio
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from pydantic import SecretStr

from service.settings import Settings
from service.wiring.application import open_application
from service.wiring.server import open_server_context
from tests.architecture.tree import ROOT
from tests.worlds.house import settings
from tests.worlds.quick import idle_house

LEASE_S = 3.0


@dataclass(frozen=True, slots=True)
class FileGate:
    """A gate that every process sees: open while the file is there."""

    path: Path

    def set(self) -> None:
        self.path.touch()

    def clear(self) -> None:
        self.path.unlink(missing_ok=True)

    async def wait(self) -> None:
        while not self.path.exists():  # noqa: ASYNC110  a file says nothing by itself
            await asyncio.sleep(0.01)


@dataclass(slots=True)
class InTurn(httpx.AsyncBaseTransport):
    """Sends each request to the next server."""

    ports: tuple[int, ...]
    inner: httpx.AsyncHTTPTransport = field(default_factory=httpx.AsyncHTTPTransport)
    sent: int = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        request.url = request.url.copy_with(port=self.ports[self.sent % len(self.ports)])
        self.sent += 1
        return await self.inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self.inner.aclose()


@dataclass(slots=True)
class Process:
    """A server or a worker."""

    role: str
    folder: Path
    server: str
    port: int = 0
    lease_s: float = LEASE_S
    process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.worlds.cluster",
            self.role,
            str(self.folder),
            self.server,
            str(self.lease_s),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
        )
        assert self.process.stdout is not None
        said = await asyncio.wait_for(self.process.stdout.readline(), 90)
        self.port = int(said.split()[1])

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    async def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        if self.process is not None and self.process.returncode is None:
            self.send(number)
            await asyncio.wait_for(self.process.wait(), 60)
        if self.process is not None:
            self.process._transport.close()
        self.process = None


@asynccontextmanager
async def processes(
    folder: Path, server: str, *, servers: int = 1, workers: int = 3, lease_s: float = LEASE_S
) -> AsyncGenerator[list[Process]]:
    """Start them, all at once, and end them in order."""
    roles = ["serve"] * servers + ["work"] * workers
    started = [Process(role, folder, server, lease_s=lease_s) for role in roles]
    async with AsyncExitStack() as stack:
        for each in started:
            stack.push_async_callback(each.end)
        await asyncio.gather(*(each.start() for each in started))
        yield started


def of(folder: Path, server: str, lease_s: float, **given: object) -> Settings:
    return settings(
        folder,
        database_url=SecretStr(server),
        lease_s=lease_s,
        rate_per_minute=100_000,
        rate_per_minute_ip=100_000,
        drain_s=5.0,
        **given,
    )


async def work(folder: Path, server: str, lease_s: float) -> None:
    """A worker, as ``signoff worker`` is one."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with open_application(of(folder, server, lease_s, workers=4)) as application:
        gate = FileGate(folder / "gate")
        async with open_server_context(idle_house(application, folder / "deliveries", gate)):  # type: ignore[arg-type]
            print("ready 0", flush=True)  # noqa: T201
            await stop.wait()


async def serve(folder: Path, server: str, lease_s: float) -> None:
    """A server that performs nothing itself."""
    from tests.worlds.served import served  # noqa: PLC0415  it uses this module

    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with served(folder, server=server, workers=0, lease_s=lease_s) as running:
        print(f"ready {running.port} {running.key} {running.session}", flush=True)  # noqa: T201
        await stop.wait()


if __name__ == "__main__":
    role, where, url, lease = sys.argv[1:]
    asyncio.run({"serve": serve, "work": work}[role](Path(where), url, float(lease)))
