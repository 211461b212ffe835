from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest

from tests.worlds import postgres
from tests.worlds.engines import World

ON = [pytest.param("embedded"), pytest.param("distributed", marks=[pytest.mark.postgres, pytest.mark.slow])]


@pytest.fixture(scope="module")
def socket() -> Generator[Path]:
    with postgres.cluster() as folder:
        yield folder


@pytest.fixture(params=ON)
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[World]:
    if request.param == "embedded":
        yield World(tmp_path, "", None)
        return
    socket = request.getfixturevalue("socket")
    yield World(tmp_path, await postgres.emptied(socket, "engines"), socket)
