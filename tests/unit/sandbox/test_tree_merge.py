"""Merging trees of the content store: nothing of either side is lost, and nothing is decided that nobody decided."""

import asyncio
import tempfile
import time
import tracemalloc
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.git import EXECUTABLE, FILE, LINK, TreeEntry, create, git, write_object
from sandbox.tree_merge import LARGEST, MergedTree, marks_left, merged
from sandbox.workspace.tree_edits import rewritten

Files = Mapping[str, bytes | tuple[bytes, bytes]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    create(tmp_path / "x.git")
    return tmp_path / "x.git"


def tree(folder: Path, files: Files) -> str:
    """A tree; a file by its bytes, or by its mode and bytes."""
    parts = {path: each if isinstance(each, tuple) else (FILE, each) for path, each in files.items()}
    entries = {p.encode(): TreeEntry(mode, write_object(folder, "blob", data)) for p, (mode, data) in parts.items()}
    return rewritten(folder, {}, entries)


async def merge(folder: Path, base: Files, ours: Files, theirs: Files) -> MergedTree:
    return await merged(folder, *(tree(folder, each) for each in (base, ours, theirs)))


async def files_of(folder: Path, name: str) -> dict[str, bytes]:
    names = (await git(folder, "ls-tree", "-r", "--name-only", name)).decode().splitlines()
    return {path: await git(folder, "cat-file", "blob", f"{name}:{path}") for path in names}


LINES = b"1\n2\n3\n4\n5\n6\n"


async def test_both_sides_are_in_it(folder: Path) -> None:
    base = {"a/x": LINES, "b": b"b", "gone": b"g", "c": b"c"}
    ours = {"a/x": LINES.replace(b"1", b"ONE"), "b": b"b", "gone": b"g", "new/ours": b"o"}
    theirs = {"a/x": LINES.replace(b"6", b"SIX"), "b": b"B", "c": b"c", "new/theirs": b"t"}
    both = await merge(folder, base, ours, theirs)
    assert both.conflicts == {}
    assert await files_of(folder, both.tree) == {
        "a/x": b"ONE\n2\n3\n4\n5\nSIX\n",
        "b": b"B",
        "new/ours": b"o",
        "new/theirs": b"t",
    }


async def test_where_lines_meet_both_are_shown_and_marked(folder: Path) -> None:
    both = await merge(folder, {"x": LINES}, {"x": LINES.replace(b"1", b"I")}, {"x": LINES.replace(b"1", b"uno")})
    text = both.conflicts["x"]
    assert text.startswith("<<<<<<< landed\nI\n||||||| before\n1\n=======\nuno\n>>>>>>> branch\n2\n")
    assert marks_left((await files_of(folder, both.tree))["x"])
    assert not marks_left(b"a <<<<<<< landed\n>>>>>>> branch\n")


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "word"),
    [
        ({"x": LINES}, {}, {"x": b"changed\n"}, "what landed deleted it"),
        ({"x": LINES}, {"x": b"changed\n"}, {}, "the branch deleted it"),
        ({"x": b"\0a"}, {"x": b"\0b"}, {"x": b"\0c"}, "binary"),
        ({"x": b"a"}, {"x": (LINK, b"/etc/passwd")}, {"x": b"b"}, "link"),
        ({}, {"x": b"file\n"}, {"x/below": b"b\n"}, "x was put there meanwhile"),
        ({}, {"x/below": b"b\n"}, {"x": b"file\n"}, "x/below was put there meanwhile"),
    ],
)
async def test_what_nobody_can_guess_is_left_as_it_landed_and_named(
    folder: Path, base: Files, ours: Files, theirs: Files, word: str
) -> None:
    both = await merge(folder, {"k": b"k", **base}, {"k": b"k", **ours}, {"k": b"K", **theirs})
    (why,) = both.conflicts.values()
    assert word in why
    assert {**await files_of(folder, both.tree), "k": b"k"} == await files_of(folder, tree(folder, {"k": b"k", **ours}))


async def test_two_sides_with_thousands_of_new_files_are_merged_in_seconds(folder: Path) -> None:
    """A vendored folder on each side: every new path is looked up, and not compared with every other."""
    ours, theirs = ({f"vendor/{side}/{n // 100}/{n}.py": b"x\n" for n in range(8_000)} for side in ("a", "b"))
    base, landed, branch = (tree(folder, {"k": b"k", **each}) for each in ({}, ours, theirs))
    started = time.process_time()
    both = await merged(folder, base, landed, branch)
    assert time.process_time() - started < 3.0
    assert both.conflicts == {}
    assert (await git(folder, "ls-tree", "-r", "--name-only", both.tree)).count(b"\n") == 16_001


async def test_a_file_that_is_too_large_is_named_and_not_read(folder: Path) -> None:
    base, ours, theirs = (tree(folder, {"x": bytes([side]) * (LARGEST + 1)}) for side in b"bot")
    tracemalloc.start()
    both = await merged(folder, base, ours, theirs)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "more than 8 MiB" in both.conflicts["x"]
    assert both.tree == ours
    assert peak < LARGEST


async def test_a_mode_of_one_side_and_the_text_of_the_other(folder: Path) -> None:
    both = await merge(folder, {"x": b"a\n"}, {"x": (EXECUTABLE, b"a\n")}, {"x": b"b\n"})
    assert both.conflicts == {}
    assert (await git(folder, "ls-tree", both.tree)).startswith(b"100755")
    assert await files_of(folder, both.tree) == {"x": b"b\n"}


async def test_a_configuration_beside_it_is_not_read(folder: Path, tmp_path: Path) -> None:
    """The attributes of a tree may name a driver; none is ever run, and union is not what anybody asked for."""
    marker = tmp_path / "ran"
    rules = b"x merge=union\nx merge=evil\n"
    (tmp_path / "config").write_text(f'[merge "evil"]\n\tdriver = touch {marker}\n')
    base, ours, theirs = ({"x": text, ".gitattributes": rules} for text in (b"1\n", b"2\n", b"3\n"))
    both = await merge(folder, base, ours, theirs)
    assert set(both.conflicts) == {"x"}
    assert not marker.exists()


PATHS = st.sampled_from(["a", "b", "d/a", "d/b", "e/f/g"])
SOME = st.dictionaries(PATHS, st.sampled_from([b"1\n", b"2\n", LINES, b"\0"]), max_size=5)


@settings(max_examples=25, deadline=None)
@given(SOME, SOME, SOME)
def test_nothing_is_lost_on_either_side(base: Files, ours: Files, theirs: Files) -> None:
    async def tried() -> None:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place) / "x.git"
            create(folder)
            both = await merge(folder, base, ours, theirs)
            there = await files_of(folder, both.tree)
            for path in {*base, *ours, *theirs}:
                sides = [each.get(path) for each in (base, ours, theirs)]
                if path in both.conflicts:
                    assert sides[1] != sides[0] != sides[2], "only what both changed is in conflict"
                elif sides[0] == sides[2]:
                    assert there.get(path) == sides[1]
                elif sides[0] == sides[1]:
                    assert there.get(path) == sides[2]

    asyncio.run(tried())
