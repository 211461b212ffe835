"""Every method of LangGraph's SDKs, as ``python -m benchmarks clients`` counts them: none fails, none is untried."""

import pytest

from benchmarks import clients
from benchmarks.servers import Server
from tests.worlds.served import Served

pytestmark = pytest.mark.slow


def at(service: Served) -> Server:
    return Server(url=service.url, pid=0, key=service.key, session=service.session)


async def test_every_method_of_the_python_sdk(service: Served) -> None:
    results = await clients.python(at(service))
    assert {method: why for method, why in results.items() if why} == {}
    assert set(results) == set(clients.CALLS)


async def test_every_method_of_the_npm_sdk(service: Served) -> None:
    results = await clients.npm(at(service))
    assert {method: why for method, why in results.items() if why} == {}
    assert len(results) > 40
