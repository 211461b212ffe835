"""What is delivered is the base and the edits that were asked for, whatever commands do to the workspace."""

import pytest

from domain import CodeChange, FileEdit, NewFile, Refused
from domain.evidence import LeftOut
from sandbox import Deliverable
from tests.integration.sandbox.test_workspace import edits, say

LITTER = (
    "echo r >report.xml; echo 42 >state.json; mkdir -p node_modules/dep build; echo j >node_modules/dep/index.js;"
    " echo b >build/out; touch .DS_Store core.1234; mkdir -p __pycache__; touch __pycache__/a.pyc; rm fixture;"
    " chmod -x run.sh; rm a.py; ln -s run.sh a.py"
)


@pytest.fixture
async def base(repo, store):
    repo.write("state.json", "1\n")
    repo.write("fixture", "f\n")
    repo.commit("more")
    return await store.pin("run", str(repo.path))


@pytest.fixture
async def work(workspaces, store, base):
    workspace = await workspaces.open("run", base)
    return Deliverable(store, "run", workspace, await workspace.snapshot("base"))


async def reopened(workspaces, store, base, snapshot):
    return Deliverable(store, "run", await workspaces.open("run", base, snapshot), snapshot)


async def changed(store, base, tree):
    return set(await store.changed("run", base.tree, tree))


async def test_what_commands_leave_behind_is_not_delivered(workspaces, store, base, work):
    await work.apply(edits(FileEdit(path="new.py", content="n\n")))
    await say(work.workspace, LITTER)
    snapshot = await work.snapshot("1")
    assert await changed(store, base, snapshot.tree) == {"new.py"}
    assert snapshot.left_out == (
        LeftOut(path=".DS_Store", how="new"),
        LeftOut(path="a.py", how="changed"),
        LeftOut(path="core.1234", how="new"),
        LeftOut(path="fixture", how="deleted"),
        LeftOut(path="node_modules/", how="new"),
        LeftOut(path="report.xml", how="new"),
        LeftOut(path="run.sh", how="changed"),
        LeftOut(path="state.json", how="changed"),
        LeftOut(path="build/", how="ignored"),
    )
    again = await reopened(workspaces, store, base, snapshot)
    assert await say(again.workspace, "cat state.json fixture a.py node_modules/dep/index.js new.py; ./run.sh") == (
        "1\nf\nx = 1\nj\nn\nhi\n"
    )
    assert (await again.snapshot("2")).tree == snapshot.tree


async def test_a_lost_sandbox_comes_back_with_what_is_delivered_and_what_later_steps_need(
    workspaces, store, base, work
):
    await work.apply(edits(FileEdit(path="a.py", search="1", replace="2")))
    await say(work.workspace, LITTER)
    snapshot = await work.snapshot("1")
    await workspaces.drop("run")
    again = await reopened(workspaces, store, base, snapshot)
    assert await say(again.workspace, "cat a.py state.json build/out; test ! -e __pycache__ && echo clean") == (
        "x = 2\n1\nb\nclean\n"
    )


async def test_what_was_not_saved_did_not_happen(workspaces, store, base, work):
    """A crash between applying and saving: the attempt is made again from the snapshot before it."""
    saved = await work.snapshot("1")
    await work.apply(edits(FileEdit(path="a.py", search="1", replace="2")))
    await say(work.workspace, LITTER)
    again = await reopened(workspaces, store, base, saved)
    assert await again.apply(edits(FileEdit(path="a.py", search="1", replace="3"))) == ("a.py",)
    assert await store.read("run", (await again.snapshot("2")).tree, "a.py") == b"x = 3\n"


async def test_an_edit_counts_from_what_is_delivered_not_from_what_a_command_made_of_it(store, work):
    await say(work.workspace, "echo 'x =  1  # formatted' >a.py; rm run.sh")
    change = edits(
        FileEdit(path="a.py", search="x = 1", replace="x = 2"), FileEdit(path="run.sh", search="hi", replace="ho")
    )
    assert await work.apply(change) == ("a.py", "run.sh")
    assert await say(work.workspace, "cat a.py; ./run.sh") == "x = 2\nho\n"
    snapshot = await work.snapshot("1")
    assert await store.read("run", snapshot.tree, "a.py") == b"x = 2\n"
    assert snapshot.left_out == ()


