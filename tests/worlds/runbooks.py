"""Runbooks as they are followed: the commands of a page, read out of it and run one after another in a shell."""

import asyncio
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from tests.architecture.tree import ROOT
from tests.worlds.cli import SIGNOFF, Cli, Ended

FOLDER = ROOT / "docs" / "runbooks"
POSTGRES = tuple(Path("/usr/lib/postgresql").glob("*/bin"))


def commands(page: str) -> list[str]:
    """Every command of a page, in its order."""
    text = (FOLDER / f"{page}.md").read_text()
    blocks = re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [line.removeprefix("$ ") for block in blocks for line in block.splitlines() if line.startswith("$ ")]


@dataclass(slots=True)
class Runbook:
    """A page that is followed: each command once, in the order of the page."""

    page: str
    cli: Cli
    left: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.left = commands(self.page)

    async def next(self, **names: str) -> Ended:
        """Run the next command; ``names`` take the place of those in capitals."""
        process = await self._begin(names)
        out, err = await asyncio.wait_for(process.communicate(), 120)
        assert process.returncode is not None
        return Ended(process.returncode, out.decode(), err.decode())

    async def good(self, **names: str) -> Ended:
        """Run the next command, which ends with 0."""
        command = self.left[0]
        ended = await self.next(**names)
        assert ended.code == 0, f"$ {command}\n{ended.out}\n{ended.err}"
        return ended

    async def start(self, **names: str) -> asyncio.subprocess.Process:
        """Start the next command and leave it running."""
        return await self._begin(names)

    async def _begin(self, names: dict[str, str]) -> asyncio.subprocess.Process:
        command = self.left.pop(0)
        for name, value in names.items():
            assert re.search(rf"\b{name}\b", command), f"{command} has no {name}"
            # The last one: ALTER ROLE ROLE has a word of SQL before it.
            command = command[::-1].replace(name[::-1], value[::-1], 1)[::-1]
        environment = self.cli.environment()
        folders = [str(SIGNOFF.parent), *map(str, POSTGRES), environment.get("PATH", "")]
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            shutil.which("bash") or "bash",
            "-c",
            f"exec {command}" if command.startswith("signoff ") else command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=pipe,
            stderr=pipe,
            env={**environment, "PATH": ":".join(folders), "COLUMNS": "200"},
        )

    def done(self) -> None:
        """Nothing of the page was left out."""
        assert not self.left, self.left
