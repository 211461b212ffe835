"""Private indexes: a set-up logs in, a run does not, and the login is in nothing that is kept."""

import asyncio
import subprocess
from base64 import b64encode
from pathlib import Path

import pytest

from sandbox import Docker
from sandbox.environments import SETUP_SCRIPT
from service.wiring.environments import SetupBackend
from tests.worlds.house import BUGGY, FIX, QUICK, application, repository, start, task
from tests.worlds.package_index import HOST, PackageIndex, loopback, package_index

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(300)]

CANARY = "canary-of-a-private-index-91c4e7"
LOGIN = f"ann:{CANARY}"
BASIC = b64encode(LOGIN.encode()).decode()


@pytest.fixture
def index(tmp_path: Path):
    with package_index(tmp_path, LOGIN) as opened:
        yield opened


def settings_for(index: PackageIndex, tmp_path: Path, login: str = LOGIN) -> dict[str, object]:
    """Settings of a house whose set-ups may reach the index, with this login in a file."""
    (tmp_path / "ca.pem").write_text(index.certificate)
    (tmp_path / "login").write_text(login)
    return {
        "sandbox": "docker",
        "setup_network": "hosts",
        "egress_hosts": index.address,
        "egress_private": HOST,
        "egress_ca": tmp_path / "ca.pem",
        "setup_mb": 256,
        **({"setup_credentials": f"{index.address}=file:{tmp_path / 'login'}"} if login else {}),
    }


def python_project(index: PackageIndex) -> dict[str, str]:
    return {**BUGGY, "requirements.txt": f"--index-url https://{index.address}/simple\nprivate-of-ours==1.0\n"}


def leads_home(backend: object) -> None:
    """Its name leads to this machine: no other resolver is asked."""
    assert isinstance(backend, SetupBackend)
    backend.sealed = Docker(resolve=loopback)


def holding(folder: Path) -> list[Path]:
    """Files in which the login stands, in any of its spellings."""
    return [
        path
        for path in folder.rglob("*")
        if path.is_file() and any(word.encode() in path.read_bytes() for word in (CANARY, BASIC))
    ]


async def docker(*words: str) -> str:
    """What the engine's own command prints."""
    ran = await asyncio.to_thread(subprocess.run, ["docker", *words], check=False, capture_output=True, text=True)
    return ran.stdout


async def test_a_set_up_logs_in_and_nothing_that_is_kept_has_the_login(tmp_path, index, capfd, caplog):
    script = "set -ex; cat ~/.netrc >&2; env >&2; $SIGNOFF_ENV/venv/bin/pip install -r requirements.txt\n"
    repo = repository(tmp_path / "shop", {**python_project(index), SETUP_SCRIPT: script, "pyproject.toml": "[project]"})
    given = settings_for(index, tmp_path)
    accept = f"python3 -c 'import private_of_ours' && ! ls -A ~ | grep -q netrc && {QUICK}"
    caplog.set_level("DEBUG")
    async with application(tmp_path, {"coder": [FIX]}, **given) as opened:
        assert opened.environments is not None
        leads_home(opened.environments._backend)
        ended, heard = await start(opened, task(repo, accept=accept, deliver="patch"))
        image = opened.store.environment(ended.run.id)
        said = [event for event in heard if event.data.get("subject") == "environment"]
        assert ended.run.status == "delivered", (ended.run.ending, said)
        spans = [str(branch.span) for branch in (await opened.spans(ended.run.id)).walk()]
        await opened.engine.workspaces.close()
        await opened.pool.close()
        where = [
            "--network=none",
            "--entrypoint=",
            image,
            "grep",
            "-rlaE",
            f"{CANARY}|{BASIC}",
            "/opt",
            "/work",
            "/tmp",
        ]
        assert await docker("run", "--rm", *where) == ""
        inspected = await docker("inspect", image)
        await opened.environments._layers.remove([image.rpartition(":")[2]])
    assert any(right for _, right in index.asked)
    shown = "".join((*spans, str(heard), inspected, caplog.text, *capfd.readouterr()))
    assert CANARY not in shown
    assert BASIC not in shown
    assert holding(tmp_path / "home") == []
    assert holding(tmp_path) == [tmp_path / "login"]  # where the person put it


