"""The demos do what the README says: a real bug, a signed commit on a branch, main as it was."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.e2e.repos import git
from tests.examples.known import EXAMPLES, ROOT, failures, held_out_failures

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(600)]


def demo(example, folder):
    """Run a demo with a home of its own and no model; returns its repository and what it printed."""
    own = [f"TMPDIR={folder}", f"SIGNOFF_HOME={folder}/home", "NO_COLOR=1", "COLUMNS=120"]
    command = ["env", "-u", "SIGNOFF_MODEL_BASE_URL", *own, str(ROOT / "scripts" / "demo.sh"), example.name]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    printed = done.stdout + done.stderr
    assert done.returncode == 0, printed
    (repo,) = folder.glob(f"signoff-demo-*/{example.name}")
    return Path(repo), printed


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_the_demo_delivers_the_right_fix(example, tmp_path):
    repo, printed = demo(example, tmp_path)
    assert git(repo, "log", "--format=%s", "main").splitlines() == [f"The {example.name} example, with its bug"]
    assert git(repo, "status", "--porcelain") == ""

    (branch,) = [name for name in git(repo, "branch", "--format=%(refname:short)").splitlines() if name != "main"]
    changed = git(repo, "diff", "--name-only", "main", branch).splitlines()
    assert sorted(changed) == sorted(path for path, *_ in example.edits), "only what is wrong is changed"

    git(repo, "checkout", "--quiet", branch)
    assert failures(repo) == frozenset()
    assert held_out_failures(example, repo) == frozenset()
    assert re.search(r"risk (LOW|MEDIUM|HIGH|CRITICAL)", printed)
