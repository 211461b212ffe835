"""The check that no program of a repository runs can fail: git itself runs them."""

import subprocess

import pytest

from sandbox.workspace import canary


async def test_nothing_ran():
    check = await canary.foreign_repository_canary()
    assert check.ok, check.detail


@pytest.mark.parametrize("number", range(4))
def test_git_itself_would_run_it(tmp_path, number):
    ran = tmp_path / "ran"
    name, files = list(canary.repositories(tmp_path, ran).items())[number]
    repo = tmp_path / "repo"
    canary._write(repo, files)
    (repo / "a.py").write_text("changed\n")
    who = ["-c", "user.name=a", "-c", "user.email=a@b.invalid"]
    subprocess.run(["git", "-C", repo, *who, "commit", "-qam", "x"], capture_output=True, check=False)
    assert ran.exists(), name
