"""Real MCP servers by the official SDK: over streamable HTTP, and programs that misbehave."""

import asyncio
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from domain import Unavailable
from tests.worlds import tool_server
from tests.worlds.tools import TicketServer
from tools.stdio_guard import TOO_LONG

pytestmark = pytest.mark.slow
GUARD = Path(__file__).parents[3] / "tools" / "stdio_guard.py"


async def test_streamable_http_says_the_same_and_is_bounded(tmp_path: Path) -> None:
    tickets = TicketServer(tmp_path / "tickets")
    tickets.behaves("")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        command = [sys.executable, tool_server.__file__, str(tickets.folder), str(listener.fileno())]
        process = subprocess.Popen(command, pass_fds=[listener.fileno()])  # noqa: ASYNC220  of a test
    try:
        servers = await tickets.servers(url=f"http://127.0.0.1:{port}/mcp")
        offers, problems = await servers.offered("r", "o")
        assert ([offer.name for offer in offers], problems) == (["tickets.search", "tickets.create"], {})
        call = await servers.prepared("r", "o", "tickets", "search")
        assert (await call.send('{"query": "total"}')).text.startswith("1 ticket about total")
        tickets.behaves("endless")
        result = await call.send('{"query": "total"}')
        assert (result.ok, len(result.text) < 500) == (False, True), result.code
        process.kill()
        process.wait()
        with pytest.raises(Unavailable):
            await servers.prepared("r", "o", "tickets", "search")
        await servers.close()
    finally:
        process.kill()
        process.wait()
    assert tickets.log == ["search total", "search total"]


async def test_runs_have_connections_of_their_own_and_leave_no_process(tmp_path: Path) -> None:
    tickets = TicketServer(tmp_path / "tickets")
    servers = await tickets.servers()
    calls = [await servers.prepared(run, "o", "tickets", "search") for run in ("a", "b")]
    assert len({id(call.connection) for call in calls}) == 2
    assert calls[0].connection is (await servers.prepared("a", "o", "tickets", "create")).connection
    await servers.close()
    left = await asyncio.create_subprocess_exec("pgrep", "-f", str(tickets.folder), stdout=subprocess.PIPE)
    assert (await left.communicate())[0] == b""


def guarded(longest: int, program: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-I", str(GUARD), str(longest), sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, check=False, start_new_session=True, stdin=subprocess.DEVNULL)


def test_the_guard_hands_lines_on_and_ends_at_one_that_is_too_long() -> None:
    lines = guarded(100, "print('x' * 99); print('y' * 99)")
    assert (lines.returncode, len(lines.stdout)) == (0, 200)
    long = guarded(100, "import time; print('x' * 101); time.sleep(600)")
    assert (long.returncode, long.stdout) == (TOO_LONG, b"")
    pieces = guarded(100, "import sys\nfor _ in range(200): sys.stdout.write('x'); sys.stdout.flush()")
    assert pieces.returncode == TOO_LONG
    assert len(pieces.stdout) <= 100
    assert guarded(100, "raise SystemExit(7)").returncode == 7


def written(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def running(pid: int) -> bool:
    """A process that is there and has not ended: nobody may have asked for its end yet."""
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


async def test_the_guard_ends_with_the_process_that_it_works_for(tmp_path: Path) -> None:
    """As when a worker is killed: nobody is left to close the server's input."""
    alive = tmp_path / "pid"
    program = f"import os, time; open({str(alive)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    worker = (
        "import subprocess, sys, time\n"
        f"subprocess.Popen({[sys.executable, '-I', str(GUARD), '100', sys.executable, '-c', program]!r}, "
        "stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True)\n"
        "time.sleep(600)"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", worker)
    async with asyncio.timeout(30):
        while not written(alive):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        process.kill()
        await process.wait()
        while running(int(written(alive))):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
