"""A running service. The tests of these files hold it to the same behaviour on both engines."""

from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest

from tests.worlds import postgres
from tests.worlds.served import Served, served

ON_BOTH = ("test_runs", "test_stopping", "test_threads", "test_letters", "test_approvals")
ENGINES = [pytest.param("embedded"), pytest.param("distributed", marks=pytest.mark.postgres)]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "service" in metafunc.fixturenames:
        both = metafunc.module.__name__.rpartition(".")[2] in ON_BOTH
        metafunc.parametrize("service", ENGINES if both else ENGINES[:1], indirect=True)


@pytest.fixture(scope="session")
def socket() -> Generator[Path]:
    with postgres.cluster() as folder:
        yield folder


@pytest.fixture
async def service(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncGenerator[Served]:
    server = ""
    if request.param == "distributed":
        server = await postgres.emptied(request.getfixturevalue("socket"), "service")
    async with served(tmp_path, server=server, lease_s=3.0) as running:
        yield running
