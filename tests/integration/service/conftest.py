from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.worlds.served import Served, served


@pytest.fixture
async def service(tmp_path: Path) -> AsyncGenerator[Served]:
    async with served(tmp_path) as running:
        yield running
