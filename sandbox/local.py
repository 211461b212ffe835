"""The twin: the same promises kept by plain processes in a temporary folder, and no protection at all.

For tests and for machines that are thrown away. ``/work/repo`` and its neighbours are mapped into the
folder, in arguments, variables and output, so that what works here works in a container.
"""

import asyncio
import contextlib
import os
import re
import secrets
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from domain import CommandRun, Output, Refused, SandboxLost
from sandbox.contract import REPO, Check, Heard, Spec
from sandbox.inside import files
from sandbox.inside.frames import CHUNK
from sandbox.inside.streams import Stream
from sandbox.paths import absolute

_OURS = re.compile(r"/work(?=/(?:repo|home|\.signoff[\w-]*)(?![\w-]))")
_MARK = "SIGNOFF_TWIN"
_LINGER_S = 0.25
_LOOK_S = 0.002
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
NOT_FOUND, NOT_RUNNABLE = 127, 126


class LocalSandbox:
    """One folder and the processes that were started in it."""

    def __init__(self, forget: Callable[["LocalSandbox"], None]) -> None:
        self._root = Path(tempfile.mkdtemp(prefix="signoff-local-")).resolve()
        self._token = secrets.token_hex(8)
        self._turn = asyncio.Lock()
        self._forget = forget
        self._open = True
        files.prepare([f"{self._root}/work/repo", f"{self._root}/work/home", f"{self._root}/tmp"])

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
        async with self._turn:
            self._must_be_open()
            out = Stream(self._told("stdout", heard))
            err = Stream(self._told("stderr", heard))
            began = time.monotonic()
            try:
                ended, code = await self._run(argv, cwd, self._environment(env or {}), stdin, timeout_s, out, err)
            finally:
                for stream in (out, err):
                    stream.close()
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

    async def close(self) -> None:
        """See ``Sandbox.close``."""
        if self._open:
            self._open = False
            self._forget(self)
            await self._kill()
            await asyncio.to_thread(_remove, self._root)

    def _must_be_open(self) -> None:
        if not self._open:
            raise SandboxLost("The sandbox is gone: it was closed.")

    async def _run(
        self,
        argv: Sequence[str],
        cwd: str,
        env: dict[str, str],
        stdin: bytes,
        timeout_s: float,
        out: Stream,
        err: Stream,
    ) -> tuple[str, int]:
        loop = asyncio.get_running_loop()
        try:
            process = await asyncio.create_subprocess_exec(
                *map(self._mapped, argv), cwd=self._mapped(cwd), env=env, start_new_session=True,
                stdin=asyncio.subprocess.PIPE if stdin else asyncio.subprocess.DEVNULL, stdout=out.child, stderr=err.child,
            )  # fmt: skip
        except OSError as error:
            err.head += f"{argv[0]}: {error.strerror}\n".encode()
            return "exit", NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_RUNNABLE
        finally:
            out.started()
            err.started()
        for stream in (out, err):
            loop.add_reader(stream.fd, self._emptied, loop, stream)
        feeding = asyncio.create_task(_feed(process, stdin))
        try:
            return await self._watch(process, timeout_s, out, err)
        finally:
            await self._kill()
            feeding.cancel()
            await process.wait()
            for stream in (out, err):
                loop.remove_reader(stream.fd) if stream.open else None
                stream.drain()

    async def _watch(
        self, process: asyncio.subprocess.Process, timeout_s: float, out: Stream, err: Stream
    ) -> tuple[str, int]:
        try:
            async with asyncio.timeout(timeout_s):
                await process.wait()
        except TimeoutError:
            return "timeout", signal.SIGKILL
        end = time.monotonic() + _LINGER_S
        while (out.open or err.open) and time.monotonic() < end and self._alive():
            await asyncio.sleep(_LOOK_S)
        assert process.returncode is not None  # noqa: S101  it was waited for
        return "exit", process.returncode

    @staticmethod
    def _emptied(loop: asyncio.AbstractEventLoop, stream: Stream) -> None:
        fd = stream.fd
        stream.empty()
        if not stream.open:
            loop.remove_reader(fd)

    def _alive(self) -> list[int]:
        """Find every process that was started here, whatever session it moved to, by the mark it inherited."""
        mark = f"{_MARK}={self._token}".encode()
        found: list[int] = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    if mark in (entry / "environ").read_bytes().split(b"\0"):
                        found.append(int(entry.name))
        return found

    async def _kill(self) -> None:
        """Kill until none is left; what is killed while it forks leaves a child that is found the next time."""
        while alive := self._alive():
            for pid in alive:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            await asyncio.sleep(_LOOK_S)

    def _environment(self, more: Mapping[str, str]) -> dict[str, str]:
        own = {
            "PATH": f"{Path(sys.executable).parent}:{_PATH}",
            "HOME": "/work/home",
            "TMPDIR": f"{self._root}/tmp",
            "XDG_CACHE_HOME": f"{self._root}/tmp/cache",
            "LANG": "C.UTF-8",
        }
        return {**{name: self._mapped(text) for name, text in {**own, **more}.items()}, _MARK: self._token}

    def _mapped(self, text: str) -> str:
        return _OURS.sub(f"{self._root}/work", text)

    def _place(self, path: str) -> str:
        """Where a path of the sandbox lies on this machine."""
        self._must_be_open()
        inside = absolute(path)
        if not inside.startswith(("/work/", "/tmp/")):  # noqa: S108  the sandbox's own
            raise Refused(f"{path}: not a path inside the sandbox", code="path_refused", hint="Use paths below /work.")
        return f"{self._root}{inside}"

    def _output(self, stream: Stream) -> Output:
        root = str(self._root).encode()
        head, tail = bytes(stream.head).replace(root, b""), stream.tail.replace(root, b"")
        return Output(head=head, tail=tail, dropped=stream.lost)

    def _told(self, name: str, heard: Heard | None) -> Callable[[bytes], None] | None:
        if heard is None:
            return None
        root = str(self._root).encode()
        return lambda data: heard("stdout" if name == "stdout" else "stderr", data.replace(root, b""))


