"""One cluster for all, set right again before each test."""

import pytest

from sandbox.kubernetes.backend import Kubernetes
from tests.worlds.kube.cluster import kube_cluster, objects
from tests.worlds.kube.server import Faults


@pytest.fixture(scope="session")
def running_cluster(tmp_path_factory):
    with kube_cluster(tmp_path_factory.mktemp("kube"), replicas=1) as cluster:
        yield cluster


@pytest.fixture
async def cluster(running_cluster):
    def healed() -> None:
        running_cluster.server.faults = Faults()
        running_cluster.server.asked.clear()
        running_cluster.controllers.pods_quota = None
        running_cluster.controllers.asleep = False
        running_cluster.kubelet.network = "none"
        running_cluster.kubelet.unschedulable = running_cluster.kubelet.out_of_memory = False

    await running_cluster.do(healed)
    await running_cluster.apply(*objects(replicas=1))
    yield running_cluster
    await running_cluster.do(healed)


@pytest.fixture
async def backend(cluster):
    opened = Kubernetes(cluster.options)
    yield opened
    await opened.close()
