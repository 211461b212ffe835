"""Environments as the settings say: whether they are set up, on which images, and whom a set-up may reach."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from functools import partial

from domain import Refused
from sandbox import Backend, Docker, Egress, Sandbox, Spec, Store, Witness, Workspaces, backend_named
from sandbox.environments import Credentials, DockerLayers, Environments, SetupBounds, credential
from service.settings import Settings
from service.wiring.sandboxes import listed, rules_of
from service.wiring.telemetry import trace_passage
from telemetry import Tracing

ENGINE_S = 900
"""Seconds the engine may take to make an image of a large layer."""
_HOST = re.compile(r"[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}(?::\d{1,5})?")
_ASK_APT = (
    "cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null"
    " | grep -oE 'https?://[A-Za-z0-9.-]+' | sed 's#.*//##' | sort -u"
)
_ASK_PIP = "from pip._internal.models.index import PyPI; print(PyPI.netloc, PyPI.file_storage_domain)"
_ASK_GO = "go env GOPROXY GOSUMDB | tr ',|' '\\n\\n' | sed 's#^https://##; s#[/ +].*##' | grep -F ."
# The index of crates is in the program; what it says of downloads is a sibling of its name.
_ASK_CARGO = (
    'grep -aoE "sparse[+]https://index[.][a-z0-9.-]+" "$(readlink -f "$(command -v cargo)")"'
    r" | sort -u | sed -n 's#.*https://index\.\(.*\)#index.\1\nstatic.\1#p'"
)
# Maven's own project, which all others inherit from, says where packages are.
_ASK_MAVEN = """
import glob, re, zipfile
for place in glob.glob("/usr/share/maven/lib/maven-model-builder*.jar"):
    text = zipfile.ZipFile(place).read("org/apache/maven/model/pom-4.0.0.xml").decode()
    print(*re.findall("<url>https://([^/<]+)", text))
"""


def open_environments(
    settings: Settings,
    store: Store,
    spec: Spec,
    witness: Witness,
    closing: Callable[[Callable[[], Awaitable[None]]], object],
) -> Environments | None:
    """Return what sets environments up; None where the backend has no images to keep them in.

    Args:
        settings: whether and how.
        store: where the files of runs are.
        spec: what a sandbox of a run looks like.
        witness: told about every connection that a set-up tries.
        closing: takes what has to be closed in the end.
    """
    if not backend_named(settings.sandbox).environments:
        return None
    sealed = Docker(timeout_s=ENGINE_S, proxy_for=settings.proxy_for, unhardened=settings.sandbox_unhardened)
    closing(sealed.close)
    backend = (
        SetupBackend(settings=settings, sealed=sealed, witness=witness) if settings.setup_network != "off" else None
    )
    if backend is not None:
        closing(backend.close)
    return Environments(
        store=store,
        backend=backend,
        sealed=sealed,
        layers=DockerLayers(sealed),
        spec=spec,
        images=listed(settings.setup_images),
        folder=settings.home / "environments",
        bounds=SetupBounds(
            minutes=settings.setup_minutes,
            environment_mb=settings.setup_mb,
            store_bytes=int(settings.setup_store_gb * (1 << 30)),
            keep_s=settings.setup_keep_days * 86_400,
        ),
        credentials=partial(credentials_of, settings),
    )


def open_workspaces(  # noqa: PLR0917
    settings: Settings,
    backend: Backend,
    store: Store,
    spec: Spec,
    spans: Tracing,
    closing: Callable[[Callable[[], Awaitable[None]]], object],
) -> tuple[Workspaces, Environments | None]:
    """Return the workspaces of runs on a backend, and what sets their environments up: see ``open_environments``."""
    environments = open_environments(settings, store, spec, partial(trace_passage, spans), closing)
    workspaces = Workspaces(backend, store, spec, restore=environments.restore if environments is not None else None)
    closing(workspaces.close)
    return workspaces, environments


def credentials_of(settings: Settings) -> Credentials:
    """Return what set-ups may log in with, as the named variables and files have it now.

    Raises:
        Refused: ``setup_credential_missing`` or ``setup_credential_invalid``; neither repeats a value.
    """
    logins = settings.index_logins()
    for host, text in logins.items():
        if text is None:
            raise Refused(
                f"The login for {host} is not where SIGNOFF_SETUP_CREDENTIALS says.",
                code="setup_credential_missing",
                hint="Write HOST=env:NAME for a variable of this process, or HOST=file:PATH for a file it can read.",
            )
    return Credentials(tuple(credential(host, text) for host, text in logins.items() if text is not None))


@dataclass(slots=True, kw_only=True)
class SetupBackend:
    """Leases set-up sandboxes: like those of runs, with a way out of their own."""

    settings: Settings
    sealed: Docker
    witness: Witness
    _open: dict[str, Docker] = field(default_factory=dict[str, Docker])
    """By image: each has package managers of its own, with registries of their own."""

    async def lease(self, spec: Spec, *, run: str = "") -> Sandbox:
        """See ``Backend.lease``."""
        if spec.image not in self._open:
            egress = await self._egress(spec)
            self._open.setdefault(spec.image, self.sealed.like(egress, self.witness))
        return await self._open[spec.image].lease(spec, run=run)

    async def check(self, spec: Spec) -> tuple[()]:
        """Nothing of its own: the backend of runs is checked."""
        del spec
        return ()

    async def close(self) -> None:
        """See ``Backend.close``."""
        for each in self._open.values():
            await each.close()

    async def _egress(self, spec: Spec) -> Egress:
        hosts = listed(self.settings.egress_hosts)
        if self.settings.setup_network == "registries":
            hosts = tuple(dict.fromkeys((*hosts, *await default_hosts(self.sealed, spec))))
        if not hosts:
            raise Refused(
                "Environments may be set up, and no package registry may be reached.",
                code="egress_unconfigured",
                hint="Name the hosts in SIGNOFF_EGRESS_HOSTS, or set SIGNOFF_SETUP_NETWORK=registries.",
            )
        return replace(
            rules_of(self.settings, hosts),
            upload_bytes=int(self.settings.setup_upload_mb * (1 << 20)),
            connections=self.settings.setup_connections,
        )


async def default_hosts(backend: Backend, spec: Spec) -> tuple[str, ...]:
    """Return the registries that the package managers of an image use when nobody tells them otherwise."""
    asked = (
        ("python3", "-c", _ASK_PIP),
        ("sh", "-c", "npm config get registry | cut -d/ -f3"),
        ("sh", "-c", _ASK_APT),
        ("sh", "-c", f"command -v go >/dev/null && {_ASK_GO}"),
        ("sh", "-c", f"command -v cargo >/dev/null && {_ASK_CARGO}"),
        ("python3", "-c", _ASK_MAVEN),
    )
    hosts: list[str] = []
    sandbox = await backend.lease(replace(spec, profile="sealed"))
    try:
        for argv in asked:
            ran = await sandbox.run(list(argv), cwd="/", timeout_s=30.0)
            hosts += [word for word in ran.stdout.text().split() if _HOST.fullmatch(word)] if ran.ok else []
    finally:
        await sandbox.close()
    return tuple(dict.fromkeys(hosts))
