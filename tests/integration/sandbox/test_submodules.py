"""Submodules come from the user's checkout, or are said to be missing; nothing of theirs is ever run or changed."""

import shutil

import pytest

from domain import CodeChange, FileEdit, NewFile, Refused
from sandbox.workspace.submodules import bring, gitlinks, holding, names
from tests.integration.sandbox.conftest import Repo
from tests.integration.sandbox.test_workspace import edits, say


def made(path) -> Repo:
    path.mkdir()
    repo = Repo(path)
    repo.git("init", "--quiet", "--initial-branch=main")
    return repo


@pytest.fixture
def linked(tmp_path, repo) -> Repo:
    """The repository with the submodule ``libs/inner``, which has one of its own."""
    deep = made(tmp_path / "deep")
    deep.write("deep.py", "deep = 1\n")
    deep.commit()
    inner = made(tmp_path / "inner")
    inner.write("inner.py", "inner = 1\n")
    allow = ("-c", "protocol.file.allow=always")
    inner.git(*allow, "submodule", "--quiet", "add", str(deep.path), "deep")
    inner.commit()
    repo.git(*allow, "submodule", "--quiet", "add", "--name", "named", str(inner.path), "libs/inner")
    repo.git(*allow, "submodule", "--quiet", "update", "--init", "--recursive")
    repo.commit()
    return repo


async def test_submodules_are_filled_from_the_checkout(linked, store, workspaces):
    pinned = await store.pin("run", str(linked.path))
    found = await bring(store, "run", pinned)
    assert [(each.path, each.present) for each in found] == [("libs/inner", True), ("libs/inner/deep", True)]
    workspace = await workspaces.open("run", pinned)
    assert await say(workspace, "cat libs/inner/inner.py libs/inner/deep/deep.py") == "inner = 1\ndeep = 1\n"
    await say(workspace, "echo changed >libs/inner/inner.py; echo new >libs/inner/new; echo 2 >a.py")
    one = await workspace.snapshot("1")
    assert await store.changed("run", pinned.tree, one.tree) == ("a.py",)
    await workspace.restore(store.whole("run", pinned.tree))
    assert await say(workspace, "cat a.py libs/inner/inner.py; ls libs/inner") == "x = 1\ninner = 1\ndeep\ninner.py\n"
    proof = await workspaces.verify("run", one.tree, "cat a.py libs/inner/deep/deep.py", timeout_s=60)
    assert proof.stdout.text() == "2\ndeep = 1\n"
    await store.fork("run", "again")
    other = await workspaces.open("again", pinned)
    assert await say(other, "cat libs/inner/inner.py") == "inner = 1\n"


async def test_a_folder_that_was_tidied_away_is_still_linked_to(linked, store, workspaces):
    pinned = await store.pin("run", str(linked.path))
    await bring(store, "run", pinned)
    workspace = await workspaces.open("run", pinned)
    await say(workspace, "rm -rf libs; echo 2 >a.py")
    one = await workspace.snapshot("1")
    assert await store.changed("run", pinned.tree, one.tree) == ("a.py",)
    await say(workspace, "mkdir -p libs/inner/.git libs/inner/x; echo file >libs/inner/x/y")
    assert await store.changed("run", pinned.tree, (await workspace.snapshot("2")).tree) == ("a.py",)


@pytest.mark.parametrize(
    "path", ["libs/inner", "libs/inner/inner.py", "libs/inner/new.py", "libs/inner/deep/deep.py", "way/inner.py"]
)
async def test_what_is_in_a_submodule_is_not_edited(linked, store, workspaces, path):
    pinned = await store.pin("run", str(linked.path))
    await bring(store, "run", pinned)
    workspace = await workspaces.open("run", pinned)
    await say(workspace, "ln -s libs/inner way")
    for change in (
        edits(FileEdit(path=path, content="y")),
        CodeChange(files_to_create=(NewFile(path=path, content="y"),)),
        CodeChange(files_to_delete=(path,)),
    ):
        with pytest.raises(Refused) as refusal:
            await workspace.apply(change)
        assert refusal.value.stable_code == "submodule_refused"
        assert "libs/inner" in refusal.value.message


