"""What a set-up left in the checkout is taken out and put back; nothing that git knows, and nothing outside."""

import json
import subprocess
from pathlib import Path

import pytest

from sandbox.inside.environment import collect, populate


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path, Path]:
    root, repo = tmp_path / "env", tmp_path / "repo"
    for folder in (root, repo):
        folder.mkdir()
    (repo / "kept.py").write_text("x = 1\n")
    subprocess.run(["git", "-C", repo, "init", "--quiet"], check=True)
    subprocess.run(["git", "-C", repo, "add", "--all"], check=True)
    return root, repo, repo / ".git"


def test_what_is_new_comes_back_in_another_checkout(places):
    root, repo, git = places
    (repo / "kept.py").write_text("x = 2\n")
    for path in (
        "node_modules/dep/index.js",
        "build/lib.so",
        "pkg/__pycache__/a.pyc",
        "pkg/_ext.so",
        ".pytest_cache/x",
    ):
        (repo / path).parent.mkdir(parents=True, exist_ok=True)
        (repo / path).write_text(path)
    (repo / "node_modules" / "own").symlink_to("../pkg")
    collect(str(root), str(repo), str(git))
    assert sorted(path for _, path in json.loads((root / "repo.json").read_text())) == ["build", "node_modules", "pkg"]
    assert not (repo / "node_modules").exists()
    populate(str(root), str(repo), str(git))
    assert (repo / "node_modules" / "dep").readlink() == root / "repo" / "node_modules" / "dep"
    assert (repo / "node_modules" / "own").readlink() == Path("../pkg")
    assert (repo / "pkg" / "_ext.so").read_text() == "pkg/_ext.so"
    assert not (repo / "build").is_symlink()
    assert "/node_modules\n" in (git / "info" / "exclude").read_text()
    populate(str(root), str(repo), str(git))  # again, over what is there


def test_no_listed_path_leads_out_of_the_checkout(places, tmp_path):
    root, repo, git = places
    (repo / "out").symlink_to(tmp_path)
    (root / "repo").mkdir()
    (root / "repo" / "x").write_text("x")
    listed = [["copy", path] for path in ("../stolen", "/etc/stolen", "out/stolen", ".git/hooks/x")]
    (root / "repo.json").write_text(json.dumps(listed))
    populate(str(root), str(repo), str(git))
    assert not (tmp_path / "stolen").exists()
    assert not (git / "hooks" / "x").exists()


def test_without_an_environment_nothing_happens(places):
    root, repo, git = places
    populate(str(root), str(repo), str(git))
    assert sorted(path.name for path in repo.iterdir()) == [".git", "kept.py"]
