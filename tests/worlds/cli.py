"""The command line as a stranger uses it: a process of its own, with a home and an environment of its own."""

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SIGNOFF = Path(sys.executable).with_name("signoff")
PASSED_ON = ("PATH", "LANG", "TMPDIR", "DOCKER_HOST")


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that came to its end."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.out, f"it printed nothing and ended with {self.code}:\n{self.err}"
        return json.loads(self.out)


@dataclass(slots=True)
class Cli:
    """Runs ``signoff`` in one home; ``env`` is all it gets of settings."""

    home: Path
    env: dict[str, str] = field(default_factory=dict)
    program: Path = SIGNOFF

    def environment(self) -> dict[str, str]:
        every = os.environ.items()  # noqa: TID251  a test's own
        kept = {name: value for name, value in every if name in PASSED_ON or name.startswith("PIP_")}
        return {**kept, "HOME": str(self.home), "SIGNOFF_HOME": str(self.home / "signoff"), **self.env}

    async def start(self, *args: str, cwd: Path | None = None) -> asyncio.subprocess.Process:
        """A process that is still running, in a process group of its own."""
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            str(self.program),
            *args,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=pipe,
            stderr=pipe,
            env=self.environment(),
            cwd=cwd,
            start_new_session=True,
            limit=1 << 24,
        )

    async def run(self, *args: str, stdin: bytes = b"", cwd: Path | None = None) -> Ended:
        """Run to the end."""
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            str(self.program), *args, stdin=pipe, stdout=pipe, stderr=pipe, env=self.environment(), cwd=cwd
        )
        out, err = await process.communicate(stdin)
        assert process.returncode is not None
        return Ended(process.returncode, out.decode(), err.decode())

    async def killed_when(self, seen: str, args: Sequence[str]) -> str:
        """Start, wait for a line of progress that matches ``seen``, ``kill -9``; return the run's id."""
        process = await self.start(*args)
        assert process.stderr is not None
        said = ""
        async for line in process.stderr:
            said += line.decode()
            if re.search(seen, said):
                break
        else:
            raise AssertionError(f"it never said {seen!r}:\n{said}")
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        # Drained, so that the transport closes before the loop does.
        await process.stderr.read()
        if process.stdout is not None:
            await process.stdout.read()
        found = re.search(r"^run (\w+)", said, re.MULTILINE)
        assert found, said
        return found[1]


async def told(process: asyncio.subprocess.Process, pattern: str) -> str:
    """Read what a command says until it says this."""
    assert process.stderr is not None
    async with asyncio.timeout(120):
        while line := (await process.stderr.readline()).decode():
            if found := re.search(pattern, line):
                return found[1]
    raise AssertionError(f"it ended without saying {pattern}")
