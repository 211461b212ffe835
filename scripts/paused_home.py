"""Make the home of a run that waits for a signature, as an earlier commit writes it.

``tests/integration/service/homes/`` has one home for each commit that tests go on from. They were made by

    git worktree add --detach ../earlier COMMIT
    PYTHONPATH=../earlier .venv/bin/python scripts/paused_home.py COMMIT
    git worktree remove ../earlier

A run knows its repository by the path, and the approval is bound to it. So the home is made, and later unpacked, at one
path that every machine has; the archive names no other.
"""

import asyncio
import io
import shutil
import sqlite3
import sys
import tarfile
from contextlib import closing
from pathlib import Path

HOMES = Path(__file__).parents[1] / "tests" / "integration" / "service" / "homes"
AT = Path("/tmp/signoff-paused-home")  # noqa: S108  the archive names it


async def pause() -> None:
    """Start a run that will deliver to a branch, and leave it where it waits for a person."""
    from tests.worlds import house as world  # noqa: PLC0415  of the earlier commit

    opening = getattr(world, "house", None) or world.application
    repo = world.repository(AT / "repo")
    async with opening(AT, {"coder": [world.FIX], "reviewer": [world.OK]}) as opened:
        state, _ = await world.start(opened, world.task(repo))
    if state.run.status != "interrupted":
        raise SystemExit(f"the run does not wait for a person: {state.run.status} {state.run.ending}")


def pack(name: str) -> Path:
    """Write the home and the repository as one compressed archive, without times, owners or the work of caches."""
    for database in AT.glob("home/*.db"):
        with closing(sqlite3.connect(database)) as connection:  # what lies in the log of writes comes into the file
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.execute("VACUUM")
    archive = HOMES / f"{name}.tar.xz"
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive, "w:xz") as tar:
        for path in sorted(path for path in AT.rglob("*") if path.is_file()):
            if path.suffix in {".db-wal", ".db-shm", ".sample"} or "traces" in path.parts:
                continue
            member = tarfile.TarInfo(path.relative_to(AT).as_posix())
            body = path.read_bytes()
            member.size, member.mode = len(body), 0o700 if path.stat().st_mode & 0o100 else 0o600
            tar.addfile(member, io.BytesIO(body))
    return archive


if __name__ == "__main__":
    if len(sys.argv) != 2:  # noqa: PLR2004
        raise SystemExit(__doc__)
    shutil.rmtree(AT, ignore_errors=True)
    try:
        asyncio.run(pause())
        archive = pack(sys.argv[1])
    finally:
        shutil.rmtree(AT, ignore_errors=True)
    print(f"{archive}: {archive.stat().st_size} bytes")
