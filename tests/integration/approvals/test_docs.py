"""The examples of docs/webhooks.md do what they say: they are run here."""

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from approvals import Notification
from approvals.channels import InboundWebhooks, load_connections
from approvals.channels.sender import body
from approvals.channels.standard import signed_headers
from domain import Refused
from tests.worlds.approvals import World
from tests.worlds.hooks import SECRET, TOKEN, hooks

DOCS = Path(__file__).parents[3] / "docs"
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", (DOCS / "webhooks.md").read_text(encoding="utf-8"), re.DOTALL)


def block(language: str, containing: str) -> str:
    (found,) = [code for named, code in BLOCKS if named == language and containing in code]
    return found


@asynccontextmanager
async def served(receiving: InboundWebhooks) -> AsyncGenerator[str]:
    """Just enough of a web server to call ``InboundWebhooks`` by HTTP."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        path = head[0].split(" ")[1]
        said = {key.lower(): text for key, _, text in (line.partition(": ") for line in head[1:] if line)}
        raw = await reader.readexactly(int(said["content-length"]))
        answer = await receiving.receive(path.rpartition("/")[2], said, raw)
        told = json.dumps(answer.body).encode()
        writer.write(
            f"HTTP/1.1 {answer.status} X\r\nContent-Length: {len(told)}\r\nConnection: close\r\n\r\n".encode() + told
        )
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def run(*argv: str, stdin: bytes = b"", **env: str) -> str:
    pipe = asyncio.subprocess.PIPE
    path = {"PATH": os.defpath + ":/usr/local/bin:/usr/bin:/bin"}
    started = await asyncio.create_subprocess_exec(*argv, stdin=pipe, stdout=pipe, stderr=pipe, env={**path, **env})
    out, err = await started.communicate(stdin)
    assert started.returncode == 0, (out + err).decode()
    return out.decode()


@pytest.fixture
def now(world: World) -> World:
    """The examples ask the system for the time, so the stage does, too."""
    world.stage.clock.now = datetime.now(tz=UTC)
    return world


async def test_the_curl_example_approves(now: World) -> None:
    ballot = await now.stage.ask()
    async with served(hooks(now)) as url:
        said = await run(
            "sh",
            "-euc",
            block("sh", "curl"),
            APPROVAL_ID=ballot.id,
            ACTION_DIGEST=ballot.action_digest,
            HOOK_SECRET=SECRET,
            SIGNOFF_URL=url,
        )
    assert json.loads(said)["state"] == "approved"
    assert (await now.ballots.get(ballot.id, "acme")).votes[0].voter == "vera"


async def test_the_python_example_rejects(now: World) -> None:
    ballot = await now.stage.ask()
    async with served(hooks(now)) as url:
        said = await run(
            sys.executable,
            "-c",
            block("python", "httpx.post"),
            APPROVAL_ID=ballot.id,
            ACTION_DIGEST=ballot.action_digest,
            HOOK_SECRET=SECRET,
            SIGNOFF_URL=url,
        )
    assert said.startswith("200 ")
    rejected = await now.ballots.get(ballot.id, "acme")
    assert (rejected.state, rejected.feedback) == ("rejected", "Please keep the public signature.")


async def test_the_receiving_example_believes_our_letters(now: World) -> None:
    ballot = await now.stage.ask()
    told: Notification = (await now.stage.letters())[0]
    raw = body(told, "json", link="")
    sent = "\n".join(
        f"{key}: {text}" for key, text in signed_headers("msg_1", (SECRET,), raw, now.stage.clock()).items()
    )
    code = block("python", "verify")
    assert (
        await run(sys.executable, "-c", code, stdin=raw, HEADERS=sent, ENDPOINT_SECRET=SECRET)
        == f"approval.pending {ballot.id}\n"
    )
    example = json.loads(block("json", "approval.pending").replace("…", ""))
    assert example.keys() == json.loads(raw).keys()
    assert example["data"].keys() == json.loads(raw)["data"].keys()


def test_the_configuration_example_loads(tmp_path: Path) -> None:
    (tmp_path / "connections.yaml").write_text(block("yaml", "notify"))
    for name in ("chat", "pager", "ci"):
        (tmp_path / f"{name}.secret").write_text(SECRET + "\n")
    (tmp_path / "teams.token").write_text(TOKEN + "\n")
    (tmp_path / "teams.url").write_text("https://prod-00.westeurope.logic.azure.com/workflows/1?sig=hidden\n")
    made = load_connections(tmp_path / "connections.yaml")
    assert [endpoint.kind for endpoint in made.notify.endpoints] == ["slack", "teams", "json"]
    assert made.hooks[0].members == {"idp:u-1": "vera"}
    assert made.allow == ()
    assert SECRET not in repr(made)
    assert TOKEN not in repr(made)
    assert "sig=hidden" not in repr(made)


@pytest.mark.parametrize(
    "text",
    [
        "hooks: [{name: ci, org: a, secrets: [short-secret]}]",
        "hooks: [{name: ci, org: a}]",
        "notify: {allow: [everywhere]}",
        "notify: {endpoints: [{name: a, url: x, secrets: ['file:missing']}]}",
        "[",
        "unknown: 1",
        f"notify: {{endpoints: [{{name: a, url: x, kind: pigeon, secrets: ['{SECRET}']}}]}}",
        f"hooks: [{{name: a, org: a, kind: pigeon, secrets: ['{SECRET}']}}]",
        f"hooks: [{{name: a, org: a, secrets: ['{SECRET}'], members: {{'idp:root': vera, 'idp:r\u043eot': wanda}}}}]",
        f"hooks: [{{name: a, org: a, secrets: ['{SECRET}'], members: {{'idp:1': vera, 'idp:2': 've\u200bra'}}}}]",
        f"hooks: [{{name: a, org: a, secrets: ['{SECRET}']}}, {{name: a, org: a, secrets: ['{SECRET}']}}]",
    ],
)
def test_a_wrong_configuration_is_explained_without_its_secrets(tmp_path: Path, text: str) -> None:
    (tmp_path / "connections.yaml").write_text(text)
    with pytest.raises(Refused) as no:
        load_connections(tmp_path / "connections.yaml")
    assert no.value.stable_code in {"connections_invalid", "hook_secret_invalid"}
    assert no.value.hint
    assert "short-secret" not in no.value.message
    assert SECRET not in no.value.message
