"""A running service. The tests of these files hold it to the same behaviour on every engine.

``embedded``: one process on SQLite. ``distributed``: one process on PostgreSQL that does everything.
``cluster``: two servers that perform nothing, asked in turn, and three workers, each its own process.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.worlds import postgres
from tests.worlds.cluster import FileGate, processes
from tests.worlds.served import Served, served

EMBEDDED = pytest.param("embedded")
DISTRIBUTED = pytest.param("distributed", marks=[pytest.mark.postgres, pytest.mark.slow])
CLUSTER = pytest.param("cluster", marks=[pytest.mark.postgres, pytest.mark.slow])
ENGINES = {
    "test_runs": [EMBEDDED, CLUSTER],
    "test_stopping": [EMBEDDED, CLUSTER],
    "test_threads": [EMBEDDED, DISTRIBUTED],
    "test_sdk_promises": [EMBEDDED, DISTRIBUTED],
    "test_event_streaming": [EMBEDDED, CLUSTER],
    "test_assistants": [EMBEDDED, DISTRIBUTED],
    "test_commands": [EMBEDDED, DISTRIBUTED],
    "test_sdk_methods": [EMBEDDED, DISTRIBUTED],
    "test_letters": [EMBEDDED, DISTRIBUTED],
    "test_approvals": [EMBEDDED, DISTRIBUTED],
    "test_retention": [EMBEDDED, DISTRIBUTED],
    "test_jobs": [EMBEDDED, DISTRIBUTED],
    "test_mcp": [EMBEDDED, DISTRIBUTED],
    "test_bodies": [EMBEDDED, DISTRIBUTED],
    "test_organisations": [EMBEDDED, DISTRIBUTED],
    "test_personal_data": [EMBEDDED, DISTRIBUTED],
    "test_console_pages": [EMBEDDED, DISTRIBUTED],
    "test_console_memory": [EMBEDDED, DISTRIBUTED],
    "test_console_notices": [EMBEDDED, DISTRIBUTED],
    "test_console_scale": [EMBEDDED, DISTRIBUTED],
}
OF_SESSIONS = {
    "test_nobody_goes_on_with_somebody_elses_session",
    "test_a_stream_that_nobody_kept_is_begun_anew",
    "test_a_host_shows_its_person_where_to_sign_and_waits_for_it",
}
"""On PostgreSQL there are no sessions of MCP: docs/api.md."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "service" in metafunc.fixturenames:
        engines = ENGINES.get(metafunc.module.__name__.rpartition(".")[2], [EMBEDDED])
        engines = [EMBEDDED] if metafunc.function.__name__ in OF_SESSIONS else engines
        metafunc.parametrize("service", engines, indirect=True)


@pytest.fixture(scope="session")
def socket() -> Generator[Path]:
    with postgres.cluster() as folder:
        yield folder


@dataclass(frozen=True, slots=True)
class Cluster:
    """What lasts from test to test: the other server and the workers."""

    folder: Path
    server: str
    ports: tuple[int, ...]


@pytest.fixture(scope="session")
def cluster(socket: Path, tmp_path_factory: pytest.TempPathFactory) -> Generator[Cluster]:
    folder = tmp_path_factory.mktemp("cluster")
    with other_loop() as run:
        server, stack = run(postgres.emptied(socket, "cluster")), AsyncExitStack()
        started = run(stack.enter_async_context(processes(folder, server)))
        yield Cluster(folder, server, tuple(each.port for each in started if each.port))
        run(stack.aclose())


@contextmanager
def other_loop() -> Generator[Callable[[Coroutine[Any, Any, Any]], Any]]:
    """A loop that outlives the tests, each of which has one of its own."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever)
    thread.start()
    try:
        yield lambda work: asyncio.run_coroutine_threadsafe(work, loop).result(120)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture
async def service(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncGenerator[Served]:
    async with AsyncExitStack() as stack:
        if request.param == "cluster":
            known: Cluster = request.getfixturevalue("cluster")
            await postgres.emptied(request.getfixturevalue("socket"), "cluster")
            (known.folder / "deliveries").unlink(missing_ok=True)
            FileGate(known.folder / "gate").clear()
            running = served(known.folder, server=known.server, others=known.ports, workers=0, lease_s=3.0)
        else:
            server = ""
            if request.param == "distributed":
                server = await postgres.emptied(request.getfixturevalue("socket"), "service")
            running = served(tmp_path, server=server, lease_s=3.0)
        yield await stack.enter_async_context(running)
