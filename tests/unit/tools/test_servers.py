"""Connections of one process: which one makes room for the next."""

import pytest

from domain import Unavailable
from tools import McpServers, ToolServerFile
from tools.connection import ServerConnection
from tools.servers import MOST_OPEN

FILE = ToolServerFile.model_validate(
    {"servers": {"s": {"command": ["/nowhere"], "tools": {"t": {"pin": f"sha256:{'a' * 64}"}}}}}
)


async def test_a_connection_that_is_being_called_makes_room_last() -> None:
    config = FILE.servers["s"]
    open_ = {
        (f"run{n}", "s"): ServerConnection(name="s", config=config, credentials={}, used_at=float(n))
        for n in range(MOST_OPEN)
    }
    open_["run0", "s"].busy = 1
    servers = McpServers(file=FILE, _open=open_)
    with pytest.raises(Unavailable):  # nothing is there to connect to; room was made before
        await servers.prepared("another", "o", "s", "t")
    assert {run for run, _ in open_} == {"run0", *(f"run{n}" for n in range(2, MOST_OPEN)), "another"}
    await servers.close()