@pytest.mark.parametrize("login", ["", "ann:not-the-password"])
async def test_an_index_that_is_not_logged_in_to_is_named_with_what_to_do(tmp_path, index, login):
    repo = repository(tmp_path / "shop", python_project(index))
    async with application(tmp_path, {"coder": [FIX]}, **settings_for(index, tmp_path, login)) as opened:
        assert opened.environments is not None
        leads_home(opened.environments._backend)
        _, heard = await start(opened, task(repo, deliver="patch"))
    (said,) = [event for event in heard if event.data.get("code") == "setup_unauthorized"]
    assert HOST in said.message
    assert "SIGNOFF_SETUP_CREDENTIALS" in str(said.data["hint"])
    assert "not-the-password" not in str(heard)


async def test_what_writes_the_login_down_is_not_kept(tmp_path, index):
    script = "cp ~/.netrc $SIGNOFF_ENV/taken\n"
    repo = repository(tmp_path / "shop", {**python_project(index), SETUP_SCRIPT: script})
    async with application(tmp_path, {"coder": [FIX]}, **settings_for(index, tmp_path)) as opened:
        assert opened.environments is not None
        leads_home(opened.environments._backend)
        ended, heard = await start(opened, task(repo, deliver="patch"))
        assert any(event.data.get("code") == "setup_leaked" for event in heard)
        assert opened.store.environment(ended.run.id) == ""
    assert CANARY not in str(heard)
    assert holding(tmp_path / "home") == []


async def test_what_cannot_be_collected_is_told_without_the_login(tmp_path, index):
    named = "secret=$(cut -d' ' -f6 ~/.netrc); mkdir -p $secret $SIGNOFF_ENV/repo/$secret/$secret; touch $secret/file\n"
    repo = repository(tmp_path / "shop", {**python_project(index), SETUP_SCRIPT: named})
    async with application(tmp_path, {"coder": [FIX]}, **settings_for(index, tmp_path)) as opened:
        assert opened.environments is not None
        leads_home(opened.environments._backend)
        _, heard = await start(opened, task(repo, deliver="patch"))
    (said,) = [event for event in heard if event.data.get("code") == "setup_failed"]
    assert "already exists" in said.message
    assert CANARY not in str(heard)
    assert holding(tmp_path / "home") == []


async def test_npm_logs_in_with_a_token_that_its_project_wants_in_a_variable(tmp_path):
    with package_index(tmp_path, CANARY) as index:
        npmrc = f"registry=https://{index.address}/npm/\n//{index.address}/npm/:_authToken=${{TEAM_TOKEN}}\n"
        package = '{"name": "shop", "version": "1.0.0", "dependencies": {"private-of-ours": "1.0.0"}}'
        repo = repository(tmp_path / "shop", {**BUGGY, "package.json": package, ".npmrc": npmrc})
        given = {**settings_for(index, tmp_path, CANARY), "setup_images": "signoff-sandbox-node:latest"}
        accept = f"node -e 'process.exit(require(\"private-of-ours\") - 7)' && {QUICK}"
        async with application(tmp_path, {"coder": [FIX]}, **given) as opened:
            assert opened.environments is not None
            leads_home(opened.environments._backend)
            ended, heard = await start(opened, task(repo, accept=accept, deliver="patch"))
            image = opened.store.environment(ended.run.id)
            assert ended.run.status == "delivered", (ended.run.ending, heard)
            await opened.engine.workspaces.close()
            await opened.pool.close()
            await opened.environments._layers.remove([image.rpartition(":")[2]])
        assert CANARY not in str(heard)
        assert holding(tmp_path / "home") == []