@pytest.mark.parametrize(
    "way", ["rm a.py; mkdir -p a.py/x; touch a.py/x/y", "rm a.py; ln -s run.sh a.py", "rm a.py; mkfifo a.py"]
)
async def test_what_a_command_put_in_the_way_of_an_edit_makes_room(store, work, way):
    await say(work.workspace, f"{way}; ln -s /tmp pkg; mkdir locked; chmod 555 locked")
    change = edits(
        FileEdit(path="a.py", search="1", replace="2"),
        FileEdit(path="pkg/b.py", content="b"),
        FileEdit(path="locked/c.py", content="c"),
    )
    assert await work.apply(change) == ("a.py", "pkg/b.py", "locked/c.py")
    assert await say(work.workspace, "cat a.py pkg/b.py locked/c.py; ls -A /tmp/b.py 2>/dev/null") == "x = 2\nbc"
    assert (await work.snapshot("1")).left_out == ()


async def test_an_ignored_file_that_the_change_itself_adds_is_delivered(workspaces, store, base, work):
    await work.apply(edits(FileEdit(path="build/app.js", content="js\n"), FileEdit(path="kept.log", content="k\n")))
    await say(work.workspace, "echo more >build/other")
    snapshot = await work.snapshot("1")
    assert await changed(store, base, snapshot.tree) == {"build/app.js", "kept.log"}
    assert snapshot.left_out == (LeftOut(path="build/other", how="ignored"),)
    ran = await workspaces.verify("run", snapshot.tree, "cat build/app.js; ls build", timeout_s=20)
    assert ran.stdout.text() == "js\napp.js\n"


async def test_what_a_change_names_as_outputs_of_its_commands_is_kept(store, base, work):
    change = CodeChange(
        files_to_create=(NewFile(path="tool", content="#!/bin/sh\n"),),
        cmd_outputs=("lock.json", "./gen/", "tool", "fixture", "build/keep", "a.py", "nothing"),
    )
    await work.apply(change)
    await say(
        work.workspace,
        "echo l >lock.json; mkdir -p gen/deep gen/__pycache__ build; echo g >gen/deep/g.py; echo x >gen/x.log;"
        " touch gen/__pycache__/g.pyc; chmod +x tool; rm fixture; echo k >build/keep; echo no >build/no; echo r >r.xml;"
        " rm a.py; ln -s run.sh a.py; git init -q gen/nested; touch gen/nested/f",
    )
    taken, missing = await work.keep(change.cmd_outputs)
    assert set(taken) == {"lock.json", "gen/deep/g.py", "tool", "fixture", "build/keep", "a.py"}
    assert missing == ("nothing",)
    await say(work.workspace, "echo later >gen/later; echo later >lock.json")
    snapshot = await work.snapshot("1")
    assert await changed(store, base, snapshot.tree) == {
        "lock.json",
        "gen/deep/g.py",
        "tool",
        "fixture",
        "build/keep",
        "a.py",
    }
    assert await store.read("run", snapshot.tree, "lock.json") == b"l\n"
    assert await store.read("run", snapshot.tree, "a.py") == b"run.sh"
    assert "new file mode 100755" in await store.diff("run", base.tree, snapshot.tree)
    assert {(each.path, each.how) for each in snapshot.left_out} == {
        ("gen/later", "new"),
        ("r.xml", "new"),
        ("lock.json", "changed"),
        ("build/no", "ignored"),
        ("gen/x.log", "ignored"),
    }


