"""Registry of forges: the configuration (``forges.yaml``), and which forge a repository's address belongs to.

Default deny: a forge may be pushed to only in the repositories that its entry names.
"""

import asyncio
import re
import ssl
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import httpx
from pydantic import Field, SecretStr, model_validator

from domain import Refused, value
from domain.configuration import configured, signing_key
from domain.errors import Forbidden
from forges.client import TIMEOUT_S, ForgeClient, Sleep
from forges.contract import Forge, GitAccess
from forges.github import HEADERS, GitHub
from forges.gitlab import GitLab
from forges.inbound.policy import ForgeHook, hooks_fault
from forges.installation import InstallationToken

_PATH = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_.][A-Za-z0-9_.-]*){1,20}")
_SCP = re.compile(r"^(?:[^/\s:@]+@)?(?P<host>[^/\s:@]+):(?!//)(?P<path>.+)$")
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@value
class ForgeApp:
    """A GitHub app's installation, instead of a person's token."""

    id: str
    slug: str
    installation: Annotated[int, Field(ge=1)]
    key: SecretStr
    """PEM, or ``file:`` and where it lies."""


@value
class ForgeEntry:
    """One forge of the configuration."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,100}$")]
    kind: Literal["github", "gitlab"]
    url: str = ""
    """Where its repositories' addresses begin; empty: github.com, gitlab.com."""
    api: str = ""
    """Empty: the usual one for ``url``."""
    token: SecretStr | None = None
    app: ForgeApp | None = None
    repositories: Annotated[tuple[str, ...], Field(max_length=1_000)] = ()
    """Where pull requests may be opened: paths, with ``*`` for anything. Empty: nowhere."""
    forks: Annotated[dict[str, str], Field(max_length=1_000)] = Field(default_factory=dict[str, str])
    """A repository that the token may not push to → the fork of it that takes the branches instead."""
    ca: str = ""
    """PEM file with certificates to trust."""
    proxy: str = ""

    @model_validator(mode="after")
    def _sound(self) -> "ForgeEntry":
        if (self.token is None) == (self.app is None):
            raise ValueError("give a token or an app, one of them")
        if self.app is not None and self.kind != "github":
            raise ValueError("only GitHub has apps")
        for address in (self.home, self.endpoint):
            parts = urlsplit(address)
            if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
                raise ValueError("url and api begin with https://: a token is sent there")
            if "@" in parts.netloc or parts.query or parts.fragment:
                raise ValueError("url and api are plain addresses, without a user or a query")
        return self

    @property
    def home(self) -> str:
        return (self.url or ("https://github.com" if self.kind == "github" else "https://gitlab.com")).rstrip("/")

    @property
    def endpoint(self) -> str:
        """Where the API is."""
        if self.api:
            return self.api.rstrip("/")
        if self.kind == "gitlab":
            return f"{self.home}/api/v4"
        return "https://api.github.com" if self.home == "https://github.com" else f"{self.home}/api/v3"


@value
class DeployEntry:
    """A hook that deploys a commit: who is asked, and for which repositories."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,100}$")]
    url: str = Field(max_length=2_000, repr=False)
    secrets: tuple[str, ...] = Field(min_length=1, max_length=5, repr=False)
    """``whsec_…``, newest first; each one signs while they are being rotated."""
    repositories: Annotated[tuple[str, ...], Field(min_length=1, max_length=1_000)]
    """Addresses or folders of repositories, with ``*`` for anything: the first entry that fits is asked."""

    def __post_init__(self) -> None:
        # Now, and not when two people have signed.
        for secret in self.secrets:
            signing_key(secret)


@value
class ForgeSettings:
    """The whole file."""

    forges: Annotated[tuple[ForgeEntry, ...], Field(max_length=50)] = ()
    deploys: Annotated[tuple[DeployEntry, ...], Field(max_length=50)] = ()
    hooks: Annotated[tuple[ForgeHook, ...], Field(max_length=50)] = ()
    """What may come in."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every secret in it, for redaction."""
        tokens = [each.token for each in self.forges] + [each.app.key for each in self.forges if each.app]
        signing = [secret for deploy in self.deploys for secret in deploy.secrets]
        incoming = [secret for hook in self.hooks for secret in hook.secrets]
        return (*(token.get_secret_value() for token in tokens if token), *signing, *incoming)


