"""A delivery writes into somebody else's repository as git would, and never through a link."""

import hashlib
import os
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from domain import Refused
from sandbox import Delivery, Store
from sandbox.source import find
from sandbox.source.updates import index_lock

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
async def tree(repo, store, pinned) -> str:
    """What shall be delivered: a.py changed, b.py new, kept.log gone, run.sh a link, deep/new made."""
    repo.write("a.py", "x = 2\nz = 3\n")
    repo.write("b.py", "y = 1\n")
    repo.write("deep/er/new", "n\n", 0o755)
    (repo.path / "kept.log").unlink()
    (repo.path / "run.sh").unlink()
    (repo.path / "run.sh").symlink_to("a.py")
    repo.commit("changed")
    changed = repo.git("rev-parse", "HEAD^{tree}")
    await store.pin("run", str(repo.path))
    repo.git("reset", "--quiet", "--hard", pinned.commit)
    return changed


@pytest.fixture
def delivery(store) -> Delivery:
    return Delivery(store)


@pytest.fixture
def outside(tmp_path) -> Path:
    """What a link leads to; it must stay as it is."""
    place = tmp_path / "outside"
    place.mkdir()
    (place / "file").write_text("theirs\n")
    return place


async def refused(verb) -> str:
    with pytest.raises(Refused) as refusal:
        await verb
    assert refusal.value.hint
    return refusal.value.stable_code


