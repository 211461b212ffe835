"""The npm clients of LangGraph as they are, against a real server: the SDK's streams, and React's ``useStream``."""

import pytest

from tests.worlds.node import installed_clients, said_by
from tests.worlds.served import Served

pytestmark = pytest.mark.slow


async def test_the_sdk_streams_a_thread(service: Served) -> None:
    folder = await installed_clients()
    said = await said_by("node", "threads_stream.mjs", service.url, service.session, cwd=folder)
    assert said.splitlines() == [
        "waits: approval",
        "ends: delivered",
        "nodes: true",
        "kinds: true",
        "again: no_such_interrupt",
    ]


async def test_use_stream_of_react(service: Served) -> None:
    folder = await installed_clients()
    said = await said_by("node", "use_stream.mjs", service.url, service.session, cwd=folder)
    lines = [line for line in said.splitlines() if "react-test-renderer is deprecated" not in line]
    assert lines[0] == "waits: approval well"
    assert lines[1:] == ["ends: delivered human,ai", "error: none"] * 2 + ["open: 0"]
