"""The demos do what the README says: a real bug, a signed commit on a branch, main as it was."""

import re
import ssl
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.e2e.repos import git
from tests.examples.known import EXAMPLES, ROOT, failures, held_out_failures

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(600)]


def registries(folder):
    """Settings by which a set-up reaches the registries from this machine, whatever lies on the way."""
    paths = ssl.get_default_verify_paths()
    (folder / "ca.pem").write_bytes(Path(paths.cafile or paths.openssl_cafile).read_bytes())
    ask = ["docker", "run", "--rm", "--network=none", "--entrypoint=", "signoff-sandbox-node", "npm", "config", "get"]
    registry = subprocess.run([*ask, "registry"], check=True, capture_output=True, text=True).stdout.strip()
    return [f"SIGNOFF_EGRESS_PRIVATE={urlsplit(registry).hostname}", f"SIGNOFF_EGRESS_CA={folder}/ca.pem"]


def demo(example, folder, more=()):
    """Run a demo with a home of its own and no model; returns its repository and what it printed."""
    own = [*more, f"TMPDIR={folder}", f"SIGNOFF_HOME={folder}/home", "NO_COLOR=1", "COLUMNS=120"]
    command = ["env", "-u", "SIGNOFF_MODEL_BASE_URL", *own, str(ROOT / "scripts" / "demo.sh"), example]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    printed = done.stdout + done.stderr
    assert done.returncode == 0, printed
    (repo,) = folder.glob(f"signoff-demo-*/{example}")
    return Path(repo), printed


def test_the_node_demo_sets_its_package_up_and_delivers_what_was_recorded(tmp_path):
    subprocess.run([ROOT / "sandbox" / "images" / "node.sh"], check=True, capture_output=True)
    repo, printed = demo("shipping", tmp_path, registries(tmp_path))
    assert "Environment: node" in printed
    assert "a recorded answer stands in" in printed
    (branch,) = [name for name in git(repo, "branch", "--format=%(refname:short)").splitlines() if name != "main"]
    assert git(repo, "diff", "--name-only", "main", branch) == "arrival.js"
    assert "ordered.getUTCHours() >= CUT_OFF" in git(repo, "show", f"{branch}:arrival.js")


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_the_demo_delivers_the_right_fix(example, tmp_path):
    repo, printed = demo(example.name, tmp_path)
    assert git(repo, "log", "--format=%s", "main").splitlines() == [f"The {example.name} example, with its bug"]
    assert git(repo, "status", "--porcelain") == ""

    (branch,) = [name for name in git(repo, "branch", "--format=%(refname:short)").splitlines() if name != "main"]
    changed = git(repo, "diff", "--name-only", "main", branch).splitlines()
    assert sorted(changed) == sorted(path for path, *_ in example.edits), "only what is wrong is changed"

    git(repo, "checkout", "--quiet", branch)
    assert failures(repo) == frozenset()
    assert held_out_failures(example, repo) == frozenset()
    assert re.search(r"risk (LOW|MEDIUM|HIGH|CRITICAL)", printed)
