"""Every store of ballots keeps every promise."""

from collections.abc import Generator
from pathlib import Path

import pytest

from approvals.storage import create_all
from approvals.testing.conformance import PROMISES
from database import open_engine
from tests.worlds import approvals, postgres


@pytest.fixture(scope="module")
def socket() -> Generator[Path]:
    with postgres.cluster() as folder:
        yield folder


@pytest.mark.parametrize("promise", PROMISES)
async def test_the_twin(promise: str) -> None:
    await PROMISES[promise](approvals.twin())


@pytest.mark.parametrize("promise", PROMISES)
async def test_sqlite(promise: str, tmp_path: Path) -> None:
    async with approvals.sqlite(tmp_path) as engine:
        await PROMISES[promise](approvals.stored(engine))


@pytest.mark.postgres
@pytest.mark.parametrize("promise", PROMISES)
async def test_postgres(promise: str, socket: Path) -> None:
    postgres.sql(socket, f"CREATE DATABASE {promise}")
    engine = open_engine(postgres.url(socket, promise))
    try:
        await create_all(engine)
        await PROMISES[promise](approvals.stored(engine))
    finally:
        await engine.dispose()
