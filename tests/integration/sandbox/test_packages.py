"""A real package is installed through the tunnel, and nobody else can be reached. Needs a package index."""

import ssl
from pathlib import Path

import pytest

from domain import Refused
from sandbox import Docker, Egress, Passage, Spec
from tests.integration.sandbox.conftest import SPEC

pytestmark = pytest.mark.docker
PACKAGES = Spec(profile="packages", limits=SPEC.limits)


async def index_hosts() -> tuple[str, ...]:
    """Where pip gets its packages from when nothing else is configured; pip knows, the tree does not."""
    backend = Docker()
    sandbox = await backend.lease(SPEC)
    program = "from pip._internal.models.index import PyPI; print(PyPI.netloc, PyPI.file_storage_domain)"
    ran = await sandbox.run(["python3", "-c", program])
    await backend.close()
    return tuple(ran.stdout.text().split())


def trusted() -> str:
    """This machine's certificates: there may be a proxy of somebody's on the way."""
    paths = ssl.get_default_verify_paths()
    bundle = Path(paths.cafile or paths.openssl_cafile)
    return bundle.read_text() if bundle.exists() else ""


@pytest.mark.slow
async def test_pip_installs_a_package_and_nothing_else_is_reached():
    hosts, passages = await index_hosts(), list[Passage]()
    egress = Egress(hosts=hosts, private=hosts, ca=trusted())
    backend = Docker(egress=egress, witness=passages.append)
    try:
        sandbox = await backend.lease(PACKAGES, run="r1")
        ran = await sandbox.run(["pip", "install", "--user", "--no-deps", "toolz"], timeout_s=110)
        assert ran.ok, ran.stderr.text()
        assert (await sandbox.run(["python3", "-c", "import toolz"])).ok
        program = "import urllib.request as r; r.urlopen('https://elsewhere.example/', timeout=5)"
        assert not (await sandbox.run(["python3", "-c", program])).ok
        await sandbox.permit("sealed")
        assert not (await sandbox.run(["pip", "download", "--no-deps", "cytoolz", "--retries=0"], timeout_s=60)).ok
    finally:
        await backend.close()
    told = {(p.target, p.verdict, p.run) for p in passages}
    assert {(f"{host}:443", "allowed", "r1") for host in hosts} <= told
    assert ("elsewhere.example:443", "refused", "r1") in told


async def test_without_configuration_there_is_no_such_profile():
    backend = Docker()
    with pytest.raises(Refused) as refusal:
        await backend.lease(PACKAGES)
    assert refusal.value.stable_code == "egress_unconfigured"
    await backend.close()
