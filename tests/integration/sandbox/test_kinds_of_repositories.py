"""Work trees, shallow and partial clones, clones of files by URL, folders, LFS: each works, or is named plainly."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import Refused
from sandbox import Store
from sandbox.environments import lfs_pointers
from sandbox.environments.lfs import lfs_paths
from tests.integration.sandbox.conftest import Repo

POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'a' * 64}\nsize 12345\n"


def cloned(repo: Repo, folder: Path, *options: str) -> Path:
    repo.git("config", "uploadpack.allowFilter", "true")
    subprocess.run(["git", "clone", "--quiet", *options, repo.path.as_uri(), folder], check=True, capture_output=True)
    return folder


async def read(store: Store, place: Path) -> bytes:
    pinned = await store.pin("run", str(place))
    return await store.read("run", pinned.tree, "a.py")


async def test_a_work_tree_beside_its_repository_is_read(repo, store, tmp_path):
    repo.git("worktree", "add", "--quiet", "-b", "other", str(tmp_path / "tree"))
    other = Repo(tmp_path / "tree")
    other.write("a.py", "x = 2\n")
    other.commit("on the other branch")
    assert await read(store, other.path) == b"x = 2\n"
    assert await read(Store(tmp_path / "own"), repo.path) == b"x = 1\n"


async def test_a_shallow_clone_is_enough(repo, store, tmp_path):
    repo.write("a.py", "x = 3\n")
    repo.commit("two")
    shallow = cloned(repo, tmp_path / "shallow", "--depth=1")
    assert (shallow / ".git" / "shallow").exists()
    assert await read(store, shallow) == b"x = 3\n"
    with pytest.raises(Refused) as refusal:
        await Store(tmp_path / "own").pin("run", str(shallow), "HEAD~1")
    assert refusal.value.stable_code == "unknown_revision"


async def test_a_partial_clone_that_was_checked_out_has_what_it_takes(repo, store, tmp_path):
    partial = cloned(repo, tmp_path / "partial", "--filter=blob:none")
    assert await read(store, partial) == b"x = 1\n"


async def test_a_partial_clone_that_lacks_files_is_named(repo, store, tmp_path):
    partial = cloned(repo, tmp_path / "partial", "--filter=blob:none", "--no-checkout")
    with pytest.raises(Refused) as refusal:
        await read(store, partial)
    assert refusal.value.stable_code == "repository_incomplete"
    assert "git" in refusal.value.hint


async def test_a_file_url_is_a_repository_of_this_machine(repo, store):
    pinned = await store.pin("run", repo.path.as_uri())
    assert await store.read("run", pinned.tree, "a.py") == b"x = 1\n"


async def test_a_folder_of_a_repository_is_what_it_is_about(repo, store):
    repo.write("packages/shop/pyproject.toml", "")
    repo.commit("a package")
    pinned = await store.pin("run", str(repo.path / "packages" / "shop"))
    assert pinned.folder == "packages/shop"
    focused = Store(store._root)
    assert focused.focus("run", "packages/other").folder == "packages/other"
    assert focused.pinned("run").folder == "packages/other"


async def test_pointers_of_lfs_are_named(repo, store):
    repo.write(".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n")
    repo.write("data/model.bin", POINTER)
    repo.write("data/real.bin", "bytes of its own")
    repo.write("notes.txt", POINTER)
    repo.git("-c", "filter.lfs.clean=cat", "add", "--all")
    repo.commit("with pointers")
    pinned = await store.pin("run", str(repo.path))
    paths = await store.files("run", pinned.tree)
    assert await lfs_pointers(store, "run", pinned.tree, paths) == ("data/model.bin",)


@pytest.mark.parametrize(
    ("line", "path", "matches"),
    [
        ("*.bin filter=lfs", "a/b.bin", True),
        ("/models/** filter=lfs", "models/a/b", True),
        ("models/*.pt filter=lfs", "other/a.pt", False),
        ("*.bin diff", "a.bin", False),
        ("# *.bin filter=lfs", "a.bin", False),
    ],
)
def test_patterns_of_attributes(line, path, matches):
    assert [*lfs_paths({".gitattributes": line}, [path])] == [path] * matches


@given(st.text(max_size=200), st.lists(st.text(max_size=30), max_size=5))
def test_no_attributes_break_it(text, paths):
    assert {*lfs_paths({".gitattributes": f"{text} filter=lfs"}, paths)} <= {*paths}
