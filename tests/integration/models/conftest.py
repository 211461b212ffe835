from collections.abc import Iterator

import pytest

from tests.integration.models.vllm_server import Vllm, vllm


@pytest.fixture(scope="session")
def server() -> Iterator[Vllm]:
    with vllm() as running:
        yield running
