"""An edit through a symbolic link changes the file it leads to, when that is inside, and says so."""

import pytest

from domain import CodeChange, FileEdit, NewFile, Refused
from tests.integration.sandbox.test_workspace import edits, say

SETUP = (
    "mkdir -p src/deep; echo x = 1 >src/real.py; ln -s src/real.py link.py; ln -s ../link.py src/again.py; "
    "ln -s src folder;"
    "ln -s /work/repo/src/real.py absolute.py; ln -s ../../etc out; ln -s nowhere dangling; ln -s b a; ln -s a b;"
    "ln -s .git g; ln -s a.py/x notdir; ln -s . here; ln -s src/deep/../real.py dots.py; ln -s /etc/hostname hosts;"
    "ln -s .git/../a.py through"
)


@pytest.fixture
async def workspace(workspaces, repo, store, pinned):
    opened = await workspaces.open("run", pinned)
    await say(opened, SETUP)
    return opened


@pytest.mark.parametrize(
    "path",
    [
        "link.py",
        "src/again.py",
        "folder/real.py",
        "folder/again.py",
        "absolute.py",
        "here/here/folder/real.py",
        "dots.py",
    ],
)
async def test_an_edit_through_a_link_edits_its_target(workspace, path):
    change = edits(FileEdit(path=path, search="x = 1", replace="x = 2"))
    assert (await workspace.resolved(change)).files_to_update[0].path == "src/real.py"
    assert await workspace.apply(change) == ("src/real.py",)
    assert await say(workspace, f"cat src/real.py; test -L {path.split('/')[0]} || echo gone") in {
        "x = 2\n",
        "x = 2\ngone\n",
    }
    assert await say(workspace, "test -L link.py && echo link") == "link\n"


async def test_a_whole_file_onto_a_link_and_below_a_linked_folder(workspace):
    change = CodeChange(
        files_to_create=(NewFile(path="link.py", content="y\n"), NewFile(path="folder/new/n.py", content="n\n"))
    )
    assert await workspace.apply(change) == ("src/real.py", "src/new/n.py")
    assert await say(workspace, "cat src/real.py src/new/n.py; readlink link.py folder") == "y\nn\nsrc/real.py\nsrc\n"


async def test_two_names_of_one_file_build_on_each_other(workspace):
    both = edits(
        FileEdit(path="link.py", search="1", replace="2"), FileEdit(path="folder/real.py", search="2", replace="3")
    )
    assert await workspace.apply(both) == ("src/real.py",)
    assert await say(workspace, "cat src/real.py") == "x = 3\n"


async def test_deleting_a_link_deletes_the_link(workspace):
    change = CodeChange(files_to_delete=("link.py", "folder/again.py", "dangling", "hosts"))
    assert set(await workspace.apply(change)) == {"link.py", "src/again.py", "dangling", "hosts"}
    assert (
        await say(workspace, "cat src/real.py; ls -d link.py src/again.py dangling hosts 2>/dev/null || echo gone")
        == "x = 1\ngone\n"
    )


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("out/passwd", "out of the repository"),
        ("dangling", "nowhere"),
        ("dangling/x", "nowhere"),
        ("a", "circles"),
        ("b/x", "circles"),
        ("g/config", ".git"),
        ("g", ".git"),
        ("hosts", "/etc/hostname"),
        ("through", ".git"),
        ("notdir", "nowhere"),
        ("here", "repository itself"),
    ],
)
async def test_a_link_that_leads_nowhere_good_is_refused(workspace, path, says):
    for change in (
        edits(FileEdit(path=path, search="x", replace="y")),
        edits(FileEdit(path=path, content="y")),
        CodeChange(files_to_create=(NewFile(path=path, content="y"),)),
    ):
        with pytest.raises(Refused) as refusal:
            await workspace.apply(change)
        assert refusal.value.stable_code == "link_refused"
        assert says in refusal.value.message
        assert refusal.value.hint


async def test_what_was_rated_is_what_is_written(workspace):
    rated = await workspace.resolved(edits(FileEdit(path="link.py", content="y\n")))
    await say(workspace, "rm src/real.py; ln -s ../a.py src/real.py")
    with pytest.raises(Refused) as refusal:
        await workspace.apply(rated, follow=False)
    assert refusal.value.stable_code == "link_refused"
    assert await say(workspace, "cat a.py") == "x = 1\n"


async def test_links_of_the_checkout_survive_a_snapshot(repo, store, workspaces):
    (repo.path / "link.py").symlink_to("a.py")
    repo.commit()
    pinned = await store.pin("other", str(repo.path))
    workspace = await workspaces.open("other", pinned)
    assert await workspace.apply(edits(FileEdit(path="link.py", search="1", replace="2"))) == ("a.py",)
    made = await workspace.snapshot("1")
    assert await store.changed("other", pinned.tree, made.tree) == ("a.py",)
