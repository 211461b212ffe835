"""Every sandbox keeps every promise: containers, pods, and the twin.

Pods are those of ``tests/worlds/kube``: a cluster of our own making, whose containers are Docker's.
"""

import pytest

from domain import Refused
from sandbox import BACKENDS, BackendOptions, Local, Spec, checkup
from sandbox.conformance import PROMISES
from sandbox.contract import Limits
from tests.worlds.kube.cluster import kube_cluster

MARKS = {"docker": pytest.mark.docker, "kubernetes": pytest.mark.docker}
"""What a backend needs on the machine that tests it."""
SPEC = Spec(limits=Limits(memory_mb=512, work_mb=128, tmp_mb=64))


@pytest.fixture(scope="module")
def kube(tmp_path_factory):
    with kube_cluster(tmp_path_factory.mktemp("kube"), replicas=2) as cluster:
        yield cluster


@pytest.fixture(params=[pytest.param(name, marks=MARKS.get(name, ())) for name in BACKENDS])
async def backend(request):
    options = BackendOptions()
    if request.param == "kubernetes":
        options = BackendOptions(cluster=request.getfixturevalue("kube").options)
    opened = BACKENDS[request.param].open(options)
    yield opened
    await opened.close()


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
async def test_a_promise_is_kept(backend, promise):
    sandbox = await backend.lease(SPEC)
    try:
        await promise(sandbox)
    finally:
        await sandbox.close()


async def test_what_a_lease_needs_is_probed(backend):
    checks = await backend.check(SPEC)
    assert checks
    assert all(check.passed for check in checks), checks
    assert "isolation" in {check.name for check in checks}


async def test_two_leases_see_nothing_of_each_other(backend):
    first, second = await backend.lease(SPEC), await backend.lease(SPEC)
    await first.write("mine", b"x")
    assert first.id != second.id
    with pytest.raises(Refused, match="mine"):
        await second.read("mine")


def test_the_twin_refuses_to_be_used_by_accident():
    with pytest.raises(Refused) as refusal:
        Local()
    assert refusal.value.stable_code == "unsafe_refused"


@pytest.mark.parametrize("name", [name for name, entry in BACKENDS.items() if entry.arena is None])
async def test_what_protects_from_nothing_is_not_called_sound(name):
    entry = BACKENDS[name]
    assert name.startswith("unsafe-")
    with pytest.raises(Refused) as refusal:
        [check async for check in checkup(entry, entry.open(BackendOptions()), SPEC)]
    assert refusal.value.stable_code == "unsafe_refused"
