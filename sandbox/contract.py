"""What a sandbox promises, whoever provides it.

Two seams. ``Backend`` gives out single-use sandboxes; ``Sandbox`` runs commands and moves files.
Everything about git, snapshots and candidates (``workspace.py``) is built on these few verbs, so
a Pod with the same runner would do as well as a container.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, Protocol

from pydantic import Field

from domain import CommandRun, value
from domain.work import Profile

REPO = "/work/repo"
"""Where the checkout lies inside every sandbox."""

Heard = Callable[[Literal["stdout", "stderr"], bytes], None]
"""Called with output as it arrives."""


@value
class Limits:
    """What one sandbox may use."""

    memory_mb: int = Field(default=2_048, ge=64)
    cpus: float = Field(default=2.0, gt=0)
    pids: int = Field(default=256, ge=16)
    work_mb: int = Field(default=1_024, ge=16)
    """Size of the tmpfs that holds the checkout."""
    tmp_mb: int = Field(default=512, ge=16)
    files: int = Field(default=4_096, ge=64)
    """Open file descriptors a process."""
    file_mb: int = Field(default=1_024, ge=1)
    """Largest single file."""
    inodes: int = Field(default=400_000, ge=1_000)
    layer_mb: int = Field(default=0, ge=0)
    """Size of the tmpfs that an environment is written into; 0: there is none, which is so but for set-ups."""


@value
class Spec:
    """Which sandbox is wanted. Equal specs can share a pool."""

    image: str = "signoff-sandbox:latest"
    runtime: str = ""
    """One of the backend's own (``sandbox.backends``); empty: its default."""
    profile: Profile = "sealed"
    limits: Limits = Field(default_factory=Limits)


@value
class Check:
    """One thing that was probed, for ``signoff doctor``."""

    name: str
    ok: bool
    detail: str = ""
    hint: str = ""
    """What to do about it when not ok."""
    needed: bool = True
    """False: advice. Nothing is held up by it."""

    @property
    def passed(self) -> bool:
        """True when nothing has to be done before a run can start."""
        return self.ok or not self.needed


class Sandbox(Protocol):
    """One sealed place to run commands in. Used by one run, then thrown away."""

    @property
    def id(self) -> str:
        """Name for logs and spans."""
        ...

    @property
    def image_digest(self) -> str:
        """What an approval binds to."""
        ...

    async def run(
        self,
        argv: Sequence[str],
        *,
        cwd: str = REPO,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        timeout_s: float = 60.0,
        heard: Heard | None = None,
    ) -> CommandRun:
        """Run one command to its end; nothing it started is alive afterwards.

        A failing command, a time-out and an out-of-memory kill are values (``CommandRun.ended``).
        Cancelling the awaiting task kills the command. A command that cannot be found or run ends
        with 127 or 126, as in a shell. Commands of one sandbox run one after the other.

        Raises:
            SandboxLost: the sandbox is gone or broke its protocol; restore and try again.
        """
        ...

    async def read(self, path: str, *, limit: int = 8 << 20) -> bytes:
        """Bytes of a regular file; symlinks are never followed in any component.

        Raises:
            Refused: ``file_not_found``, ``file_too_large`` or ``path_refused``; trying again does not help.
            SandboxLost: as for ``run``.
        """
        ...

    async def write(self, path: str, data: bytes, *, mode: int = 0o644) -> None:
        """Replace a file at once, making its folders.

        ``mode`` is for a new file; one that is there keeps its own. Raises as ``read`` does, and
        Refused ``sandbox_full``.
        """
        ...

    async def delete(self, path: str) -> None:
        """Remove a file or an empty folder. Raises as ``read`` does."""
        ...

    async def ping(self) -> None:
        """Come back when the sandbox answers. Raises ``SandboxLost``."""
        ...

    async def permit(self, profile: Profile, *, run: str = "") -> None:
        """Open or close the way to package registries, for the commands that come now.

        Raises:
            Refused: ``egress_unconfigured`` or ``egress_invalid``.
            SandboxLost: as for ``run``.
        """
        ...

    async def close(self) -> None:
        """Throw the sandbox away. Never raises; calling it twice is fine."""
        ...


class Backend(Protocol):
    """Gives out sandboxes."""

    async def lease(self, spec: Spec, *, run: str = "") -> Sandbox:
        """A fresh sandbox of this spec, owned by ``run``.

        Raises:
            Refused: ``docker_missing``, ``docker_denied``, ``image_missing``, ``runtime_unsupported`` …
            SandboxLost: it could not be started this time.
        """
        ...

    async def check(self, spec: Spec) -> tuple[Check, ...]:
        """Probe everything a lease needs, without raising."""
        ...

    async def close(self) -> None:
        """Throw away everything this backend still holds."""
        ...
