"""Web hooks of runs: told at the end and at a pause, signed, sent again when nobody opens."""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from tests.worlds import postgres
from tests.worlds.cli import Cli
from tests.worlds.hooks import SECRET
from tests.worlds.served import Served, served

TASK = {"task": {"text": "do it", "repo": "/nowhere", "accept": "true"}}
SIGN = {"task": {"text": "sign it", "repo": "/nowhere", "accept": "true"}}


@dataclass
class Receiver:
    """Somebody with a web server; refuses the first letters."""

    refuses: int = 0
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:]
        headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in head if line)}
        body = await reader.readexactly(int(headers["content-length"]))
        self.got.append((headers, body))
        status = b"500 No" if len(self.got) <= self.refuses else b"204 OK"
        writer.write(b"HTTP/1.1 " + status + b"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()


@asynccontextmanager
async def receiving(refuses: int = 0) -> AsyncGenerator[Receiver]:
    receiver = Receiver(refuses=refuses)
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    async with server:
        yield receiver


@pytest.fixture
async def allowing(tmp_path: Path) -> AsyncGenerator[Served]:
    """A service that may call this machine."""
    file = tmp_path / "connections.yaml"
    file.write_text("notify: {allow: ['127.0.0.0/8']}\n")
    async with served(tmp_path, connections=file) as running:
        yield running


async def until(receiver: Receiver, letters: int) -> None:
    async with asyncio.timeout(15):
        while len(receiver.got) < letters:  # noqa: ASYNC110  the server walks its own rounds
            await asyncio.sleep(0.02)


async def test_the_end_and_the_pause_are_told_signed(allowing: Served) -> None:
    async with receiving() as receiver:
        url = f"http://127.0.0.1:{receiver.port}/hook"
        client = allowing.sdk()
        await client.runs.wait(None, "coding", input=TASK, webhook=url)
        await client.runs.wait(None, "coding", input=SIGN, webhook=url)
        await until(receiver, 2)
    secret = allowing.context.maintenance.sender.run_secret
    told = [Webhook(secret).verify(body, headers) for headers, body in receiver.got]
    assert {letter["type"] for letter in told} == {"run.success", "run.interrupted"}
    paused = next(letter for letter in told if letter["type"] == "run.interrupted")
    assert paused["data"]["values"]["__interrupt__"][0]["value"]["approval_id"]


async def test_a_letter_is_sent_again_under_the_same_id(allowing: Served) -> None:
    async with receiving(refuses=1) as receiver:
        await allowing.sdk().runs.wait(None, "coding", input=TASK, webhook=f"http://127.0.0.1:{receiver.port}/")
        await until(receiver, 2)
    (first, body), (second, again) = receiver.got
    assert (first["webhook-id"], json.loads(body)) == (second["webhook-id"], json.loads(again))


async def test_nobody_is_called_who_must_not_be(service: Served) -> None:
    async with receiving() as receiver:
        await service.sdk().runs.wait(None, "coding", input=TASK, webhook=f"http://127.0.0.1:{receiver.port}/")
        await service.context.maintenance.once()
        await service.context.maintenance.once()
    assert receiver.got == []


BOTH = ["sqlite", pytest.param("postgres", marks=[pytest.mark.postgres, pytest.mark.slow])]


def connections(folder: Path, port: int) -> Path:
    """One endpoint that is told of everything about approvals."""
    file = folder / "connections.yaml"
    endpoint = f"{{name: chat, url: 'http://127.0.0.1:{port}/', secrets: ['{SECRET}']}}"
    file.write_text(f"notify: {{allow: ['127.0.0.0/8'], endpoints: [{endpoint}]}}\n")
    return file


@pytest.mark.parametrize("on", BOTH)
async def test_a_server_killed_between_the_transaction_and_the_sending_loses_no_letter(
    tmp_path: Path, on: str, request: pytest.FixtureRequest
) -> None:
    """Of either kind: the question that a turn opened, and the web hook of its end, are rows before they are sent."""
    server = await postgres.emptied(request.getfixturevalue("socket"), "service") if on == "postgres" else ""
    async with receiving() as receiver:
        url = f"http://127.0.0.1:{receiver.port}/"
        file = connections(tmp_path, receiver.port)
        given = json.dumps({"connections": str(file), "database_url": server})
        argv = (sys.executable, "-m", "tests.worlds.letters", str(tmp_path), url, given)
        child = await asyncio.create_subprocess_exec(*argv, stderr=asyncio.subprocess.PIPE)
        _, errors = await child.communicate()
        assert child.returncode == -9, errors.decode()
        assert receiver.got == []
        async with served(tmp_path, server=server, connections=file) as service:
            await until(receiver, 2)
            await service.context.maintenance.once()
            run_secret = service.context.maintenance.sender.run_secret
    letters = {json.loads(body)["type"]: (headers, body) for headers, body in receiver.got}
    assert set(letters) == {"approval.pending", "run.interrupted"}
    assert len(receiver.got) == 2
    for topic, secret in (("approval.pending", SECRET), ("run.interrupted", run_secret)):
        headers, body = letters[topic]
        Webhook(secret).verify(body, headers)


async def test_the_outbox_shows_both_kinds_and_resends_both(tmp_path: Path) -> None:
    file = connections(tmp_path, 9)
    file.write_text(file.read_text().replace("127.0.0.0/8", "127.1.0.0/16"))  # so that every letter is dead at once
    async with served(tmp_path, connections=file) as service:
        await service.sdk().runs.wait(None, "coding", input=SIGN, webhook="http://127.0.0.1:9/hook?of=me")
        await service.context.maintenance.once()
    cli = Cli(tmp_path, {"SIGNOFF_SANDBOX": "unsafe-local", "SIGNOFF_HOME": str(tmp_path / "home")})
    dead = (await cli.run("outbox", "list", "--state", "dead", "--json")).json
    assert {(letter["kind"], letter["endpoint"], letter["url"], letter["letter"]["topic"]) for letter in dead} == {
        ("approval", "chat", "", "approval.pending"),
        ("run", "", "http://127.0.0.1:9/hook?of=me", "run.interrupted"),
    }
    assert not any("body" in letter for letter in dead)
    for letter in dead:
        again = (await cli.run("outbox", "replay", letter["id"], "--json")).json
        assert (again["id"], again["state"], again["attempts"]) == (letter["id"], "waiting", 0)
    shown = (await cli.run("outbox", "list")).out
    assert all(letter["id"] in shown for letter in dead), "an id is there to be typed"