def load_forges(path: Path) -> ForgeSettings:
    """Read the file and the secret files it names (``file:/run/secrets/github``).

    Raises:
        Refused: ``forges_invalid`` or ``hook_secret_invalid``, with what to change.
    """
    try:
        settings = configured(
            ForgeSettings,
            path.read_text(encoding="utf-8"),
            lambda name: (path.parent / name).read_text(encoding="utf-8"),
        )
    except (OSError, ValueError) as error:
        raise _invalid(path, str(error)) from None
    names = [each.name for each in (*settings.forges, *settings.deploys)]
    if twice := {name for name in names if names.count(name) > 1}:
        raise _invalid(path, f"{', '.join(sorted(twice))} is there twice")
    if fault := hooks_fault(settings.hooks, {each.name: each.kind for each in settings.forges}):
        raise _invalid(path, fault)
    return settings


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgeAddress:
    """A repository on a forge of the configuration."""

    forge: str
    path: str

    def __str__(self) -> str:
        return f"{self.forge}:{self.path}"


@dataclass(slots=True, kw_only=True)
class Forges:
    """The forges that are configured. A client is made when it is first asked for."""

    entries: Sequence[ForgeEntry] = ()
    others: Mapping[str, Forge] = field(default_factory=dict[str, Forge])
    """Made elsewhere, by name, instead of what the entry says: the twin in tests."""
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    sleep: Sleep = asyncio.sleep
    """Between two attempts at one question."""
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    _open: dict[str, Forge] = field(default_factory=dict[str, Forge])

    def locate(self, repo: str) -> ForgeAddress | None:
        """Which repository of which forge an address means, however it is spelled; None: of none that is known."""
        for entry in self.entries:
            path = path_within(entry.home, repo)
            if path:
                return ForgeAddress(forge=entry.name, path=path)
        return None

    def home(self, name: str) -> str:
        """Where the addresses of a forge's repositories begin; empty: it is not in the configuration."""
        entry = self._entry(name)
        return entry.home if entry is not None else ""

    def ensure_publishable(self, repo: str) -> ForgeAddress:
        """Where a pull request for this repository goes.

        Raises:
            Refused: ``forge_unknown``, ``forge_repository_refused``.
        """
        address = self.locate(repo)
        if address is None:
            raise Refused(
                "This repository is on no forge that Signoff is configured for.",
                code="forge_unknown",
                hint="Name the forge and its token in the file of SIGNOFF_FORGES, or deliver as a patch or a branch.",
            )
        if not self.may_publish(address):
            raise Forbidden(
                f"Pull requests may not be opened in {address.path}.",
                code="forge_repository_refused",
                hint=f"Add it to the repositories of {address.forge} in the file of SIGNOFF_FORGES.",
            )
        return address

    def may_publish(self, address: ForgeAddress) -> bool:
        """Whether the configuration lets anything be written in this repository."""
        entry = self._entry(address.forge)
        # A path may be a client's own words: ``acme/../other`` fits ``acme/*`` and means another repository.
        if entry is None or not _is_path(address.path):
            return False
        return any(fnmatchcase(address.path.lower(), pattern.lower()) for pattern in entry.repositories)

    def fork_of(self, address: ForgeAddress) -> str:
        """The fork that takes branches for a repository; empty: none is named."""
        entry = self._entry(address.forge)
        forks = entry.forks if entry is not None else {}
        return next((fork for path, fork in forks.items() if path.lower() == address.path.lower()), "")

    async def access_to(self, repo: str) -> GitAccess | None:
        """How git reads a repository by its web address; None: on no forge, or none where anything may be published."""
        address = self.locate(repo)
        if address is None or not self.may_publish(address) or not repo.lower().startswith(("https://", "http://")):
            return None
        return await self.named(address.forge).access(address.path)

    def named(self, name: str) -> Forge:
        """The forge of this name.

        Raises:
            Refused: ``forge_unknown``: it was taken out of the configuration.
        """
        if name in self.others:
            return self.others[name]
        if name not in self._open:
            entry = self._entry(name)
            if entry is None:
                raise Refused(
                    f"There is no forge {name!r} in the configuration.",
                    code="forge_unknown",
                    hint="Put it back into the file of SIGNOFF_FORGES.",
                )
            self._open[name] = self._made(entry)
        return self._open[name]

    async def close(self) -> None:
        await self._stack.aclose()
        self._open.clear()

    def _entry(self, name: str) -> ForgeEntry | None:
        return next((each for each in self.entries if each.name == name), None)

    def _made(self, entry: ForgeEntry) -> Forge:
        # The environment names no proxy and no netrc for it: what a token is sent through is configured.
        try:
            trusted = ssl.create_default_context(cafile=entry.ca or None)
            http = httpx.AsyncClient(
                follow_redirects=False, trust_env=False, timeout=TIMEOUT_S, verify=trusted, proxy=entry.proxy or None
            )
        except (OSError, ValueError, httpx.InvalidURL) as error:
            # Its words may have the proxy's password.
            raise Refused(
                f"The ca or the proxy of {entry.name} cannot be used ({type(error).__name__}).",
                code="forges_invalid",
                hint="ca is a file of PEM certificates, proxy an address: http://HOST:PORT. See docs/forges.md.",
            ) from None
        self._stack.push_async_callback(http.aclose)
        plain = entry.token.get_secret_value() if entry.token else ""
        installation = (
            InstallationToken(
                app=entry.app.id, installation=entry.app.installation, key=entry.app.key, clock=self.clock
            )
            if entry.app
            else None
        )

        async def token() -> str:
            return plain if installation is None else await installation.token(client)

        client = ForgeClient(
            name=entry.name,
            api=entry.endpoint,
            http=http,
            token=token,
            headers=HEADERS if entry.kind == "github" else {},
            ca=entry.ca,
            proxy=entry.proxy,
            clock=self.clock,
            sleep=self.sleep,
        )
        if entry.kind == "gitlab":
            return GitLab(client=client)
        return GitHub(client=client, app_slug=entry.app.slug if entry.app else "", installation=installation)


