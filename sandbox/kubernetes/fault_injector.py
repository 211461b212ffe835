"""Fault injector on a cluster: what somebody with rights to it can do to a sandbox. For the attack suite.

``kubernetes_arena`` is where that suite attacks: pods of the pool, with the limits that its template has.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final, Protocol

from domain import Broken
from domain.errors import Missing
from sandbox.attacks import Arena
from sandbox.contract import Sandbox, Spec
from sandbox.egress.policy import Egress, EgressRecord
from sandbox.kubernetes.api import KubernetesApi
from sandbox.kubernetes.backend import Kubernetes
from sandbox.kubernetes.manifests import EXTENSIONS, VERSION

BEYOND: Final = {
    "frozen_then_thawed": "a pod cannot be frozen through the API server",
    "rootfs_or_log_disk_fill": "the disk of the node cannot be measured from here",
    "tmpfs_byte_inode_shm_fill": "memory file systems of a pod bound bytes; files are bounded by its memory alone",
    "orchestrator_dies": "no second process is started here; a pod ends with its connection, a claim with its lease",
}
"""Attacks that cannot be carried out from here, or that a pod has no field against, and why."""


def kubernetes_arena(backend: Kubernetes, spec: Spec) -> Arena:
    """Return an arena in the cluster of ``backend``."""
    like: Callable[[Egress, Callable[[EgressRecord], None]], Kubernetes] = backend.like
    sealed = replace(spec, profile="sealed")
    return Arena(backend=backend, spec=sealed, hand=PodFaultInjector(backend), with_egress=like, beyond=BEYOND)


class AskableCluster(Protocol):
    async def connect(self) -> KubernetesApi: ...

    def pod_of(self, sandbox_id: str) -> str | None: ...


class PodFaultInjector:
    """Removes claims behind the orchestrator's back, and their pods with them: our role may remove no pod itself."""

    address = None

    def __init__(self, cluster: AskableCluster) -> None:
        self._cluster = cluster

    async def kill(self, sandbox: Sandbox) -> None:
        api = await self._cluster.connect()
        await api.request("DELETE", api.path(f"{EXTENSIONS}/{VERSION}", "sandboxclaims", sandbox.id))

    async def freeze(self, sandbox: Sandbox) -> None:
        del sandbox
        raise Broken(BEYOND["frozen_then_thawed"])

    async def thaw(self, sandbox: Sandbox) -> None:
        del sandbox
        raise Broken(BEYOND["frozen_then_thawed"])

    async def alive(self, name: str) -> bool:
        api = await self._cluster.connect()
        try:
            pod = await api.get(api.path("v1", "pods", self._cluster.pod_of(name) or name))
        except Missing:
            return False
        return (pod.get("status") or {}).get("phase") == "Running"

    async def disk_bytes(self) -> int:
        raise Broken(BEYOND["rootfs_or_log_disk_fill"])
