"""Rehearsals of ``docs/runbooks/``: each failure is caused for real, and the commands of its page are followed."""

import asyncio
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

import docker
import httpx
import pytest

from sandbox.docker.hardening import LABEL
from sandbox.docker.reaper import OWNER, owner
from tests.integration.models.whole_runs import answered
from tests.wire.openai_server import OpenAIServer
from tests.worlds.cli import Cli, told
from tests.worlds.house import FIX, OK, QUICK, repository
from tests.worlds.runbooks import Runbook

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
LOCAL = {"SIGNOFF_SANDBOX": "unsafe-local", "SIGNOFF_PORT": "0"}
UNAVAILABLE = 75
PLAN = {"goal": "The total is right", "steps": [{"id": "s0", "title": "Mend the sum"}]}
SINGLE: list[dict[str, Any]] = [
    {"when": "plan", "answer": PLAN, "repeat": True},
    {"when": "code_change", "answer": FIX, "repeat": True},
    {"when": "review", "answer": OK, "repeat": True},
    {"when": "text", "answer": "ok", "repeat": True},  # to who probes it
]


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return repository(tmp_path / "repo")


async def run_of(cli: Cli, repo: Path, *more: str, accept: str = QUICK) -> dict[str, Any]:
    """``signoff run``, however it ends."""
    words = ("run", "--repo", str(repo), "--task", "Fix the total", "--accept", accept, "--json", *more)
    return (await cli.run(*words)).json


async def test_a_model_is_down(tmp_path: Path, repo: Path) -> None:
    async with OpenAIServer(SINGLE) as gone:
        url = gone.base_url
    port = int(url.rpartition(":")[2].split("/")[0])
    cli = Cli(tmp_path, {**LOCAL, "SIGNOFF_MODEL_BASE_URL": url, "SIGNOFF_MODEL": "fake-model"})
    cli.env |= {"SIGNOFF_CODER_DIALECT": "single"}
    paused = await run_of(cli, repo, "--deliver", "patch", "--strategy", "quality")
    assert paused["status"] == "paused", paused
    book = Runbook("model-down", cli)
    assert (await book.next()).code == 1
    await book.next()
    async with OpenAIServer(SINGLE, port=port):
        await book.good()
        assert paused["run"][:4] in (await book.good()).out
        await book.good(RUN=paused["run"])
        assert "delivered" in (await book.good(RUN=paused["run"])).out
    book.done()


async def test_a_coder_goes_in_circles(tmp_path: Path, repo: Path) -> None:
    circles = [
        SINGLE[0],
        SINGLE[2],
        {**answered(("run", {"command": "ls"}), "text"), "repeat": True},
    ]
    async with OpenAIServer(circles) as server:
        cli = Cli(tmp_path, {**LOCAL, "SIGNOFF_MODEL_BASE_URL": server.base_url, "SIGNOFF_CODER_DIALECT": "text"})
        # No repair of the program would do.
        failed = await run_of(cli, repo, "--deliver", "patch", accept="test -f notes.txt")
        assert failed["status"] == "failed", failed
        book = Runbook("loops", cli)
        assert failed["run"][:4] in (await book.good()).out
        await book.good(RUN=failed["run"])
        assert "observe" in (await book.good(RUN=failed["run"])).out
        server.script[2:] = [
            answered(("write", {"path": "notes.txt", "content": "The first price was left out.\n"}), "text"),
            answered(("done", {"message": "Write the notes"}), "text"),
        ]
        await book.good(REPO=str(repo))
        assert "delivered" in (await book.good()).out
        book.done()


async def test_models_cost_too_much(tmp_path: Path, repo: Path) -> None:
    async with OpenAIServer(SINGLE) as server:
        env = {"SIGNOFF_MODEL_BASE_URL": server.base_url, "SIGNOFF_CODER_DIALECT": "single"}
        cli = Cli(tmp_path, {**LOCAL, **env})
        key = (await cli.run("keys", "new", "eager", "--role", "operator", "--json")).json
        waiting = await run_of(cli, repo, "--deliver", "branch", "--strategy", "quality")
        book = Runbook("budget", cli)
        await book.good()
        assert waiting["run"][:4] in (await book.good()).out
        await book.good(RUN=waiting["run"])
        assert key["id"] in (await book.good()).out
        await book.good(KEY=key["id"])
        await book.good()
        await book.good()
        book.done()
        assert (await cli.run("show", waiting["run"], "--json")).json["status"] == "cancelled"


