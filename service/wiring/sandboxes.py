"""Sandboxes as the settings say: hardened containers from a pool, and what they may reach."""

from collections.abc import Callable
from pathlib import Path

from domain import Refused
from sandbox import Backend, Docker, Egress, Limits, Local, Passage, Pool, Spec
from service.settings import Settings

Witness = Callable[[Passage], None]
"""Told about every connection that a sandbox tried."""


def open_pool(settings: Settings, witness: Witness) -> Pool:
    """Return a pool that starts nothing before it is asked to.

    Args:
        settings: which backend, how many are kept warm, and who may be reached.
        witness: told about every connection that a sandbox tries.

    Raises:
        Refused: ``settings_invalid`` or ``egress_invalid``.
    """
    return Pool(
        backend_of(settings, witness),
        size=0 if settings.sandbox == "unsafe-local" else settings.sandbox_warm,
        most=settings.sandbox_warm_most,
        idle_s=settings.sandbox_idle_minutes * 60,
    )


def backend_of(settings: Settings, witness: Witness) -> Backend:
    """Return the backend that the settings name, without a pool."""
    if settings.sandbox == "unsafe-local":
        return Local(unsafe=True)
    return Docker(egress=egress_of(settings), witness=witness, unhardened=settings.sandbox_unhardened)


def spec_of(settings: Settings) -> Spec:
    """Return what a sandbox of ours looks like."""
    limits = Limits(memory_mb=settings.sandbox_memory_mb, cpus=settings.sandbox_cpus)
    return Spec(image=settings.sandbox_image, runtime=settings.sandbox_runtime, limits=limits)


def egress_of(settings: Settings) -> Egress | None:
    """Return whom the profile ``packages`` may speak to; None when the configuration names nobody."""
    hosts = _listed(settings.egress_hosts)
    if not hosts:
        return None
    pairs = [part.partition("=") for part in _listed(settings.egress_env)]
    if any(not equals or not name.strip() for name, equals, _ in pairs):
        raise Refused(
            "SIGNOFF_EGRESS_ENV is not a list of NAME=value pairs.",
            code="settings_invalid",
            hint="Write them with commas between: PIP_INDEX_URL=https://mirror.example/simple",
        )
    return Egress(
        hosts=hosts,
        private=_listed(settings.egress_private),
        upload_bytes=int(settings.egress_upload_mb * (1 << 20)),
        connections=settings.egress_connections,
        env={name.strip(): value.strip() for name, _, value in pairs},
        ca=_certificates(settings.egress_ca),
    )


def told(passage: Passage) -> dict[str, str | int]:
    """Return a passage as the attributes of a span."""
    return {
        "app.sandbox": passage.sandbox,
        "app.egress.target": passage.target,
        "app.egress.verdict": passage.verdict,
        "app.egress.reason": passage.reason,
        "app.egress.up": passage.up,
        "app.egress.down": passage.down,
    }


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _certificates(path: Path | None) -> str:
    try:
        return path.read_text(encoding="ascii") if path else ""
    except (OSError, ValueError) as error:
        raise Refused(
            f"The certificates in {path} cannot be read: {error}",
            code="settings_invalid",
            hint="SIGNOFF_EGRESS_CA is a PEM file.",
        ) from error