async def test_what_is_not_there_is_said_with_the_way_to_get_it(linked, store, workspaces):
    linked.git("submodule", "deinit", "--force", "--all")
    shutil.rmtree(linked.path / ".git" / "modules")
    pinned = await store.pin("run", str(linked.path))
    (only,) = await bring(store, "run", pinned)
    assert not only.present
    assert "git submodule update --init --recursive libs/inner" in str(only)
    workspace = await workspaces.open("run", pinned)
    assert await say(workspace, "ls libs/inner; echo 2 >a.py") == ""
    assert await store.changed("run", pinned.tree, (await workspace.snapshot("1")).tree) == ("a.py",)


async def test_a_commit_that_the_checkout_lacks_is_absent(linked, store):
    linked.git("update-index", "--cacheinfo", f"160000,{'1' * 40},libs/inner")
    linked.git("commit", "--quiet", "--message", "moved")
    pinned = await store.pin("run", str(linked.path))
    (only,) = await bring(store, "run", pinned)
    assert (only.present, only.commit) == (False, "1" * 40)


async def test_a_deinitialised_submodule_comes_from_the_modules_that_are_kept(linked, store):
    linked.git("submodule", "deinit", "--force", "--all")
    pinned = await store.pin("run", str(linked.path))
    assert [each.present for each in await bring(store, "run", pinned)] == [True, True]


async def test_another_work_tree_has_its_submodules_too(linked, store, tmp_path):
    linked.git("worktree", "add", "--quiet", str(tmp_path / "second"))
    pinned = await store.pin("run", str(tmp_path / "second"))
    assert [each.present for each in await bring(store, "run", pinned)] == [True, True]


async def test_a_submodule_outside_of_the_checkout_is_not_read(linked, store, tmp_path):
    secret = made(tmp_path / "secret")
    secret.write("key", "k\n")
    commit = secret.commit()
    shutil.rmtree(linked.path / ".git" / "modules")
    (linked.path / "libs" / "inner" / ".git").write_text(f"gitdir: {secret.path}/.git\n")
    linked.git("update-index", "--cacheinfo", f"160000,{commit},libs/inner")
    tree = linked.git("write-tree")
    linked.git("update-ref", "HEAD", linked.git("commit-tree", tree, "-m", "evil"))
    pinned = await store.pin("run", str(linked.path))
    assert [each.present for each in await bring(store, "run", pinned)] == [False]


async def test_no_configuration_of_a_submodule_is_read(linked, store, tmp_path):
    mark, pinned = tmp_path / "ran", await store.pin("run", str(linked.path))
    for config in (linked.path / ".git" / "modules").rglob("config"):
        config.write_text(f'[core]\n\tfsmonitor = "touch {mark}"\n[include]\n\tpath = /nowhere\n[broken')
    found = await bring(store, "run", pinned)
    assert [each.present for each in found] == [True, True]
    assert not mark.exists()


def test_modules_are_read_as_data():
    evil = '[submodule "../../evil"]\n\tpath = b\n[core]\n\tpath = c\n'
    text = f'[submodule "a"]\n\tpath = libs/a\n\turl = x\n{evil}[submodule "q\\"d"]\n path="d"\n'
    assert names(text) == {"libs/a": "a", "d": 'q"d'}
    assert names('[submodule "' + "\\\\" * 100_000) == {}


def test_links_are_read_from_a_tree():
    listed = b"100644 blob " + b"a" * 40 + b"\tf\x00160000 commit " + b"b" * 40 + b"\tlibs/a b\0"
    assert gitlinks(listed) == {"libs/a b": "b" * 40}
    assert holding("libs/a b/x", gitlinks(listed)) == "libs/a b"
    assert holding("libs/a bc", gitlinks(listed)) is None
