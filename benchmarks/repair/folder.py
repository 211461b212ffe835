"""A bench that is a folder of this machine. Unsafe for foreign code: for our own suites only."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from domain import CommandRun, Refused
from domain.evidence import Output

_BIN = Path(sys.executable).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """Runs commands in ``root`` with this interpreter's environment."""

    root: Path

    async def run(
        self,
        argv: Sequence[str],
        *,
        cwd: str = "",
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        timeout_s: float = 60.0,
    ) -> CommandRun:
        began = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            *argv,
            cwd=cwd or self.root,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            env={
                "PATH": f"{_BIN}:/usr/bin:/bin",
                "HOME": str(self.root),
                "LANG": "C.UTF-8",
                "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
                **(env or {}),
            },  # as in the sandbox, which has pytest alone
        )
        ended = "exit"
        try:
            out, err = await asyncio.wait_for(process.communicate(stdin), timeout_s)
        except TimeoutError:
            ended, out, err = "timeout", b"", b""
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        return CommandRun(
            command=" ".join(argv),
            ended="timeout" if ended == "timeout" else "exit",
            code=process.returncode or 0,
            stdout=Output(head=out),
            stderr=Output(head=err),
            duration_ms=1_000 * (time.monotonic() - began),
        )

    async def read(self, path: str, *, limit: int = 8 << 20) -> bytes:
        try:
            return (self.root / path).read_bytes()[:limit]
        except OSError as error:
            raise Refused(f"{path} cannot be read", code="file_not_found") from error

    async def write(self, path: str, data: bytes, *, mode: int = 0o644) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        target.chmod(mode)
