from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest

from tests.chaos.life import Life
from tests.chaos.nursery import Nursery, nursery
from tests.worlds import postgres


@pytest.fixture
async def born() -> AsyncGenerator[Nursery]:
    """Starts servers within a blink; none is left afterwards."""
    async with nursery() as made:
        yield made


@pytest.fixture
async def life(born: Nursery, tmp_path: Path) -> Life:
    """A living server."""
    living = Life(born, tmp_path)
    await living.start()
    return living


@pytest.fixture
def cluster() -> Generator[Path]:
    """A PostgreSQL server of its own: it is killed, too."""
    with postgres.cluster() as folder:
        yield folder
