"""Programs of other languages, above all those that use the official JavaScript SDK."""

import asyncio
import fcntl
import hashlib
import shutil
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT


async def said_by(*argv: str, cwd: Path = ROOT) -> str:
    """What a program prints; it has to end well."""
    process = await asyncio.create_subprocess_exec(
        *argv, cwd=cwd, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    out, _ = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode == 0, out.decode()
    return out.decode()


async def beside_the_sdk(script: Path, folder: Path) -> Path:
    """A copy of a script where node finds LangGraph's SDK."""
    if (npm := shutil.which("npm")) is None:
        pytest.fail("npm is missing: install Node.js 20 or newer")
    await said_by(npm, "install", "--silent", "--no-audit", "--no-fund", "@langchain/langgraph-sdk", cwd=folder)
    return Path(shutil.copy(script, folder))


NPM = ROOT / "tests" / "integration" / "service" / "npm"


async def installed_clients() -> Path:
    """A folder with the clients that ``npm/package-lock.json`` pins, and the scripts that use them."""
    if (npm := shutil.which("npm")) is None:
        pytest.fail("npm is missing: install Node.js 20 or newer")
    digest = hashlib.sha256((NPM / "package-lock.json").read_bytes()).hexdigest()[:16]
    folder = ROOT / ".cache" / f"npm-{digest}"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:  # several test processes may want it at once
        fcntl.flock(lock, fcntl.LOCK_EX)
        for source in NPM.iterdir():
            if source.is_file():
                shutil.copy(source, folder)
        if not (folder / "complete").exists():
            await said_by(npm, "ci", "--silent", "--no-audit", "--no-fund", cwd=folder)
            (folder / "complete").touch()
    return folder