async def test_the_disk_is_full(tmp_path: Path) -> None:
    home = tmp_path / "signoff"
    home.mkdir(mode=0o700)
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if os.geteuid() or mount is None or umount is None:
        pytest.skip("only root mounts a small disk")
    options = ("-t", "tmpfs", "-o", "size=24m", "tmpfs")
    if subprocess.run([mount, *options, str(home)], check=False).returncode:  # noqa: ASYNC221  a moment
        pytest.skip("no file system may be mounted here")
    try:
        cli = Cli(tmp_path, LOCAL)
        assert (await cli.run("status")).code == 0
        (home / "index" / "old").mkdir(parents=True)
        with pytest.raises(OSError, match="No space left"):
            (home / "index" / "old" / "words.db").write_bytes(bytes(40 << 20))
        book = Runbook("disk-full", cli)
        looked = await book.next()
        assert looked.code == UNAVAILABLE
        assert "disk-full.md" in looked.err
        assert "Traceback" not in looked.err
        await book.good()
        await book.good()
        await book.good()
        await book.good()
        await book.good()
        await book.good()
        book.done()
    finally:
        subprocess.run([umount, str(home)], check=True)  # noqa: ASYNC221


@pytest.mark.docker
async def test_docker_does_not_answer(tmp_path: Path, repo: Path) -> None:
    gone = {"DOCKER_HOST": "unix:///nonexistent/docker.sock"}
    cli = Cli(tmp_path, {**gone})
    failed = await run_of(cli, repo, "--deliver", "patch")
    assert "docker_missing" in json.dumps(failed)
    book = Runbook("docker-down", cli)
    looked = await book.next()
    assert looked.code == 1
    assert "docs/runbooks/docker-down.md" in looked.out
    assert (await book.next()).code == 1
    del cli.env["DOCKER_HOST"]
    await book.good()
    assert "docker-down.md" not in (await book.next()).out
    await book.good(RUN=failed.get("run", "") or failed["error"]["run"])
    book.done()


@pytest.mark.docker
async def test_a_container_is_left_behind(tmp_path: Path) -> None:
    place = owner().rsplit("/", 2)[0]
    client = docker.from_env()
    with subprocess.Popen(["true"]) as ended:  # noqa: ASYNC220  a number that no process has any more
        ended.wait()
    labels = {LABEL: "1", OWNER: f"{place}/{ended.pid}/1", f"{LABEL}.run": "lost"}
    left = client.containers.run("signoff-sandbox:latest", ["sleep", "600"], labels=labels, detach=True, entrypoint="")
    try:
        book = Runbook("leaked-containers", Cli(tmp_path))
        listed = await book.good()
        assert re.search(rf"{left.name}.*abandoned", listed.out)
        assert left.name in (await book.good()).out
        assert left.name not in (await book.good()).out
        assert "answers" in (await book.next()).out  # what others of this machine left is told, too
        book.done()
    finally:
        for container in client.containers.list(all=True, filters={"name": left.name}):
            container.remove(force=True)
        client.close()


async def test_a_question_waits_for_hours(tmp_path: Path, repo: Path) -> None:
    cli = Cli(tmp_path, LOCAL)
    waiting = await run_of(cli, repo, "--deliver", "branch")
    assert waiting["status"] == "interrupted"
    with sqlite3.connect(tmp_path / "signoff" / "signoff.db") as rows:
        rows.execute("UPDATE ballots SET created_at = created_at - ?", (5 * 3_600 * 1_000_000,))
    rows.close()
    assert "docs/runbooks/stuck-approvals.md" in (await cli.run("status")).out
    (ballot,) = (await cli.run("approvals", "list", "--json")).json
    book = Runbook("stuck-approvals", cli)
    assert ballot["id"][:4] in (await book.good()).out
    await book.good(BALLOT=ballot["id"])
    await book.good(BALLOT=ballot["id"])
    await book.good(RUN=waiting["run"])
    assert ballot["id"][:4] not in (await book.good()).out
    await book.good()
    book.done()


async def test_a_key_is_lost(tmp_path: Path) -> None:
    cli = Cli(tmp_path, LOCAL)
    key = (await cli.run("keys", "new", "laptop", "--role", "operator", "--json")).json
    book = Runbook("lost-key", cli)
    assert key["id"] in (await book.good()).out
    await book.good(KEY=key["id"])
    server = await book.start()
    fresh = await told(server, r"(ak_\w+)")
    url = await told(server, r"serving (http://127\.0\.0\.1:\d+)")
    reading = asyncio.create_task(server.communicate())
    async with httpx.AsyncClient(base_url=url, timeout=30) as http:
        assert (await http.get("/v1/keys", headers={"x-api-key": key["key"]})).status_code == 401
        assert (await http.get("/v1/keys", headers={"x-api-key": fresh})).status_code == 200
    server.send_signal(signal.SIGTERM)
    await reading
    assert "ak_" in (await book.good()).out
    assert "key.revoked" in (await book.good()).out
    await book.good()
    book.done()


async def test_runs_fail(tmp_path: Path, repo: Path) -> None:
    cli = Cli(tmp_path, LOCAL)
    failed = await run_of(cli, repo, "--deliver", "patch", accept="false")
    assert failed["status"] == "failed"
    book = Runbook("runs-fail", cli)
    assert failed["run"][:4] in (await book.good()).out
    await book.good()
    assert "no_" in (await book.good(RUN=failed["run"])).out
    await book.next(RUN=failed["run"])
    await book.good()
    book.done()
