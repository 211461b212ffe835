"""The prompts of an installation, on both databases."""

from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest

from database import open_engine, sqlite_url
from service.storage.schema import make_tables
from tests.worlds import postgres
from tests.worlds.prompts import PromptWorld

POSTGRES = pytest.param("postgresql", marks=[pytest.mark.postgres, pytest.mark.slow])


@pytest.fixture(scope="session")
def cluster() -> Generator[Path]:
    with postgres.cluster() as folder:
        yield folder


@pytest.fixture(params=["sqlite", POSTGRES])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[PromptWorld]:
    if request.param == "sqlite":
        engine = open_engine(sqlite_url(tmp_path / "rows.db"))
        await make_tables(engine)
    else:
        folder = request.getfixturevalue("cluster")
        await postgres.emptied(folder, "prompts")
        engine = open_engine(postgres.url(folder, "prompts"))
    yield PromptWorld(engine=engine)
    await engine.dispose()
