"""A repository, a store, and workspaces on the twin and in containers."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from sandbox import Docker, Limits, Local, Pinned, Spec, Store, Workspaces

SPEC = Spec(limits=Limits(memory_mb=1_024, work_mb=512, tmp_mb=64))


@dataclass
class Repo:
    path: Path

    def git(self, *args: str) -> str:
        told = ["-c", "user.name=A", "-c", "user.email=a@example.invalid", "-c", "commit.gpgsign=false"]
        done = subprocess.run(["git", "-C", self.path, *told, *args], check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def run(self, command: list[str], *, status: int = 0) -> None:
        """Run a program that ends with this exit status."""
        assert subprocess.run(command, check=False).returncode == status

    def write(self, name: str, data: str | bytes, mode: int = 0o644) -> None:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        path.chmod(mode)

    def commit(self, message: str = "more") -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repo(tmp_path) -> Repo:
    path = tmp_path / "repo"
    path.mkdir()
    made = Repo(path)
    made.git("init", "--quiet", "--initial-branch=main")
    made.write("a.py", "x = 1\n")
    made.write("run.sh", "#!/bin/sh\necho hi\n", 0o755)
    made.write(".gitignore", "*.log\nbuild/\n")
    made.write("kept.log", "tracked, though ignored\n")
    made.git("add", "--force", "kept.log")
    made.commit("one")
    return made


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
async def pinned(repo, store) -> Pinned:
    return await store.pin("run", str(repo.path))


@pytest.fixture(params=["local", pytest.param("docker", marks=pytest.mark.docker)])
async def workspaces(request, store):
    backend = Docker() if request.param == "docker" else Local(unsafe=True)
    made = Workspaces(backend, store, SPEC)
    yield made
    await made.close()
    await backend.close()