class Local:
    """Leases folders of this machine. Refuses to, unless it is told that this is known to be unsafe."""

    def __init__(self, *, unsafe: bool = False) -> None:
        if not unsafe:
            raise Refused(
                "Commands would run on this machine without any protection.",
                code="unsafe_refused",
                hint="Use Docker (SIGNOFF_SANDBOX=docker); unsafe-local is for tests and machines that are thrown away.",
            )
        self._open: set[LocalSandbox] = set()

    async def lease(self, spec: Spec, *, run: str = "") -> LocalSandbox:
        """See ``Backend.lease``; the spec's limits are not kept here."""
        del spec, run
        sandbox = LocalSandbox(self._open.discard)
        self._open.add(sandbox)
        return sandbox

    async def check(self, spec: Spec) -> tuple[Check, ...]:
        """See ``Backend.check``."""
        del spec
        git = shutil.which("git")
        return (
            Check(name="isolation", ok=True, detail="NONE: commands run on this machine as you (unsafe-local)"),
            Check(name="sandbox", ok=git is not None, detail=git or "git is missing", hint="Install git."),
        )

    async def close(self) -> None:
        """See ``Backend.close``."""
        await asyncio.gather(*(sandbox.close() for sandbox in tuple(self._open)))


@contextlib.contextmanager
def _promised(path: str):  # noqa: ANN202  a context manager without a value
    try:
        yield
    except files.NotDone as problem:
        raise Refused(
            f"{path}: {problem}", code=problem.code, hint="Name a regular file inside the sandbox."
        ) from problem


async def _feed(process: asyncio.subprocess.Process, data: bytes) -> None:
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.write(data)
            await process.stdin.drain()
            process.stdin.close()


def _remove(folder: Path) -> None:
    """Remove a folder, also where something in it forbids that."""

    def allow(_: object, path: str, __: object) -> None:
        parent = Path(path).parent
        with contextlib.suppress(OSError):
            parent.chmod(0o700)
            Path(path).chmod(0o700)
            Path(path).unlink()

    shutil.rmtree(folder, onerror=allow)
    shutil.rmtree(folder, ignore_errors=True)