def replaced(place: Path, target: Path) -> None:
    """Put a link in place of a file or folder."""
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    place.unlink(missing_ok=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(target)


@pytest.mark.parametrize(
    ("where", "to"),
    [
        ("refs/heads/new", "file"),
        ("refs/heads/new.lock", "file"),
        ("logs/refs/heads/new", "file"),
        ("logs", ""),
        ("logs/refs/heads", ""),
        ("objects/pack", ""),
        ("refs/heads/new", "nothing"),
    ],
)
async def test_a_branch_is_not_written_through_a_link(repo, delivery, pinned, tree, outside, where, to):
    replaced(repo.path / ".git" / where, outside / to)
    assert await refused(delivery.branch("run", pinned, tree, "m\n", "new", at=AT)) == "cannot_deliver"
    assert [path.name for path in outside.iterdir()] == ["file"]
    assert (outside / "file").read_text() == "theirs\n"


@pytest.mark.parametrize(
    ("where", "to"),
    [
        ("index", "file"),
        ("index.lock", "file"),
        ("index.lock", "nothing"),
        ("refs/heads/main.lock", "file"),
        ("logs/HEAD", "file"),
        ("logs/refs/heads/main", "file"),
    ],
)
async def test_a_commit_is_not_written_through_a_link(repo, delivery, pinned, tree, outside, where, to):
    place = repo.path / ".git" / where
    if where == "index":
        shutil.copy(place, outside / "file")
    before = (outside / "file").read_bytes()
    replaced(place, outside / to)
    assert await refused(delivery.commit("run", pinned, tree, "m\n", at=AT)) == "cannot_deliver"
    assert [path.name for path in outside.iterdir()] == ["file"]
    assert (outside / "file").read_bytes() == before
    assert repo.git("rev-parse", "refs/heads/main") == pinned.commit


async def test_files_are_not_written_through_a_link(repo, delivery, pinned, tree, outside):
    (repo.path / "deep").symlink_to(outside)
    assert await refused(delivery.commit("run", pinned, tree, "m\n", at=AT)) == "dirty_tree"
    assert [path.name for path in outside.iterdir()] == ["file"]
    assert (repo.path / "a.py").read_text() == "x = 1\n"


@pytest.mark.parametrize("where", ["refs/heads/new.lock", "index.lock", "refs/heads/main.lock"])
async def test_what_git_has_locked_is_left_alone(repo, delivery, pinned, tree, where):
    lock = repo.path / ".git" / where
    lock.write_text("somebody works here")
    new = "new" in where
    verb = (
        delivery.branch("run", pinned, tree, "m\n", "new", at=AT)
        if new
        else delivery.commit("run", pinned, tree, "m\n", at=AT)
    )
    assert await refused(verb) == "repository_locked"
    assert lock.read_text() == "somebody works here"
    lock.unlink()
    done = (
        delivery.branch("run", pinned, tree, "m\n", "new", at=AT)
        if new
        else delivery.commit("run", pinned, tree, "m\n", at=AT)
    )
    assert repo.git("rev-parse", f"{(await done).commit}^{{tree}}") == tree
    assert not list((repo.path / ".git").rglob("*.lock"))
    assert not list((repo.path / ".git").rglob(".signoff*"))


CRASH = """
import os, sys
from sandbox.source import find
from sandbox.source.updates import locked, opened
source = find(sys.argv[1])
for parts, name, what in (((), "index", "the index"), (("refs", "heads"), "main", "refs/heads/main")):
    with opened(source.git_dir, parts) as folder:
        kept = locked(os.dup(folder), name, "run", what)
        kept.__enter__()
        globals()[name] = kept
os._exit(9)
"""


async def test_a_lock_that_a_crash_left_behind_is_taken_up_again(repo, delivery, pinned, tree):
    repo.run([sys.executable, "-c", CRASH, str(repo.path)], status=9)
    assert {path.name for path in (repo.path / ".git").rglob("*.lock")} == {"index.lock", "main.lock"}
    done = await delivery.commit("run", pinned, tree, "m\n", at=AT)
    assert repo.git("rev-parse", "HEAD") == done.commit
    assert repo.git("status", "--porcelain") == ""
    assert not list((repo.path / ".git").rglob("*.lock"))


async def test_nobody_else_takes_up_our_lock(repo):
    source = find(str(repo.path))
    with index_lock(source, "one"), pytest.raises(Refused) as refusal, index_lock(source, "other"):
        pass
    assert refusal.value.stable_code == "repository_locked"


async def test_every_step_of_a_commit_can_be_the_last(repo, delivery, pinned, tree):
    """Files at one half, the index at the other, the branch at last: a repetition finishes all of them."""
    for path, text in (("a.py", "x = 2\nz = 3\n"), ("b.py", "y = 1\n")):
        repo.write(path, text)
    done = await delivery.commit("run", pinned, tree, "m\n", at=AT)
    assert repo.git("status", "--porcelain") == ""
    assert repo.git("rev-parse", "HEAD^{tree}") == tree
    assert (await delivery.commit("run", pinned, tree, "m\n", at=AT)).commit == done.commit


async def test_git_finds_everything_in_order(repo, delivery, pinned, tree):
    done = await delivery.commit("run", pinned, tree, "A message\n", at=AT)
    repo.git("fsck", "--strict")
    assert repo.git("reflog", "--format=%H %gs").splitlines()[0] == f"{done.commit} signoff: deliver"
    assert repo.git("log", "-g", "-1", "--format=%H", "main") == done.commit
    assert (repo.path / "run.sh").readlink() == Path("a.py")
    assert os.access(repo.path / "deep" / "er" / "new", os.X_OK)
    assert not (repo.path / "kept.log").exists()
    repo.git("checkout", "--quiet", "HEAD~1")
    repo.git("checkout", "--quiet", "main")
    assert repo.git("status", "--porcelain") == ""


async def test_a_detached_head_and_a_linked_work_tree(repo, delivery, store, pinned, tree, tmp_path):
    other = tmp_path / "linked"
    repo.git("worktree", "add", "--quiet", "--detach", str(other), pinned.commit)
    there = await store.pin("run", str(other))
    assert (there.repo, there.head, there.dirty) == (str(other), None, False)
    done = await delivery.commit("run", there, tree, "m\n", at=AT)
    assert repo.git("-C", str(other), "rev-parse", "HEAD") == done.commit
    assert repo.git("rev-parse", "main") == pinned.commit
    assert repo.git("-C", str(other), "status", "--porcelain") == ""


async def test_packed_refs_count(repo, delivery, pinned, tree):
    repo.git("branch", "taken")
    repo.git("branch", "folder/below")
    repo.git("pack-refs", "--all")
    for name in ("taken", "folder", "taken/below"):
        assert await refused(delivery.branch("run", pinned, tree, "m\n", name, at=AT)) == "branch_exists"
    done = await delivery.commit("run", pinned, tree, "m\n", at=AT)
    assert repo.git("rev-parse", "main") == done.commit


async def test_folders_of_branches_that_are_gone_are_not_in_the_way(repo, delivery, pinned, tree):
    (repo.path / ".git" / "refs" / "heads" / "was" / "deep").mkdir(parents=True)
    done = await delivery.branch("run", pinned, tree, "m\n", "was", at=AT)
    assert repo.git("rev-parse", "was") == done.commit


async def test_windows_line_ends_stay(repo, delivery, store, tree):
    """``core.autocrlf``: the files of the checkout have other line ends than the commit."""
    repo.git("config", "core.autocrlf", "true")
    for path in ("a.py", ".gitignore"):
        (repo.path / path).unlink()
    repo.git("checkout", "--", "a.py", ".gitignore")
    assert (repo.path / "a.py").read_bytes() == b"x = 1\r\n"
    pinned = await store.pin("run", str(repo.path))
    assert not pinned.dirty
    await delivery.commit("run", pinned, tree, "m\n", at=AT)
    assert (repo.path / "a.py").read_bytes() == b"x = 2\r\nz = 3\r\n"
    assert repo.git("status", "--porcelain") == ""


async def test_what_a_filter_made_is_not_taken_for_a_change_and_not_run_over(repo, delivery, store, tree):
    repo.git("config", "filter.up.smudge", "tr a-z A-Z")
    repo.git("config", "filter.up.clean", "tr A-Z a-z")
    (repo.path / ".git" / "info").mkdir(exist_ok=True)
    (repo.path / ".git" / "info" / "attributes").write_text("a.py filter=up\n")
    (repo.path / "a.py").unlink()
    repo.git("checkout", "--", "a.py")
    repo.git("update-index", "--refresh")
    assert (repo.path / "a.py").read_text() == "X = 1\n"
    os.utime(repo.path / "a.py", (1_700_000_000, 1_700_000_000))
    repo.git("update-index", "--refresh")
    pinned = await store.pin("run", str(repo.path))
    assert not pinned.dirty
    assert await refused(delivery.commit("run", pinned, tree, "m\n", at=AT)) == "cannot_deliver"
    assert (repo.path / "a.py").read_text() == "X = 1\n"


async def test_a_pointer_of_lfs_is_its_file(repo, store, tmp_path):
    data = b"large\n" * 1_000
    pointer = (
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{hashlib.sha256(data).hexdigest()}\nsize {len(data)}\n"
    )
    repo.write("big.bin", pointer)
    repo.commit("pointer")
    repo.write("big.bin", data)
    assert not (await store.pin("r", str(repo.path))).dirty
    repo.write("big.bin", data + b"more")
    assert (await Store(tmp_path / "second").pin("r", str(repo.path))).dirty


@pytest.mark.parametrize("how", ["split", "sparse"])
async def test_an_index_that_cannot_be_written_anew_says_what_to_do(repo, delivery, store, tree, how):
    if how == "split":
        repo.git("update-index", "--split-index")
    else:
        repo.write("other/deep/x", "x\n")
        repo.commit("more")
        repo.git("sparse-checkout", "set", "--cone", "--sparse-index", "deep")
    pinned = await store.pin("run", str(repo.path))
    assert not pinned.dirty
    target = tree if how == "split" else pinned.tree
    verb = delivery.commit("run", pinned, target, "m\n", at=AT)
    assert await refused(verb) == "cannot_deliver"
    done = await delivery.branch("run", pinned, target, "m\n", "new", at=AT)
    assert repo.git("rev-parse", "new") == done.commit


async def test_files_that_a_sparse_checkout_leaves_out_stay_out(repo, delivery, store, pinned, tree):
    repo.write("deep/old", "o\n")
    base = repo.commit("deep")
    repo.git("sparse-checkout", "set", "--no-cone", "/*", "!/deep/")
    assert not (repo.path / "deep").exists()
    at = await store.pin("run", str(repo.path))
    assert (at.commit, at.dirty) == (base, False)
    repo.git("sparse-checkout", "disable")
    repo.write("deep/old", "new\n")
    repo.write("a.py", "x = 5\n")
    repo.commit("wanted")
    wanted = repo.git("rev-parse", "HEAD^{tree}")
    await store.pin("run", str(repo.path))
    repo.git("reset", "--quiet", "--hard", base)
    repo.git("sparse-checkout", "set", "--no-cone", "/*", "!/deep/")
    await delivery.commit("run", at, wanted, "m\n", at=AT)
    assert not (repo.path / "deep").exists()
    assert (repo.path / "a.py").read_text() == "x = 5\n"
    assert repo.git("status", "--porcelain") == ""


async def test_a_file_becomes_a_folder_and_back(repo, delivery, store, pinned):
    (repo.path / "a.py").unlink()
    repo.write("a.py/inner", "i\n")
    repo.commit("folder")
    folder = repo.git("rev-parse", "HEAD^{tree}")
    await store.pin("run", str(repo.path))
    repo.git("reset", "--quiet", "--hard", pinned.commit)
    done = await delivery.commit("run", pinned, folder, "m\n", at=AT)
    assert (repo.path / "a.py" / "inner").read_text() == "i\n"
    assert repo.git("status", "--porcelain") == ""
    again = await store.pin("back", str(repo.path))
    assert again.commit == done.commit
    await store.pin("back", str(repo.path), pinned.commit)
    back = await store.pin("back", str(repo.path))
    await delivery.commit("back", back, pinned.tree, "m\n", at=AT)
    assert (repo.path / "a.py").read_text() == "x = 1\n"
    assert repo.git("status", "--porcelain") == ""


async def test_a_folder_of_the_users_is_not_taken_for_a_file(repo, delivery, pinned, tree):
    repo.write("b.py/mine", "mine\n")
    assert await refused(delivery.commit("run", pinned, tree, "m\n", at=AT)) == "dirty_tree"
    assert (repo.path / "b.py" / "mine").read_text() == "mine\n"
