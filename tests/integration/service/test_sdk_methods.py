"""What other clients ask for, as ``python -m benchmarks clients`` counts it: nothing fails, nothing is untried."""

import pytest

from benchmarks.clients import aegra, remote_graph, sdk
from benchmarks.servers import Server
from tests.worlds.served import Served

pytestmark = pytest.mark.slow


def at(service: Served) -> Server:
    return Server(url=service.url, pid=0, key=service.key, session=service.session)


async def test_every_method_of_the_python_sdk(service: Served) -> None:
    results = await sdk.python(at(service))
    assert {method: why for method, why in results.items() if why} == {}
    assert set(results) == set(sdk.CALLS)


async def test_every_method_of_the_npm_sdk(service: Served) -> None:
    results = await sdk.npm(at(service))
    assert {method: why for method, why in results.items() if why} == {}
    assert len(results) > 40


async def test_a_remote_graph_is_like_one_of_ones_own(service: Served) -> None:
    results = await remote_graph.tried(at(service))
    assert {call: why for call, why in results.items() if why} == {}
    assert len(results) > 20


PARTS = 3


@pytest.mark.parametrize("part", range(PARTS))
async def test_the_calls_of_aegras_suite(service: Served, part: int) -> None:
    """Only what differs by intent does."""
    rows = dict(list(aegra.ROWS.items())[part::PARTS])
    results = await aegra.tried(at(service), rows)
    assert {call: why for call, why in results.items() if why and not rows[call].differs} == {}
    assert {call for call, why in results.items() if why} == {call for call, row in rows.items() if row.differs}
