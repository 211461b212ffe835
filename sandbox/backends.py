"""Registry of sandbox backends: what each of them is called, how it is opened and tested, and which settings it knows.

A new one is a folder with a ``Backend`` in it and an entry here. ``tests/contract/test_sandbox.py`` puts every entry to
the promises of ``sandbox.conformance``; nothing else asks which backend it has.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from domain import Refused
from sandbox.attacks import Arena
from sandbox.contract import Backend, Spec
from sandbox.docker.backend import Docker
from sandbox.docker.fault_injector import docker_arena
from sandbox.docker.hardening import RUNTIMES
from sandbox.egress.policy import Egress
from sandbox.egress.proxy import Witness, write_log
from sandbox.egress.upstream import ProxyFor, direct
from sandbox.local.backend import Local

if TYPE_CHECKING:
    from sandbox.kubernetes.backend import Kubernetes


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Which Kubernetes cluster sandboxes are claimed in, and from which pool."""

    config: Path | None = None
    """A kubeconfig; None: the service account of this pod, else the file that kubectl would read."""
    context: str = ""
    """Of that file; empty: its current one."""
    namespace: str = ""
    """Where claims, pools and pods are; empty: that of the context or of the service account."""
    pool: str = "signoff-sandbox"
    """The SandboxWarmPool."""
    ready_s: float = 180.0
    """How long a claim may take to get ready."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendOptions:
    """What a backend is opened with. It takes what its entry says that it understands."""

    egress: Egress | None = None
    """Whom commands of the profile ``packages`` may speak to; None: nobody."""
    witness: Witness = write_log
    """Told about every connection that a sandbox tried."""
    proxy_for: ProxyFor = direct
    """Through which proxy such a connection is made."""
    unhardened: bool = False
    """Go on where the host lacks a protection."""
    cluster: Cluster = field(default_factory=Cluster)
    """Where pods are claimed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendEntry:
    """One kind of sandbox."""

    name: str
    """What SIGNOFF_SANDBOX says."""
    open: Callable[[BackendOptions], Backend]
    """Starts nothing, asks nothing: ``Backend.check`` is the preflight."""
    runtimes: tuple[str, ...] = ()
    """What ``Spec.runtime`` may be, the default first; empty: there is nothing to choose."""
    own_kernel: frozenset[str] = frozenset()
    """Runtimes that bring their own kernel: some attacks meet something else than Linux there."""
    settings: frozenset[str] = frozenset()
    """Settings of sandboxes, set-ups and egress that mean something to it; ``signoff doctor`` names the others."""
    environments: bool = False
    """Whether what a repository needs can be installed once and kept as a layer on its images."""
    warm: bool = True
    """Whether starting one takes so long that some are kept ready."""
    arena: Callable[[Backend, Spec], Arena] | None = None
    """Where its sandboxes are attacked (``signoff sandbox check``); None: it protects from nothing."""

    def runtime(self, asked_for: str) -> str:
        """The runtime that a spec for this backend names.

        Raises:
            Refused: ``settings_invalid`` for one that it does not know.
        """
        if not self.runtimes:
            return ""
        # At start, with the name of the setting, and not as a refusal of the engine in the middle of a run.
        if asked_for and asked_for not in self.runtimes:
            raise Refused(
                f"SIGNOFF_SANDBOX_RUNTIME={asked_for} is no runtime of {self.name}.",
                code="settings_invalid",
                hint=f"Leave it empty, or use one of: {', '.join(self.runtimes)}.",
            )
        return asked_for or self.runtimes[0]


_POOL = ("sandbox_warm", "sandbox_warm_most", "sandbox_idle_minutes")
_EGRESS = ("egress_hosts", "egress_private", "egress_env", "egress_ca", "egress_upload_mb", "egress_connections")
_SETUP = (
    "setup_network",
    "setup_credentials",
    "setup_images",
    "setup_minutes",
    "setup_mb",
    "setup_store_gb",
    "setup_upload_mb",
    "setup_connections",
    "setup_keep_days",
)
_CLUSTER = (
    "kubernetes_config",
    "kubernetes_context",
    "kubernetes_namespace",
    "kubernetes_pool",
    "kubernetes_ready_seconds",
)
_CONTAINER = ("sandbox_image", "sandbox_runtime", "sandbox_memory_mb", "sandbox_cpus", "sandbox_unhardened")


def _kubernetes(with_: BackendOptions) -> Backend:
    from sandbox.kubernetes.backend import Kubernetes  # noqa: PLC0415  read where there is a cluster

    return Kubernetes(with_.cluster, egress=with_.egress, witness=with_.witness, unhardened=with_.unhardened)


def _kubernetes_arena(backend: Backend, spec: Spec) -> Arena:
    from sandbox.kubernetes.fault_injector import kubernetes_arena  # noqa: PLC0415

    return kubernetes_arena(cast("Kubernetes", backend), spec)


BACKENDS: Final = {
    entry.name: entry
    for entry in (
        BackendEntry(
            name="docker",
            open=lambda with_: Docker(
                egress=with_.egress,
                witness=with_.witness,
                proxy_for=with_.proxy_for,
                unhardened=with_.unhardened,
            ),
            runtimes=RUNTIMES,
            own_kernel=frozenset({"runsc", "kata"}),
            settings=frozenset({*_CONTAINER, *_POOL, *_EGRESS, *_SETUP}),
            environments=True,
            arena=lambda backend, spec: docker_arena(cast("Docker", backend), spec),
        ),
        BackendEntry(
            name="kubernetes",
            open=_kubernetes,
            runtimes=("", "gvisor", "kata"),
            own_kernel=frozenset({"gvisor", "kata"}),
            # Image, memory and CPUs are said in the template: `signoff sandbox manifests` writes them there.
            settings=frozenset({*_CONTAINER, *_EGRESS, *_CLUSTER, "sandbox_warm"}),
            warm=False,  # the cluster keeps them
            arena=_kubernetes_arena,
        ),
        BackendEntry(name="unsafe-local", open=lambda _: Local(unsafe=True), warm=False),
    )
}
"""By name."""


def backend_named(name: str) -> BackendEntry:
    """The entry of a backend.

    Raises:
        Refused: ``settings_invalid`` for a name that there is not.
    """
    if name not in BACKENDS:
        raise Refused(
            f"SIGNOFF_SANDBOX={name} is no backend of sandboxes.",
            code="settings_invalid",
            hint=f"Use one of: {', '.join(BACKENDS)}.",
        )
    return BACKENDS[name]
