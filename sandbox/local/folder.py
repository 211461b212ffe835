"""Local sandbox: a folder of this machine that looks like one to what runs in it, and protects from nothing.

``/work/repo`` and its neighbours are mapped into the folder, in arguments, variables and output.
"""

import asyncio
import contextlib
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path

from domain import CommandRun, Refused, SandboxLost
from domain.evidence import Output
from domain.work import Profile
from sandbox.contract import REPO, Heard
from sandbox.inside import files
from sandbox.inside.frames import CHUNK
from sandbox.inside.streams import Stream
from sandbox.local.processes import MappedCommand, MarkedProcesses
from sandbox.paths import absolute

_OURS = re.compile(r"/work(?=/(?:repo|home|\.signoff[\w-]*)(?![\w-]))")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_ROOMS = ("/work/", "/tmp/")  # noqa: S108  the sandbox's own


class LocalSandbox:
    """One folder and the processes that were started in it."""

    def __init__(self, forget: Callable[["LocalSandbox"], None]) -> None:
        self._root = Path(tempfile.mkdtemp(prefix="signoff-local-")).resolve()
        self._processes = MarkedProcesses()
        self._turn = asyncio.Lock()
        self._forget = forget
        self._open = True
        files.prepare([f"{self._root}{folder}" for folder in ("/work/repo", "/work/home", *_ROOMS)])

    @property
    def id(self) -> str:
        return self._root.name

    @property
    def image_digest(self) -> str:
        return "unsafe-local"

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
        """See ``Sandbox.run``."""
        scratch = f"{self._root}/tmp"  # noqa: S108  a folder of its own
        own = {
            "PATH": f"{Path(sys.executable).parent}:{_PATH}",
            "HOME": "/work/home",
            "TMPDIR": scratch,
            "XDG_CACHE_HOME": f"{scratch}/cache",
            "LANG": "C.UTF-8",
        }
        mapped = MappedCommand(
            argv=tuple(map(self._mapped, argv)),
            cwd=self._mapped(cwd),
            env={name: self._mapped(text) for name, text in {**own, **(env or {})}.items()},
            stdin=stdin,
            timeout_s=timeout_s,
        )
        async with self._turn:
            self._must_be_open()
            out, err = Stream(self._told("stdout", heard)), Stream(self._told("stderr", heard))
            began = time.monotonic()
            try:
                ended, code = await self._processes.run(mapped, out, err)
            finally:
                out.close()
                err.close()
        return CommandRun(
            command=" ".join(argv),
            ended="timeout" if ended == "timeout" else "exit" if code >= 0 else "signal",
            code=abs(code),
            stdout=self._output(out),
            stderr=self._output(err),
            duration_ms=(time.monotonic() - began) * 1_000,
        )

    async def read(self, path: str, *, limit: int = 8 << 20) -> bytes:
        """See ``Sandbox.read``."""
        with _promised(path):
            return b"".join(files.read(self._place(path), limit, CHUNK))

    async def write(self, path: str, data: bytes, *, mode: int = 0o644) -> None:
        """See ``Sandbox.write``."""
        with _promised(path):
            file = files.Incoming(self._place(path), mode)
            file.add(data)
            file.done()

    async def delete(self, path: str) -> None:
        """See ``Sandbox.delete``."""
        with _promised(path):
            files.delete(self._place(path))

    async def ping(self) -> None:
        """See ``Sandbox.ping``."""
        self._must_be_open()

    async def permit(self, profile: Profile, *, run: str = "") -> None:
        """See ``Sandbox.permit``; here everything is permitted, always."""

    async def close(self) -> None:
        """See ``Sandbox.close``."""
        if self._open:
            self._open = False
            self._forget(self)
            await self._processes.kill()
            await asyncio.to_thread(_remove, self._root)

    def _must_be_open(self) -> None:
        if not self._open:
            raise SandboxLost("The sandbox is gone: it was closed.")

    def _mapped(self, text: str) -> str:
        return _OURS.sub(f"{self._root}/work", text)

    def _place(self, path: str) -> str:
        """Where a path of the sandbox lies on this machine."""
        self._must_be_open()
        inside = absolute(path)
        if not inside.startswith(_ROOMS):
            raise Refused(f"{path}: not a path inside the sandbox", code="path_refused", hint="Use paths below /work.")
        return f"{self._root}{inside}"

    def _output(self, stream: Stream) -> Output:
        head, tail = self._unmapped(bytes(stream.head)), self._unmapped(stream.tail)
        return Output(head=head, tail=tail, dropped=stream.lost)

    def _unmapped(self, data: bytes) -> bytes:
        return data.replace(str(self._root).encode(), b"")

    def _told(self, name: str, heard: Heard | None) -> Callable[[bytes], None] | None:
        if heard is None:
            return None
        return lambda data: heard("stdout" if name == "stdout" else "stderr", self._unmapped(data))


@contextlib.contextmanager
def _promised(path: str) -> Generator[None]:
    try:
        yield
    except files.NotDone as problem:
        hint = "Name a regular file inside the sandbox, with no symbolic link on the way."
        raise Refused(f"{path}: {problem}", code=problem.code, hint=hint) from problem


def _remove(folder: Path) -> None:
    """Remove a folder, also where something in it forbids that."""

    def allow(_: object, path: str, __: object) -> None:
        for place in (Path(path).parent, Path(path)):
            with contextlib.suppress(OSError):
                place.chmod(0o700)

    shutil.rmtree(folder, onerror=allow)
    shutil.rmtree(folder, ignore_errors=True)
