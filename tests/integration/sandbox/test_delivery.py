"""The work arrives once, exactly, and nothing of the user's is touched. Requirements G1, G2."""

from datetime import UTC, datetime

import pytest

from domain import Refused
from sandbox import Delivery
from sandbox.git import write_object

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
async def tree(repo, store, pinned) -> str:
    """What shall be delivered: a.py changed, b.py new, kept.log gone."""
    repo.write("a.py", "x = 2\n")
    repo.write("b.py", "y = 1\n")
    (repo.path / "kept.log").unlink()
    repo.commit("changed")
    changed = repo.git("rev-parse", "HEAD^{tree}")
    await store.pin("run", str(repo.path))
    repo.git("reset", "--quiet", "--hard", pinned.commit)
    return changed


@pytest.fixture
def delivery(store) -> Delivery:
    return Delivery(store)


async def code(verb) -> str:
    with pytest.raises(Refused) as refusal:
        await verb
    assert refusal.value.hint
    return refusal.value.stable_code


async def test_a_branch_leaves_the_work_tree_alone(repo, delivery, pinned, tree):
    repo.write("a.py", "mine, not committed")
    for _ in range(2):
        done = await delivery.branch("run", pinned, tree, "A good message\n", "signoff/fix-1", at=AT)
    assert (done.kind, done.ref) == ("branch", "signoff/fix-1")
    assert repo.git("rev-parse", "signoff/fix-1^{tree}") == tree
    assert repo.git("rev-parse", "signoff/fix-1") == done.commit
    assert repo.git("log", "-1", "--format=%s|%an|%ae|%P|%at", done.commit) == (
        f"A good message|Signoff|signoff@localhost|{pinned.commit}|{int(AT.timestamp())}"
    )
    assert repo.git("status", "--short") == "M a.py"
    assert repo.git("branch", "--show-current") == "main"
    assert repo.git("rev-parse", "main") == pinned.commit
    repo.git("fsck", "--strict")


async def test_a_branch_with_other_content_is_not_moved(repo, delivery, pinned, tree):
    repo.git("branch", "taken")
    assert await code(delivery.branch("run", pinned, tree, "m\n", "taken", at=AT)) == "branch_exists"
    assert repo.git("rev-parse", "taken") == pinned.commit
    assert await code(delivery.branch("run", pinned, tree, "m\n", "no..name", at=AT)) == "branch_name_invalid"
    assert await code(delivery.branch("run", pinned, tree, "m\n", "main/below", at=AT)) == "branch_exists"


async def test_a_commit_advances_the_branch_and_its_files(repo, delivery, pinned, tree):
    repo.write("untracked", "mine")
    for _ in range(2):
        done = await delivery.commit("run", pinned, tree, "m\n", at=AT)
    assert (done.kind, done.ref) == ("commit", "main")
    assert repo.git("rev-parse", "HEAD") == done.commit
    assert repo.git("status", "--short") == "?? untracked"
    assert (repo.path / "a.py").read_text() == "x = 2\n"
    assert not (repo.path / "kept.log").exists()


async def test_a_commit_interrupted_halfway_is_finished(repo, delivery, pinned, tree):
    """The files were brought forward, then the power went out before the branch was."""
    repo.git("read-tree", "-m", "-u", pinned.commit, tree)
    done = await delivery.commit("run", pinned, tree, "m\n", at=AT)
    assert repo.git("rev-parse", "HEAD") == done.commit
    assert repo.git("status", "--short") == ""


@pytest.mark.parametrize("where", ["a.py", "b.py"])
async def test_a_commit_never_runs_over_the_users_work(repo, delivery, pinned, tree, where):
    repo.write(where, "mine")
    assert await code(delivery.commit("run", pinned, tree, "m\n", at=AT)) == "dirty_tree"
    assert (repo.path / where).read_text() == "mine"
    assert repo.git("rev-parse", "HEAD") == pinned.commit


async def test_a_commit_needs_the_place_it_was_made_for(repo, delivery, pinned, tree):
    repo.git("checkout", "--quiet", "-b", "elsewhere")
    assert await code(delivery.commit("run", pinned, tree, "m\n", at=AT)) == "head_moved"
    repo.git("checkout", "--quiet", "main")
    repo.commit("somebody was faster")
    assert await code(delivery.commit("run", pinned, tree, "m\n", at=AT)) == "head_moved"


async def test_a_bare_repository_gets_commits_too(repo, delivery, tree, pinned):
    place = str(repo.path.with_name("bare.git"))
    repo.git("clone", "--quiet", "--bare", str(repo.path), place)
    bare = await delivery.store.pin("run", place, pinned.commit)
    done = await delivery.commit("run", bare, tree, "m\n", at=AT)
    assert repo.git("--git-dir", place, "rev-parse", "main") == done.commit


async def test_a_patch_is_only_a_patch(repo, store, delivery, pinned, tree):
    assert (await delivery.patch("run", pinned, tree)).kind == "patch"
    assert "+x = 2" in await store.diff("run", pinned.tree, tree)
    assert repo.git("rev-parse", "HEAD") == pinned.commit


async def test_a_url_gets_a_patch_only(repo, store, delivery, tree):
    remote = await store.pin("run", f"file://{repo.path}")
    assert await code(delivery.branch("run", remote, tree, "m\n", "x", at=AT)) == "cannot_deliver"
    assert await code(delivery.commit("run", remote, tree, "m\n", at=AT)) == "cannot_deliver"


async def test_hooks_and_filters_of_the_repository_stay_asleep(repo, delivery, pinned, tree, tmp_path):
    trap = tmp_path / "trap.sh"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\ncat\n")
    trap.chmod(0o755)
    for hook in ("post-checkout", "reference-transaction", "post-index-change", "pre-commit", "post-merge"):
        (repo.path / ".git" / "hooks").mkdir(exist_ok=True)
        (repo.path / ".git" / "hooks" / hook).symlink_to(trap)
    repo.git("config", "filter.x.smudge", str(trap))
    repo.git("config", "core.fsmonitor", str(trap))
    (repo.path / ".git" / "info" / "attributes").write_text("*.py filter=x\n")
    await delivery.branch("run", pinned, tree, "m\n", "signoff/x", at=AT)
    await delivery.commit("run", pinned, tree, "m\n", at=AT)
    assert not (tmp_path / "sprung").exists()


def test_an_object_made_by_hand_is_the_one_git_makes(repo):
    text = repo.git("cat-file", "commit", "HEAD").encode() + b"\n"
    assert write_object(repo.path / ".git", "commit", text) == repo.git("rev-parse", "HEAD")
