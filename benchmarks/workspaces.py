"""Snapshots, roll-backs and restores of repositories made for the purpose."""

import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from benchmarks.sandbox import SPEC
from sandbox import REPO, Docker, Pool, Store, Workspaces


def repository(folder: Path, *, files: int, size: int) -> None:
    """Make a git repository of text that compresses as source code does."""
    folder.mkdir()
    line = "    return [self.value_of(item, key=name) for item in sorted(items, key=str)]  # {n}\n"
    for n in range(files):
        path = folder / f"pkg{n % 20}" / f"m{n}.py"
        path.parent.mkdir(exist_ok=True)
        noise = os.urandom(size // 8).hex()
        path.write_text((noise + "\n" + "".join(line.format(n=i * n) for i in range(size // 80)))[:size])
    for args in (["init", "-q"], ["add", "-A"], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "x"]):
        subprocess.run(["git", "-C", folder, *args], check=True)


async def snapshots(backend: Docker, *, files: int, size: int, changed: int) -> tuple[float, float, float]:
    """Milliseconds of a snapshot and a roll-back after a small change, and of a restore into a fresh sandbox."""
    with tempfile.TemporaryDirectory() as place:
        repo = Path(place) / "repo"
        repository(repo, files=files, size=size)
        store = Store(Path(place) / "store")
        pinned = await store.pin("run", str(repo))
        pool = Pool(backend, size=1)
        workspaces = Workspaces(pool, store, SPEC)
        workspace = await workspaces.open("run", pinned)
        await workspace.write("pkg0/m0.py", b"warm up\n")
        base = await workspace.snapshot("0")
        saved, back = [], []
        for n in range(11):
            await workspace.write("pkg0/m0.py", f"x = {n}\n".encode())
            began = time.perf_counter()
            await workspace.snapshot(str(n))
            saved.append((time.perf_counter() - began) * 1_000)
            began = time.perf_counter()
            await workspace.restore(base)
            back.append((time.perf_counter() - began) * 1_000)
        await workspace.run(["sh", "-c", f"cd {REPO}; for f in $(ls pkg*/* | head -{changed}); do echo y >>$f; done"])
        last = await workspace.snapshot("last")
        await workspaces.drop("run")
        fresh = []
        for _ in range(3):
            await pool.settled()
            began = time.perf_counter()
            await workspaces.open("run", pinned, last)
            fresh.append((time.perf_counter() - began) * 1_000)
            await workspaces.drop("run")
        await workspaces.close()
        await pool.close()
    return tuple(round(statistics.median(values), 2) for values in (saved, back, fresh))  # type: ignore[return-value]
