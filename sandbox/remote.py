"""Remote sandbox behind a channel: what a container, or a Pod with the same PID 1, looks like from here."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from domain import CommandRun, Refused, SandboxLost
from domain.evidence import Output
from domain.work import Profile
from sandbox.channel import Answer, RunnerChannel
from sandbox.contract import REPO, Heard
from sandbox.egress.gateway import EgressGateway
from sandbox.inside import SYSTEM_PATH
from sandbox.paths import absolute, system_path

GRACE_S = 5.0
"""How much longer than the runner we wait before the sandbox counts as lost."""
FILES_S = 120.0
PING_S = 5.0
HOME = "/work/home"
_PATH = "/usr/local/bin:/usr/bin:/bin"
ENVIRONMENT = {"HOME": HOME, "TMPDIR": "/tmp", "XDG_CACHE_HOME": "/tmp/cache", "LANG": "C.UTF-8"}  # noqa: S108
_HINTS = {
    "file_not_found": "Look at the paths of the repository first.",
    "file_too_large": "Read a part of it with a command.",
    "path_refused": "Name a regular file inside the sandbox, with no symbolic link on the way.",
    "sandbox_full": "Clean up in the sandbox, or give it more room (Limits.work_mb).",
}


class RemoteSandbox:
    """Runs commands and moves files through PID 1, one command at a time."""

    def __init__(
        self,
        channel: RunnerChannel,
        *,
        sandbox_id: str,
        image_digest: str,
        environment: Mapping[str, str],
        discard: Callable[[], Awaitable[None]],
        outside: EgressGateway,
    ) -> None:
        self._channel = channel
        self._id, self._digest, self._discard = sandbox_id, image_digest, discard
        path = f"{environment.get('PATH', _PATH)}:{HOME}/.local/bin"  # where pip puts programs
        self._environment = {**environment, **ENVIRONMENT, "PATH": path}
        self._system_path = system_path(environment.get("PATH", _PATH))
        self._outside = outside
        self._turn = asyncio.Lock()
        self._closed = False

    @property
    def id(self) -> str:
        return self._id

    @property
    def image_digest(self) -> str:
        return self._digest

    @property
    def alive(self) -> bool:
        """False once the sandbox is known to be gone."""
        return self._channel.alive

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
        variables = {**self._environment, **self._outside.environment, **(env or {})}
        if variables["PATH"] == SYSTEM_PATH:  # our own scripts: what the image itself has, wherever that is
            variables["PATH"] = self._system_path
            variables.pop("LD_LIBRARY_PATH", None)
        header = {
            "op": "run",
            "argv": list(argv),
            "cwd": cwd,
            "env": variables,
            "timeout": timeout_s,
            "stream": heard is not None,
        }
        # One at a time: ending what a command left behind means killing every process there is.
        async with self._turn:
            answer = await self._channel.ask(header, stdin or None, timeout_s=timeout_s + GRACE_S, heard=heard)
        result, payload = answer
        try:
            pieces: list[bytes] = []
            for size in result["pieces"]:
                pieces.append(payload[:size])
                payload = payload[size:]
            (out_head, out_tail, err_head, err_tail), (out, err) = pieces, result["dropped"]
            return CommandRun(
                command=" ".join(argv),
                ended=result["ended"],
                code=result["code"],
                stdout=Output(head=out_head, tail=out_tail, dropped=out),
                stderr=Output(head=err_head, tail=err_tail, dropped=err),
                duration_ms=result["ms"],
            )
        except (KeyError, ValueError, TypeError) as error:
            raise SandboxLost("The sandbox gave an answer that makes no sense.") from error

    async def read(self, path: str, *, limit: int = 8 << 20) -> bytes:
        """See ``Sandbox.read``."""
        _, data = await self._files({"op": "read", "path": absolute(path), "limit": limit})
        return data

    async def write(self, path: str, data: bytes, *, mode: int = 0o644) -> None:
        """See ``Sandbox.write``."""
        await self._files({"op": "write", "path": absolute(path), "mode": mode}, data)

    async def delete(self, path: str) -> None:
        """See ``Sandbox.delete``."""
        await self._files({"op": "delete", "path": absolute(path)})

    async def ping(self) -> None:
        """See ``Sandbox.ping``."""
        await self._channel.ask({"op": "ping"}, timeout_s=PING_S)

    async def permit(self, profile: Profile, *, run: str = "") -> None:
        """See ``Sandbox.permit``."""
        if profile == "packages":
            await self._outside.open(self, self._channel, run)
        else:
            self._outside.shut()

    async def close(self) -> None:
        """See ``Sandbox.close``."""
        if not self._closed:
            self._closed = True
            await self._outside.close()
            await self._channel.close()
            await self._discard()

    async def _files(self, header: dict[str, Any], contents: bytes | None = None) -> Answer:
        answer, data = await self._channel.ask(header, contents, timeout_s=FILES_S)
        if answer["ev"] == "no":
            code = str(answer["code"])
            raise Refused(f"{header['path']}: {answer['message']}", code=code, hint=_HINTS.get(code, ""))
        return answer, data
