"""Refs of somebody else's repository are found as git finds them, from files alone."""

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.source import find
from sandbox.source.refs import Refs, is_ref_name


@pytest.fixture
def git(tmp_path):
    def run(*args: str) -> str:
        command = ["git", "-C", tmp_path, "-c", "user.name=a", "-c", "user.email=a@b.invalid", *args]
        return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()

    run("init", "--quiet", "--initial-branch=main")
    for n in range(3):
        run("commit", "--quiet", "--allow-empty", "--message", str(n))
    run("branch", "topic/deep", "HEAD~1")
    run("tag", "--annotate", "--message", "t", "v1", "HEAD~2")
    run("update-ref", "refs/remotes/origin/main", "HEAD~1")
    run("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")
    return run


@pytest.mark.parametrize("packed", [False, True])
def test_names_are_resolved_as_git_does(git, tmp_path, packed):
    if packed:
        git("pack-refs", "--all")
    refs = Refs(find(str(tmp_path)))
    described = git("describe", "--always", "--tags")
    for rev in (
        "HEAD",
        "@",
        "main",
        "heads/main",
        "refs/heads/main",
        "topic/deep",
        "v1",
        "tags/v1",
        "origin/main",
        "origin",
        "HEAD~2",
        "main^",
        "main~1^{commit}",
        "v1^{}",
        "@~1",
        git("rev-parse", "--short", "HEAD"),
        described,
    ):
        ours = refs.resolve(rev)
        assert ours is not None, rev
        assert git("rev-parse", f"{ours}^{{commit}}") == git("rev-parse", f"{rev}^{{commit}}"), rev


ODD = (
    "-x",
    "--all",
    "nowhere",
    "main@{1}",
    "main@{upstream}",
    ":/x",
    "main^{/x}",
    "main^{tree}",
    "a b",
    "../HEAD",
    "main:a",
    "x\ny",
    "refs/heads/../../config",
)


@pytest.mark.parametrize("rev", ODD)
def test_what_is_no_revision_names_nothing(git, tmp_path, rev):
    assert Refs(find(str(tmp_path))).resolve(rev) is None


def test_a_ref_that_points_to_itself_names_nothing(git, tmp_path):
    (tmp_path / ".git" / "refs" / "heads" / "round").write_text("ref: refs/heads/round\n")
    assert Refs(find(str(tmp_path))).resolve("round") is None


@given(st.text(max_size=40).map(lambda name: f"refs/heads/{name}"))
def test_no_name_is_taken_that_git_would_not_take(name):
    if is_ref_name(name):
        assert ".." not in name
        assert not name.endswith((".lock", "/", "."))
        if name.isascii():
            assert subprocess.run(["git", "check-ref-format", name], check=False).returncode == 0
