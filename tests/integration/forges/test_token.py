"""The token stays with the deliverer: no sandbox, log, span, row, event, prompt, file or list of processes has it."""

import base64
import contextlib
import json
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from service.runs.event_log import as_json
from service.runs.streaming import final_values
from tests.worlds.forge_server import TOKEN, ForgeServer, forge_server
from tests.worlds.forge_wire import Request, Response
from tests.worlds.house import QUICK, advance, decide, start
from tests.worlds.publishing import PATH, pr_task, publishing

SPELLINGS = (
    TOKEN,
    *(base64.b64encode(f"{user}:{TOKEN}".encode()).decode() for user in ("x-access-token", "oauth2")),
    base64.b64encode(TOKEN.encode()).decode().rstrip("="),
)
LOOKS = "env; cat /proc/*/cmdline /proc/*/environ 2>/dev/null | tr '\\0' '\\n'; git config -l; ls -la ~; "


@pytest.fixture(params=["github", "gitlab"])
async def server(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[ForgeServer]:
    async with forge_server(request.param, tmp_path / "forge") as running:
        running.add(PATH)
        yield running


def leaks(text: str) -> list[str]:
    return [spelling for spelling in SPELLINGS if spelling in text]


def command_lines() -> str:
    """Of every process of this machine, now."""
    lines: list[str] = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            lines.append(process.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return "\n".join(lines)


async def test_nobody_sees_the_token(server: ForgeServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[str] = []
    pushed = 0

    def watching(request: Request) -> Response | None:
        nonlocal pushed
        if "git-receive-pack" in request.path:
            pushed += 1
            seen.append(command_lines())
        # The first push fails, so that what is said about it is looked through, too.
        fails = pushed == 1 and request.method == "POST" and "git-receive-pack" in request.path
        return Response(403, b"You are not allowed to push") if fails else None

    server.fault = watching
    async with publishing(tmp_path, server, trace_content=True, log_level="debug") as opened:
        standing, events = await start(opened, pr_task(server, accept=LOOKS + QUICK))
        while standing.run.status == "interrupted":
            await decide(opened, standing, "approve")
            standing, more = await advance(opened, standing.run.id)
            events += more
        assert standing.run.ending is not None
        assert standing.run.ending.code == "push_forbidden"
        assert not leaks(f"{standing.run.ending}")
        standing, more = await advance(opened, standing.run.id)
        events += more
        assert standing.run.status == "delivered", standing.run.ending
        audit = [entry async for entry in opened.audit.export(opened.org)]
        models = opened.board.registry.models.values()
        asked = [message.content for model in models for call in model.asked for message in call]  # type: ignore[attr-defined]
    assert pushed == 2
    assert any("git" in line and "push" in line for line in seen)
    assert not leaks("\n".join(seen))
    assert not leaks("\n".join(as_json(event).decode() for event in events))
    assert not leaks(as_json(final_values(standing)).decode())
    assert not leaks(json.dumps(audit, default=str))
    assert not leaks("\n".join(asked))
    output = capsys.readouterr()
    assert not leaks(output.out + output.err)
    # Rows, checkpoints, content store, traces: whatever the home has, byte for byte.
    for file in (tmp_path / "home").rglob("*"):
        if file.is_file():
            assert not leaks(file.read_bytes().decode("latin-1")), file
    assert not leaks("".join(f"{request.path} {request.query}" for request in server.asked))
    for request in server.asked:
        if request.method != "GET":
            assert not leaks(request.body.decode("latin-1"))
