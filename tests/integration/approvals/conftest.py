"""A database of each kind, migrated as on a server, with ballots and a real audit in it."""

from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from database import open_engine, sqlite_url
from tests.worlds import approvals, postgres


@pytest.fixture(scope="session")
def socket() -> Generator[Path]:
    with postgres.cluster() as folder:
        yield folder


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncGenerator[AsyncEngine]:
    engine = open_engine(sqlite_url(tmp_path / "signoff.db"))
    await approvals.migrate(engine)
    yield engine
    await engine.dispose()


@pytest.fixture
async def postgres_engine(socket: Path, request: pytest.FixtureRequest) -> AsyncGenerator[AsyncEngine]:
    name = request.node.name.replace("[", "_").replace("]", "").lower()[:60]
    postgres.sql(socket, f'CREATE DATABASE "{name}"')
    engine = open_engine(postgres.url(socket, name))
    await approvals.migrate(engine)
    yield engine
    await engine.dispose()


@pytest.fixture
def world(engine: AsyncEngine, tmp_path: Path) -> approvals.World:
    return approvals.world(engine, tmp_path / "witness")
