"""Files survive their sandbox: snapshots, the way back, lanes, and a clean checkout for the proof."""

import pytest

from domain import CodeChange, FileEdit, Refused


def edits(*changes: FileEdit) -> CodeChange:
    return CodeChange(files_to_update=changes)


async def say(workspace, line: str) -> str:
    ran = await workspace.shell(line, timeout_s=20)
    return ran.stdout.text() + ran.stderr.text()


async def test_a_checkout_has_exactly_the_bytes_of_the_tree(repo, store, workspaces):
    """No line ending is translated, no keyword expanded, no file left out."""
    repo.write(
        ".gitattributes",
        "*.txt text eol=crlf\n*.id ident\nhidden export-ignore\nv export-subst\n*.u working-tree-encoding=UTF-16\n",
    )
    contents = {
        "a.txt": b"one\r\ntwo\n",
        "b.id": b"$Id: x$",
        "hidden": b"h",
        "v": b"$Format:%H$",
        "bin": bytes(range(256)),
    }
    for name, data in contents.items():
        repo.write(name, data)
    repo.git("-c", "core.autocrlf=false", "-c", "core.attributesFile=/dev/null", "add", "--all")
    pinned = await store.pin("bytes", str(repo.path), repo.commit())
    workspace = await workspaces.open("bytes", pinned)
    for name in await store.files("bytes", pinned.tree):
        assert await workspace.read(name) == await store.read("bytes", pinned.tree, name), name
    assert (await workspace.snapshot("same")).tree == pinned.tree


async def test_tools_find_a_git_repository(workspaces, pinned):
    workspace = await workspaces.open("run", pinned)
    assert (
        await say(workspace, "git rev-parse HEAD; git status --short; git branch --show-current")
        == f"{pinned.commit}\nmain\n"
    )
    assert await say(workspace, "./run.sh; pwd") == "hi\n/work/repo\n"


async def test_a_snapshot_holds_what_would_be_delivered_and_what_would_be_missed(workspaces, pinned, store):
    workspace = await workspaces.open("run", pinned)
    await say(
        workspace,
        "echo new >new.py; mkdir build ~/.local; echo b >build/out; echo l >x.log; echo t >>kept.log;"
        " mkdir __pycache__; touch __pycache__/a.pyc; echo u >~/.local/tool; rm run.sh",
    )
    snapshot = await workspace.snapshot("1")
    assert await store.files("run", snapshot.tree) == (".gitignore", "__pycache__/a.pyc", "a.py", "kept.log", "new.py")
    assert (await store.read("run", snapshot.tree, "kept.log")).endswith(b"t\n")
    assert {"home/.local/tool", "repo/build/out", "repo/x.log"} <= set(await store.files("run", snapshot.full))
    assert "repo/__pycache__/a.pyc" not in await store.files("run", snapshot.full)
    assert set(await store.changed("run", pinned.tree, snapshot.tree)) == {
        "__pycache__/a.pyc",
        "kept.log",
        "new.py",
        "run.sh",
    }


async def test_nothing_new_is_nothing_to_save(workspaces, pinned):
    workspace = await workspaces.open("run", pinned)
    first = await workspace.snapshot("1")
    await workspace.run(["true"])
    second = await workspace.snapshot("2")
    assert (second.tree, second.full) == (first.tree, first.full)


async def test_the_way_back_leaves_nothing_behind(workspaces, pinned):
    workspace = await workspaces.open("run", pinned)
    await say(workspace, "mkdir build; echo kept >build/out; echo y >y.py; mkdir -p ~/.local; echo u >~/.local/tool")
    good = await workspace.snapshot("good")
    await say(
        workspace,
        "rm -rf build a.py ~/.local; echo junk >junk; mkdir sub y; git init -q sub; echo z >~/z;"
        " mkdir locked; touch locked/x; chmod 555 locked; echo changed >run.sh; chmod -x run.sh;"
        " rm y.py; mkdir y.py",
    )
    await workspace.restore(good)
    assert await say(workspace, "ls; cat build/out a.py ~/.local/tool; ls -A ~; ./run.sh") == (
        "a.py\nbuild\nkept.log\nrun.sh\ny.py\nkept\nx = 1\nu\n.local\nhi\n"
    )
    assert (await workspace.snapshot("again")).full == good.full


