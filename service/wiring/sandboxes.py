"""Sandboxes as the settings say: a backend of the registry, its pool, and what its commands may reach."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from domain import Refused
from sandbox import (
    Backend,
    BackendOptions,
    Docker,
    Egress,
    EgressRecord,
    Limits,
    Pool,
    Spec,
    Witness,
    backend_named,
)
from sandbox.kubernetes import Cluster
from service.auth.allowed import listed
from service.settings import Settings

_PREFIXES = ("sandbox", "egress_", "setup_", "kubernetes_")
"""Of settings that a backend understands or not."""


def open_pool(
    settings: Settings, witness: Witness, when_closed: Callable[[Callable[[], Awaitable[None]]], object]
) -> Pool:
    """Return a pool that starts nothing before it is asked to.

    Args:
        settings: which backend, how many are kept warm, and who may be reached.
        witness: told about every connection that a sandbox tries.
        when_closed: takes what ends the pool.

    Raises:
        Refused: ``settings_invalid`` or ``egress_invalid``.
    """
    pool = Pool(
        backend_of(settings, witness),
        # A sandbox that starts at once is not kept ready.
        size=settings.sandbox_warm if backend_named(settings.sandbox).warm else 0,
        most=settings.sandbox_warm_most,
        idle_s=settings.sandbox_idle_minutes * 60,
    )
    when_closed(pool.close)
    return pool


def backend_of(settings: Settings, witness: Witness) -> Backend:
    """Return the backend that the settings name, without a pool."""
    options = BackendOptions(
        egress=egress_of(settings),
        witness=witness,
        unhardened=settings.sandbox_unhardened,
        cluster=cluster_of(settings),
        proxy_for=settings.proxy_for,
    )
    return backend_named(settings.sandbox).open(options)


def cluster_of(settings: Settings) -> Cluster:
    """Return where pods are claimed."""
    return Cluster(
        config=settings.kubernetes_config,
        context=settings.kubernetes_context,
        namespace=settings.kubernetes_namespace,
        pool=settings.kubernetes_pool,
        ready_s=settings.kubernetes_ready_seconds,
    )


def docker_of(settings: Settings) -> Docker | None:
    """Return the engine that the settings name, to be asked what it has; None where containers are none of it."""
    backend = backend_named(settings.sandbox).open(BackendOptions())
    return backend if isinstance(backend, Docker) else None


def spec_of(settings: Settings) -> Spec:
    """Return what a sandbox of ours looks like."""
    return Spec(
        image=settings.sandbox_image,
        runtime=backend_named(settings.sandbox).runtime(settings.sandbox_runtime),
        limits=Limits(memory_mb=settings.sandbox_memory_mb, cpus=settings.sandbox_cpus),
    )


def without_meaning(settings: Settings) -> tuple[str, ...]:
    """Return the variables that are set although the chosen backend understands nothing by them."""
    understood = {"sandbox", *backend_named(settings.sandbox).settings}
    ours = {name for name in settings.model_fields_set if name.startswith(_PREFIXES)}
    return tuple(f"SIGNOFF_{name.upper()}" for name in sorted(ours - understood))


def egress_of(settings: Settings) -> Egress | None:
    """Return whom the profile ``packages`` may speak to; None when the configuration names nobody."""
    hosts = listed(settings.egress_hosts)
    return rules_of(settings, hosts) if hosts else None


def rules_of(settings: Settings, hosts: tuple[str, ...]) -> Egress:
    """Return what the configuration says of speaking to these hosts.

    Raises:
        Refused: ``settings_invalid``.
    """
    pairs = [part.partition("=") for part in listed(settings.egress_env)]
    # Shown without the values: they may hold what they should not.
    if any(not equals or not name.strip() for name, equals, _ in pairs):
        raise Refused(
            "SIGNOFF_EGRESS_ENV is not a list of NAME=value pairs.",
            code="settings_invalid",
            hint="Write them with commas between: PIP_INDEX_URL=https://mirror.example/simple",
        )
    return Egress(
        hosts=hosts,
        private=listed(settings.egress_private),
        upload_bytes=int(settings.egress_upload_mb * (1 << 20)),
        connections=settings.egress_connections,
        env={name.strip(): value.strip() for name, _, value in pairs},
        ca=_certificates(settings.egress_ca),
    )


def told(passage: EgressRecord) -> dict[str, str | int]:
    """Return a passage as the attributes of a span."""
    return {
        "app.sandbox": passage.sandbox,
        "app.egress.target": passage.target,
        "app.egress.verdict": passage.verdict,
        "app.egress.reason": passage.reason,
        "app.egress.up": passage.up,
        "app.egress.down": passage.down,
    }


def _certificates(path: Path | None) -> str:
    try:
        return path.read_text(encoding="ascii") if path else ""
    except (OSError, ValueError) as error:
        raise Refused(
            f"The certificates in {path} cannot be read: {error}",
            code="settings_invalid",
            hint="SIGNOFF_EGRESS_CA is a PEM file.",
        ) from error