def path_within(home: str, repo: str) -> str:
    """The path of a repository whose address lies on the host of ``home``; empty: it does not.

    https, ssh and the short form of ssh (``git@host:owner/name.git``) name the same repository.
    """
    base = urlsplit(home)
    scp = _SCP.match(repo) if "://" not in repo else None
    if scp:
        host, port, path, prefix = scp["host"], None, scp["path"], ""
    else:
        try:
            parts = urlsplit(repo)
            host, port, path = parts.hostname or "", parts.port, parts.path
        except ValueError:
            return ""
        if parts.scheme not in {"http", "https", "ssh"} or parts.query or parts.fragment:
            return ""
        # Only over the web is the forge below a path, and the port of its ssh is another one.
        prefix = base.path if parts.scheme != "ssh" else ""
        if parts.scheme != "ssh" and (parts.scheme, port) != (base.scheme, base.port):
            return ""
    if host.lower() != (base.hostname or "").lower() or not path.startswith(f"{prefix}/" if prefix else ""):
        return ""
    path = path.removeprefix(prefix).strip("/").removesuffix(".git")
    return path if _is_path(path) else ""


def _is_path(text: str) -> bool:
    return _PATH.fullmatch(text) is not None and not {".", ".."} & set(text.split("/"))


def _invalid(path: Path, why: str) -> Refused:
    return Refused(f"{path} is not valid: {why}.", code="forges_invalid", hint="See docs/forges.md for the whole form.")