async def test_a_change_of_the_same_size_in_the_same_second_is_seen(workspaces, pinned, store):
    workspace = await workspaces.open("run", pinned)
    trees = set()
    for n in range(4):
        await workspace.write("a.py", f"x = {n}\n".encode())
        snapshot = await workspace.snapshot(str(n))
        assert await store.read("run", snapshot.tree, "a.py") == f"x = {n}\n".encode()
        trees.add(snapshot.tree)
    assert len(trees) == 4


async def test_a_lost_sandbox_costs_nothing(workspaces, pinned):
    """G2, G3: a run that was dropped comes back with every byte, ignored files too."""
    workspace = await workspaces.open("run", pinned)
    await say(workspace, "mkdir build; head -c 3000000 /dev/urandom >build/big; sha256sum build/big >sum; echo 5 >a.py")
    snapshot = await workspace.snapshot("1")
    await workspaces.drop("run")
    again = await workspaces.open("run", pinned, snapshot)
    assert again.id != workspace.id
    assert "OK" in await say(again, "sha256sum -c sum")
    assert await say(again, "git status --short") == " M a.py\n?? sum\n"


async def test_a_warm_workspace_is_used_again_and_a_dead_one_replaced(workspaces, pinned):
    workspace = await workspaces.open("run", pinned)
    snapshot = await workspace.snapshot("1")
    assert await workspaces.open("run", pinned, snapshot) is workspace
    await workspace.write("junk", b"")
    assert await workspaces.open("run", pinned, snapshot) is workspace
    with pytest.raises(Refused):
        await workspace.read("junk")
    await workspace.close()
    again = await workspaces.open("run", pinned, snapshot)
    assert again is not workspace
    assert await again.read("a.py") == b"x = 1\n"


async def test_a_workspace_that_was_tampered_with_is_replaced(workspaces, pinned):
    workspace = await workspaces.open("run", pinned)
    snapshot = await workspace.snapshot("1")
    await say(workspace, "rm -rf /work/.signoff/git/objects; echo evil >a.py")
    again = await workspaces.open("run", pinned, snapshot)
    assert again is not workspace
    assert await again.read("a.py") == b"x = 1\n"


async def test_lanes_see_nothing_of_each_other(workspaces, pinned):
    main = await workspaces.open("run", pinned)
    await main.write("a.py", b"x = 2\n")
    snapshot = await main.snapshot("1")
    other = await workspaces.open("run", pinned, snapshot, lane="other")
    await other.write("a.py", b"x = 3\n")
    assert await main.read("a.py") == b"x = 2\n"
    theirs = await other.snapshot("2")
    await main.restore(theirs)
    assert await main.read("a.py") == b"x = 3\n"


async def test_the_proof_runs_on_a_clean_checkout(workspaces, pinned):
    """G5: nothing that lies around, and nothing that is ignored, can make it pass."""
    workspace = await workspaces.open("run", pinned)
    await say(workspace, "echo cheat >x.log; mkdir -p ~/.local; echo u >~/.local/tool; echo n >new")
    snapshot = await workspace.snapshot("1")
    ran = await workspaces.verify("run", snapshot.tree, "ls -A; ls -A ~; echo $V", timeout_s=20, env={"V": "v"})
    assert ran.ok
    assert ran.command == "ls -A; ls -A ~; echo $V"
    assert ran.stdout.text() == ".git\n.gitignore\na.py\nkept.log\nnew\nrun.sh\nv\n"


async def test_a_repository_inside_the_repository_is_left_out(workspaces, pinned, store):
    workspace = await workspaces.open("run", pinned)
    await say(
        workspace,
        "mkdir one two; (cd one; git init -q); echo n >new; cd two; git init -q; touch f; git add f; git commit -qm x",
    )
    snapshot = await workspace.snapshot("1")
    assert await store.changed("run", pinned.tree, snapshot.tree) == ("new",)


async def test_a_file_that_cannot_be_read_is_saved_all_the_same(workspaces, pinned, store):
    workspace = await workspaces.open("run", pinned)
    await say(workspace, "echo s >secret; chmod 000 secret")
    assert "secret" in await store.files("run", (await workspace.snapshot("1")).tree)
