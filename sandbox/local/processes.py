"""Processes that can be found again: every one that a command started, whatever session it moved to."""

import asyncio
import contextlib
import os
import secrets
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from domain import value
from sandbox.inside.streams import Stream

NOT_FOUND, NOT_RUNNABLE = 127, 126
LINGER_S = 0.25
"""How long output is waited for that a background process still holds open."""
_LOOK_S = 0.002
_MARK = "SIGNOFF_TWIN"


@value
class MappedCommand:
    """A command with everything mapped into the folder."""

    argv: tuple[str, ...]
    cwd: str
    env: Mapping[str, str]
    stdin: bytes
    timeout_s: float


class MarkedProcesses:
    """Starts commands whose processes inherit a mark in their environment, and ends all that carry it."""

    def __init__(self) -> None:
        self._token = secrets.token_hex(8)

    async def run(self, wanted: MappedCommand, out: Stream, err: Stream) -> tuple[Literal["exit", "timeout"], int]:
        """Run to the end and return how it ended; no process of it is left."""
        loop = asyncio.get_running_loop()
        try:
            process = await asyncio.create_subprocess_exec(
                *wanted.argv,
                cwd=wanted.cwd,
                env={**wanted.env, _MARK: self._token},
                start_new_session=True,
                stdin=asyncio.subprocess.PIPE if wanted.stdin else asyncio.subprocess.DEVNULL,
                stdout=out.child,
                stderr=err.child,
            )
        except OSError as error:
            err.head += f"{wanted.argv[0]}: {error.strerror}\n".encode()
            return "exit", NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_RUNNABLE
        finally:
            out.started()
            err.started()
        for stream in (out, err):
            loop.add_reader(stream.fd, _emptied, loop, stream)
        feeding = asyncio.create_task(_feed(process, wanted.stdin))
        try:
            try:
                async with asyncio.timeout(wanted.timeout_s):
                    code = await process.wait()
            except TimeoutError:
                return "timeout", signal.SIGKILL
            end = time.monotonic() + LINGER_S
            # Strangers' processes do not tell when they end: there is nothing to wait on but time.
            while any(s.open for s in (out, err)) and time.monotonic() < end and self._alive():  # noqa: ASYNC110
                await asyncio.sleep(_LOOK_S)
            return "exit", code
        finally:
            await self.kill()
            feeding.cancel()
            await process.wait()
            for stream in (out, err):
                if stream.open:
                    loop.remove_reader(stream.fd)
                stream.drain()

    async def kill(self) -> None:
        """Kill until none is left; what is killed while it forks leaves a child that is found the next time."""
        # By the mark in the environment: a process that made a session of its own is in no group of ours.
        while alive := self._alive():
            for pid in alive:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            await asyncio.sleep(_LOOK_S)

    def _alive(self) -> list[int]:
        mark = f"{_MARK}={self._token}".encode()
        pids: list[int] = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    if mark in (entry / "environ").read_bytes().split(b"\0"):
                        pids.append(int(entry.name))
        return pids


def _emptied(loop: asyncio.AbstractEventLoop, stream: Stream) -> None:
    fd = stream.fd
    stream.empty()
    if not stream.open:
        loop.remove_reader(fd)


async def _feed(process: asyncio.subprocess.Process, data: bytes) -> None:
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.write(data)
            await process.stdin.drain()
            process.stdin.close()
