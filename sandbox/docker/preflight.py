"""Preflight: what ``signoff doctor`` and ``signoff sandbox check`` look at before anything runs."""

import time
from functools import partial
from typing import Any, Protocol

from domain import SignoffError
from sandbox.contract import Check, Sandbox, Spec
from sandbox.docker import api
from sandbox.docker.isolation import is_podman, isolation, runc_check


class AskableEngine(Protocol):
    """A backend whose engine can be asked."""

    async def ask(self, spec: Spec, question: Any) -> Any: ...

    async def lease(self, spec: Spec, *, run: str = "") -> Sandbox: ...


async def preflight(engine: AskableEngine, spec: Spec) -> tuple[Check, ...]:
    """Probe the engine, the image and one real lease; stop at the first that makes the rest pointless."""
    checks: list[Check] = []
    try:
        version = await engine.ask(spec, api.version)
        checks.append(Check(name="docker", ok=True, detail=f"Engine {version['Version']}, {version['Arch']}"))
        info = await engine.ask(spec, api.info)
        if is_podman(info):
            checks.append(
                Check(
                    name="podman",
                    ok=False,
                    needed=False,
                    detail=f"Podman {info.get('ServerVersion', '')}",
                    hint="Podman 4.3 was tried, and refuses folders in memory that belong to a user (tmpfs with uid). "
                    "Docker works rootless, too: docs/install.md.",
                )
            )
        checks += [*isolation(spec, info), runc_check(version)]
        image = await engine.ask(spec, partial(api.image, spec.image))
        checks.append(Check(name="sandbox image", ok=True, detail=f"{spec.image} ({image['Id'][7:19]})"))
        began = time.monotonic()
        sandbox = await engine.lease(spec)
        try:
            cold = (time.monotonic() - began) * 1_000
            began = time.monotonic()
            ran = await sandbox.run(["git", "--version"], cwd="/")
            ms = (time.monotonic() - began) * 1_000
        finally:
            await sandbox.close()
        checks.append(
            Check(
                name="sandbox",
                ok=ran.ok,
                detail=f"leased in {cold:.0f} ms, a command takes {ms:.1f} ms",
                hint="The image needs git: signoff sandbox build --base YOUR_IMAGE",
            )
        )
    except SignoffError as error:
        checks.append(
            Check(name=_NAMES.get(error.stable_code, "sandbox"), ok=False, detail=error.message, hint=error.hint)
        )
    return tuple(checks)


_NAMES = {
    "docker_missing": "docker",
    "docker_denied": "docker",
    "image_missing": "sandbox image",
    "image_unsuitable": "sandbox image",
    "runtime_unsupported": "isolation",
    "sandbox_unhardened": "hardening",
}
