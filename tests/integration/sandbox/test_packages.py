"""Real packages are installed through the tunnel, and nobody else can be reached. Needs package registries."""

import ssl
import subprocess
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import docker
import pytest

from domain import Refused
from sandbox import Docker, Egress, EgressRecord, Sandbox, Spec
from sandbox.docker.hardening import LABEL
from sandbox.docker.reaper import OWNER, owner
from service.wiring.application import Application
from tests.integration.sandbox.conftest import SPEC
from tests.worlds.house import FIX, advance, application, decide, repository, start, task

pytestmark = pytest.mark.docker
ROOT = Path(__file__).parents[3]
PACKAGES = Spec(profile="packages", limits=SPEC.limits)


async def told_by(spec: Spec, *argv: str) -> list[str]:
    """What a tool of the image knows: where it gets packages from when nothing else is configured."""
    backend = Docker()
    sandbox = await backend.lease(replace(spec, profile="sealed"))
    ran = await sandbox.run(argv)
    await backend.close()
    assert ran.ok, ran
    return ran.stdout.text().split()


async def index_hosts() -> tuple[str, ...]:
    """The hosts of Python's index: pip knows, the tree does not."""
    program = "from pip._internal.models.index import PyPI; print(PyPI.netloc, PyPI.file_storage_domain)"
    return tuple(await told_by(SPEC, "python3", "-c", program))


def trusted() -> str:
    """This machine's certificates: there may be a proxy of somebody's on the way."""
    paths = ssl.get_default_verify_paths()
    bundle = Path(paths.cafile or paths.openssl_cafile)
    return bundle.read_text() if bundle.exists() else ""


def allowing(hosts: tuple[str, ...]) -> Egress:
    return Egress(hosts=hosts, private=hosts, ca=trusted())


async def reaches_nobody_else(sandbox: Sandbox) -> None:
    program = "import urllib.request as r; r.urlopen('https://elsewhere.example/', timeout=5)"
    assert not (await sandbox.run(["python3", "-c", program])).ok


@pytest.fixture
def node_image() -> str:
    """The sandbox image with node and npm; built the first time."""
    subprocess.run([ROOT / "sandbox" / "images" / "node.sh"], check=True, capture_output=True)
    return "signoff-sandbox-node:latest"


@pytest.mark.slow
async def test_pip_installs_a_package_and_nothing_else_is_reached():
    hosts, passages = await index_hosts(), list[EgressRecord]()
    backend = Docker(egress=allowing(hosts), witness=passages.append)
    try:
        sandbox = await backend.lease(PACKAGES, run="r1")
        ran = await sandbox.run(["pip", "install", "--user", "--no-deps", "toolz"], timeout_s=110)
        assert ran.ok, ran.stderr.text()
        assert (await sandbox.run(["python3", "-c", "import toolz"])).ok
        await reaches_nobody_else(sandbox)
        await sandbox.permit("sealed")
        assert not (await sandbox.run(["pip", "download", "--no-deps", "cytoolz", "--retries=0"], timeout_s=60)).ok
    finally:
        await backend.close()
    told = {(p.target, p.verdict, p.run) for p in passages}
    assert {(f"{host}:443", "allowed", "r1") for host in hosts} <= told
    assert ("elsewhere.example:443", "refused", "r1") in told


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_npm_installs_a_package_and_nothing_else_is_reached(node_image):
    spec, passages = replace(PACKAGES, image=node_image), list[EgressRecord]()
    (registry,) = await told_by(spec, "npm", "config", "get", "registry")
    host = urlsplit(registry).hostname or ""
    backend = Docker(egress=allowing((host,)), witness=passages.append)
    try:
        sandbox = await backend.lease(spec, run="r2")
        ran = await sandbox.run(["npm", "install", "is-number"], timeout_s=110)
        assert ran.ok, ran.stderr.text()
        ran = await sandbox.run(["node", "-e", "process.exit(require('is-number')('7') ? 0 : 1)"])
        assert ran.ok, ran
        await reaches_nobody_else(sandbox)
        await sandbox.permit("sealed")
        assert not (await sandbox.run(["npm", "install", "is-odd", "--fetch-retries=0"], timeout_s=60)).ok
    finally:
        await backend.close()
    told = {(p.target, p.verdict, p.run) for p in passages}
    assert {(f"{host}:443", "allowed", "r2"), ("elsewhere.example:443", "refused", "r2")} <= told
    assert all(p.target in {f"{host}:443", "elsewhere.example:443"} for p in passages)


async def test_without_configuration_there_is_no_such_profile():
    backend = Docker()
    with pytest.raises(Refused) as refusal:
        await backend.lease(PACKAGES)
    assert refusal.value.stable_code == "egress_unconfigured"
    await backend.close()


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_whole_run_installs_what_its_requester_allowed(tmp_path):
    """The profile is signed for, opens the way for rated commands and the proof, and every try stands in the trace."""
    hosts = ",".join(await index_hosts())
    (tmp_path / "ca.pem").write_text(trusted())
    given = {"sandbox": "docker", "egress_hosts": hosts, "egress_private": hosts, "egress_ca": tmp_path / "ca.pem"}
    install = "pip install --quiet --user --no-deps toolz"
    check = "import toolz; from shop.prices import total; assert total([1, 2, 3]) == 6"
    wanted = task(
        repository(tmp_path / "shop"), accept=f'{install} && python3 -c "{check}"', profile="packages", deliver="patch"
    )
    answers = {"coder": [{**FIX, "cmd_instructions": [install]}]}
    async with application(tmp_path, answers, **given) as opened:
        standing, _ = await start(opened, wanted)
        assert standing.ballot is not None
        ballot = await opened.ballots.get(standing.ballot, opened.org)
        assert ballot.action.network == "packages"
        assert "profile.packages" in {reason.rule for reason in ballot.risk.reasons}
        assert not await containers_of(opened)
        await decide(opened, standing, "approve")
        standing, _ = await advance(opened, standing.run.id)
        assert standing.run.status == "delivered", standing.run.ending
        assert not await containers_of(opened)
        spans = [branch.span for branch in (await opened.spans(standing.run.id)).walk()]
    reached = {s.attributes["app.egress.target"] for s in spans if s.attributes.get("app.egress.verdict") == "allowed"}
    assert reached == {f"{host}:443" for host in hosts.split(",")}


async def containers_of(opened: Application) -> list[str]:
    """Sandboxes of runs that are alive in this process: what is warm belongs to none."""
    client = docker.from_env().api
    found = client.containers(filters={"label": LABEL})
    client.close()
    ours = {owner(), *(warm.sandbox.id for shelf in opened.pool.shelves for warm in shelf.warm)}
    return [c["Names"][0] for c in found if c["Labels"].get(OWNER) in ours and c["Names"][0][1:] not in ours]