@pytest.mark.parametrize("path", [".", "/", "..", "/etc/passwd", ".git/config", "gen/../../x", ".git", "sub/.git/"])
async def test_an_output_lies_in_the_checkout(work, path):
    with pytest.raises(Refused) as refusal:
        await work.apply(CodeChange(cmd_outputs=(path,), files_to_delete=("a.py",)))
    assert refusal.value.stable_code == "path_refused"
    assert await say(work.workspace, "cat a.py") == "x = 1\n"


async def test_no_edit_goes_through_a_link_or_over_a_folder_and_one_that_fails_changes_nothing(repo, store, workspaces):
    (repo.path / "link").symlink_to("/tmp")
    (repo.path / "tolink").symlink_to("a.py")
    repo.write("pkg/m.py", "m\n")
    repo.commit("links")
    pinned = await store.pin("links", str(repo.path))
    workspace = await workspaces.open("links", pinned)
    work = Deliverable(store, "links", workspace, await workspace.snapshot("base"))
    for path in (
        "link/x",
        "tolink",
        "a.py/below",
        "pkg",
        "a\nb",
        "x" * 300,
        ".g\u200cit/hooks/x",
        "git~1/x",
        "p/.GIT /x",
    ):
        with pytest.raises(Refused) as refusal:
            await work.apply(edits(FileEdit(path="new.py", content="n"), FileEdit(path=path, content="x")))
        assert refusal.value.stable_code == "path_refused", path
    assert work.tree == pinned.tree
    assert await say(workspace, "ls") == "a.py\nkept.log\nlink\npkg\nrun.sh\ntolink\n"
    gone = CodeChange(
        files_to_create=(NewFile(path="a.py/now.py", content="a folder\n"), NewFile(path="pkg", content="a file\n")),
        files_to_delete=("tolink", "a.py", "pkg/m.py"),
    )
    await work.apply(gone)
    assert await say(workspace, "ls; cat pkg a.py/now.py") == "a.py\nkept.log\nlink\npkg\nrun.sh\na file\na folder\n"
    snapshot = await work.snapshot("1")
    assert snapshot.left_out == ()
    assert await store.changed("links", pinned.tree, snapshot.tree) == (
        "a.py",
        "a.py/now.py",
        "pkg",
        "pkg/m.py",
        "tolink",
    )


async def test_a_tree_without_files_can_be_delivered(store, base, work):
    names = await store.files("run", base.tree)
    await work.apply(CodeChange(files_to_delete=names))
    snapshot = await work.snapshot("1")
    assert await store.files("run", snapshot.tree) == ()


async def test_a_spoiled_workspace_changes_nothing_of_what_is_delivered(store, base, work):
    """What runs there may write its own index and objects: the tree is made where it cannot reach."""
    await work.apply(edits(FileEdit(path="a.py", search="1", replace="2")))
    await say(
        work.workspace,
        "echo evil >evil.py; cd /work/.signoff/git && rm -f index && cp full index;"
        " printf '*\\n' >/work/repo/.gitignore",
    )
    snapshot = await work.snapshot("1")
    assert await changed(store, base, snapshot.tree) == {"a.py"}


async def test_a_change_makes_a_file_executable_by_the_command_that_does(store, work, base):
    """Of an edited file, a new one and one that no edit touches, the bit is delivered where it is named."""
    await work.apply(
        CodeChange(
            files_to_create=(NewFile(path="new.sh", content="#!/bin/sh\necho new\n"),),
            files_to_update=(FileEdit(path="a.py", content="#\n"),),
        )
    )
    await say(work.workspace, "chmod +x new.sh a.py fixture; chmod -x run.sh")
    made, missing = await work.keep(("new.sh", "a.py", "run.sh"))
    assert (set(made), missing) == ({"new.sh", "a.py", "run.sh"}, ())
    snapshot = await work.snapshot("1")
    patch = await store.diff("run", base.tree, snapshot.tree)
    assert "new file mode 100755" in patch
    assert "old mode 100644\nnew mode 100755" in patch
    assert "old mode 100755\nnew mode 100644" in patch
    assert await say(work.workspace, "./new.sh; test -x a.py && echo x") == "new\nx\n"
