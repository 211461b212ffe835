"""Trees that we rewrite ourselves are the trees that git would have written."""

import asyncio
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import Refused
from domain.evidence import LeftOut
from sandbox.git import EXECUTABLE, FILE, FOLDER, SUBMODULE, TreeEntry, create, write_object
from sandbox.workspace.deliverable import left_out
from sandbox.workspace.tree_edits import (
    Difference,
    Unsound,
    differences,
    entry_of,
    folders,
    formatted,
    parsed,
    rewritten,
)

NAMES = st.sampled_from(["a", "a.b", "a-b", "ab", "b", "é", "a b", "-x", '"q"'])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
FILES = st.dictionaries(PATHS, st.sampled_from([b"1", b"2", b""]), max_size=8)


def fits(files: dict[str, bytes]) -> bool:
    """No file stands where a folder is."""
    return not any(other.startswith(f"{path}/") for path in files for other in files)


def by_git(folder: Path, files: dict[str, bytes]) -> str:
    """The tree of these files, written by git through an index."""
    git = ["git", f"--git-dir={folder}", "-c", "core.bare=false"]
    env = {"GIT_INDEX_FILE": str(folder / "index"), "PATH": "/usr/bin:/bin"}
    (folder / "index").unlink(missing_ok=True)
    lines = [f"100644 {write_object(folder, 'blob', data)}\t{path}\0" for path, data in files.items()]
    subprocess.run([*git, "update-index", "-z", "--index-info"], input="".join(lines).encode(), env=env, check=True)
    return subprocess.run([*git, "write-tree"], env=env, check=True, capture_output=True, text=True).stdout.strip()


@given(before=FILES.filter(fits), wanted=st.dictionaries(PATHS, st.none() | st.just(b"new"), min_size=1, max_size=5))
@settings(max_examples=40, deadline=None)
def test_a_tree_is_rewritten_as_git_would(before: dict[str, bytes], wanted: dict[str, bytes | None]) -> None:
    kept = {path: data for path, data in before.items() if path not in wanted}
    after = {**kept, **{path: data for path, data in wanted.items() if data is not None}}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        create(folder)
        base = by_git(folder, before)
        entries = {
            path.encode(): None if data is None else TreeEntry(FILE, write_object(folder, "blob", data))
            for path, data in wanted.items()
        }
        found = asyncio.run(folders(folder, base, entries))
        for path in wanted:
            assert (entry_of(found, path.encode()) or TreeEntry(FOLDER, "")).mode == (
                FILE if path in before else FOLDER
            )
        if not fits(after):
            with pytest.raises(Refused):
                rewritten(folder, found, entries)
            return
        tree = rewritten(folder, found, entries)
        assert tree == by_git(folder, after)
        seen = asyncio.run(differences(folder, base, tree, tree, lambda _: True))
        assert not any(entry.is_folder for each in seen for entry in (each.old, each.new) if entry)
        named = [each.path.decode() for each in seen]
        assert set(named) == {path for path in {*before, *after} if before.get(path) != after.get(path)}
        assert len(set(named)) == len(named)
        outside = asyncio.run(differences(folder, base, tree, tree))
        assert {each.path for each in outside if each.old} == {each.path for each in seen if each.old}


@given(
    st.dictionaries(
        st.binary(min_size=1, max_size=8).filter(lambda n: b"\0" not in n and b"/" not in n),
        st.sampled_from([FILE, EXECUTABLE, FOLDER]),
    )
)
def test_a_tree_is_read_as_it_was_written(modes: dict[bytes, bytes]) -> None:
    entries = {name: TreeEntry(mode, "ab" * 20) for name, mode in modes.items()}
    assert parsed(formatted(entries)) == entries


def test_by_force_a_file_makes_room_for_a_folder_and_a_folder_for_a_file(tmp_path: Path) -> None:
    create(tmp_path)
    base = by_git(tmp_path, {"a": b"1", "b/c": b"2", "b/d": b"3"})
    new = TreeEntry(FILE, write_object(tmp_path, "blob", b"new"))
    wanted = {b"a/x": new, b"b": new}
    found = asyncio.run(folders(tmp_path, base, wanted))
    with pytest.raises(Refused):
        rewritten(tmp_path, found, wanted)
    assert rewritten(tmp_path, found, wanted, force=True) == by_git(tmp_path, {"a/x": b"new", "b": b"new"})


def difference(path: str, old: bytes | None, new: bytes | None, *, ignored: bool = False) -> Difference:
    entries = (TreeEntry(mode, "0" * 40) if mode else None for mode in (old, new))
    return Difference(path.encode(), *entries, ignored=ignored)


def test_what_is_left_out_is_named_once_and_what_git_would_see_comes_first() -> None:
    found = (
        difference("build", None, FOLDER, ignored=True),
        difference("src/a.py", FILE, EXECUTABLE),
        difference("src/__pycache__", None, FOLDER),
        difference("gone", FILE, None),
        difference("lib", SUBMODULE, None),
        difference("mixed", None, FOLDER),
        difference("a.log", None, FILE, ignored=True),
    )
    assert left_out(found) == (
        LeftOut(path="gone", how="deleted"),
        LeftOut(path="mixed/", how="new"),
        LeftOut(path="src/a.py", how="changed"),
        LeftOut(path="a.log", how="ignored"),
        LeftOut(path="build/", how="ignored"),
    )


def test_a_tree_that_names_itself_a_million_times_is_not_walked(tmp_path: Path) -> None:
    create(tmp_path)
    base = by_git(tmp_path, {"gen/a": b"1"})
    tree = by_git(tmp_path, {"f": b"x"})
    for _ in range(12):
        entries = {f"d{n}".encode(): TreeEntry(FOLDER, tree) for n in range(12)}
        tree = write_object(tmp_path, "tree", formatted(entries))
    found = asyncio.run(differences(tmp_path, base, tree, tree))
    assert len(found) == 13
    with pytest.raises(Unsound):
        asyncio.run(differences(tmp_path, base, tree, tree, lambda _: True))


def test_a_folder_that_is_a_file_is_noticed(tmp_path: Path) -> None:
    create(tmp_path)
    blob = write_object(tmp_path, "blob", b"x")
    base = by_git(tmp_path, {"gen/a": b"1"})
    for lie in (blob, "1" * 40):
        tree = write_object(tmp_path, "tree", formatted({b"gen": TreeEntry(FOLDER, lie)}))
        with pytest.raises(Unsound):
            asyncio.run(differences(tmp_path, base, tree, tree))


def test_an_old_mode_is_a_file_like_any_other(tmp_path: Path) -> None:
    create(tmp_path)
    blob = write_object(tmp_path, "blob", b"x")
    old = write_object(
        tmp_path, "tree", formatted({b"a": TreeEntry(b"100664", blob), b"b": TreeEntry(b"100775", blob)})
    )
    new = write_object(tmp_path, "tree", formatted({b"a": TreeEntry(FILE, blob), b"b": TreeEntry(FILE, blob)}))
    assert [each.path for each in asyncio.run(differences(tmp_path, old, new, new))] == [b"b"]
