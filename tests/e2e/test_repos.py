"""The acceptance command of every kind of project is found, fails on its bug and passes on its fix."""

import shutil
import subprocess
import sys

import pytest

from domain.acceptance import MANIFESTS, find_acceptance
from tests.e2e.repos import KINDS, build, git


def manifests(repo):
    return {name: (repo / name).read_text() for name in MANIFESTS if (repo / name).exists()}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_command_is_found_from_what_git_tracks(kind, tmp_path):
    repo = build(kind, tmp_path)
    assert git(repo, "status", "--porcelain") == ""
    assert find_acceptance(git(repo, "ls-files").splitlines(), manifests(repo)) == kind.accept


RUNNABLE = [
    pytest.param(kind, id=kind.name)
    for kind in KINDS
    if kind.accept and (kind.needs == "pytest" or shutil.which(kind.needs))
]


def run(command, repo):
    here = command.replace("python3", sys.executable)
    done = subprocess.run(here, shell=True, cwd=repo, capture_output=True, timeout=100, check=False)  # noqa: S602
    return done.returncode


@pytest.mark.slow
@pytest.mark.parametrize("kind", RUNNABLE)
def test_the_bug_is_real_and_so_is_its_fix(kind, tmp_path):
    """With the tools that this machine has; what it lacks is checked where it is at hand."""
    assert run(kind.accept, build(kind, tmp_path / "broken")) != 0
    assert run(kind.accept, build(kind, tmp_path / "fixed", fixed=True)) == 0
