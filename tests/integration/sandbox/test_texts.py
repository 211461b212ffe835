"""A difference is shown in the characters of the files, while the patch stays what git applies, byte for byte."""

import pytest
from unidiff import PatchSet

from domain import CodeChange, FileEdit, NewFile
from risk import RiskEngine
from sandbox import Texts

FRENCH = "# Vérifie l'élève\ndef check(x):\n    return x\n\n\n# été\n"
BEFORE = {
    "latin.c": FRENCH.encode("latin-1"),
    "crlf.c": FRENCH.replace("\n", "\r\n").encode("cp1252"),
    "wide.txt": FRENCH.encode("utf-16"),
    "japan.txt": "これはテストです。\n合計\n".encode("shift_jis"),
    "mac.txt": b"one\rtwo\rthree\r",
    "plain.py": FRENCH.encode(),
    "mark.py": FRENCH.encode("utf-8-sig"),
    "picture.png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)),
    "odd name é.c": FRENCH.encode("latin-1"),
    "gone.c": FRENCH.encode("latin-1"),
    "last.c": FRENCH.encode("latin-1").rstrip(b"\n"),
}
CHANGE = CodeChange(
    files_to_create=(NewFile(path="new.c", content="# à côté\n"),),
    files_to_update=(
        *(
            FileEdit(path=name, search="return x", replace="return x  # déjà")
            for name in BEFORE
            if name[0] not in "gjmp"
        ),
        FileEdit(path="plain.py", search="return x", replace="return x  # déjà"),
        FileEdit(path="mark.py", search="return x", replace="return x  # déjà"),
        FileEdit(path="japan.txt", search="合計", replace="大きさ"),
        FileEdit(path="mac.txt", search="two", replace="zwei"),
    ),
    files_to_delete=("gone.c",),
)


@pytest.fixture
async def made(repo, store, workspaces):
    for name, data in BEFORE.items():
        repo.write(name, data)
    repo.write(".editorconfig", "[new.c]\ncharset = latin1\n")
    repo.commit()
    pinned = await store.pin("run", str(repo.path))
    workspace = await workspaces.open("run", pinned)
    await workspace.apply(CHANGE)
    await workspace.shell("printf x >>picture.png", timeout_s=30)
    return repo, store, pinned.tree, (await workspace.snapshot("1")).tree


async def test_both_renderings_are_of_the_same_change(made, tmp_path):
    repo, store, old, new = made
    patch, shown = await store.diff("run", old, new), await Texts(store, "run").diff(old, new)
    assert "�" not in patch + shown
    file = tmp_path / "patch"
    file.write_bytes(patch.encode())
    repo.git("apply", "--index", str(file))
    assert repo.git("write-tree") == new

    read = {found.path: found for found in PatchSet(f"{line}\n" for line in shown.split("\n")[:-1])}
    assert read.keys() == {*BEFORE, "new.c"}
    for name in BEFORE:
        if name[0] not in "gjmp" or name in {"plain.py", "mark.py"}:
            (added,), (removed,) = (
                [line.value.rstrip("\r\n") for hunk in read[name] for line in hunk if getattr(line, kind)]
                for kind in ("is_added", "is_removed")
            )
            assert (removed, added) == ("    return x", "    return x  # déjà"), name
    for line in (
        "+大きさ",
        "-合計",
        "-two\r",
        "+zwei\r",
        " one\r",
        "+# à côté",
        "-# été",
        "text: windows-1252",
        "text: cp932",
        "text: utf-16le with a byte order mark",
        "text: iso-8859-1",
    ):
        assert f"\n{line}\n" in shown, line
    assert shown.count("GIT binary patch") == 1, "the picture"
    assert "\\ No newline at end of file" in shown


async def test_texts_that_git_reads_are_shown_as_git_does(made, store):
    _, store, old, new = made
    patch, shown = await store.diff("run", old, new), await Texts(store, "run").diff(old, new)
    start = patch.index("diff --git a/plain.py")
    part = patch[start : patch.index("diff --git", start + 1)]
    assert part in shown


async def test_secrets_are_found_in_any_encoding(repo, store, workspaces):
    repo.write("conf.c", "// réglage\nx\n".encode("latin-1"))
    repo.commit()
    pinned = await store.pin("run", str(repo.path))
    workspace = await workspaces.open("run", pinned)
    secret = "ghp_" + "aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5"
    await workspace.apply(
        CodeChange(files_to_update=(FileEdit(path="conf.c", search="x", replace=f'clé = "{secret}"'),))
    )
    shown = await Texts(store, "run").diff(pinned.tree, (await workspace.snapshot("1")).tree)
    assert RiskEngine().secrets(shown)


async def test_a_form_feed_is_no_reason_to_call_a_diff_unclear():
    head = "diff --git a/a.py b/a.py\nindex 1..2 100644\n--- a/a.py\n+++ b/a.py\n"
    diff = f"{head}@@ -1,2 +1,2 @@\n x\n-\fy = 1\n+\fy = 2\x0b\x85\u2028z\r\n"
    assert "delivery.unreadable" not in {reason.rule for reason in RiskEngine().delivery(diff, kind="patch").reasons}


async def test_views_and_declarations(repo, store):
    repo.write("a.txt", "да\n".encode("cp1251"))
    repo.write("b.txt", "Привет, мир! Это проверка текста.\n".encode("cp1251") * 3)
    repo.write("c.txt", "да\n".encode("koi8-r"))
    repo.write(".gitattributes", "c.txt encoding=KOI8-R\n")
    repo.write("p.png", b"\x89PNG\0")
    repo.commit()
    pinned = await store.pin("run", str(repo.path))
    views = await Texts(store, "run").views(pinned.tree, ["a.txt", "c.txt", "p.png", "nowhere"])
    assert views == {"a.txt": "да\n", "c.txt": "да\n"}
