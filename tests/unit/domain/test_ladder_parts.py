"""Parts of the ladder alone: definitions, passages, what stands for code that was left out, the change in the end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import CodeChange
from domain.coder import EditBlock
from domain.text import python_tree
from domain.text.definitions import by_braces, by_indentation, defines, definitions_by_name
from domain.text.elision import is_stub_body
from domain.text.ladder import change_of_edits, numbered_rows
from domain.text.passages import likeness, line_numbers, occurrences

TWO = "class A:\n    def f(self):\n        pass\n\n\ntry:\n    def f(): ...\nexcept ImportError:\n    g = 1\n"


def test_definitions_are_known_by_their_names_wherever_they_stand():
    tree = python_tree(TWO)
    assert tree is not None
    assert {name: len(nodes) for name, nodes in definitions_by_name(tree).items()} == {"A": 1, "f": 2}
    assert defines(TWO, "def f():\n    return 1\n", "a.py")  # which of the two is asked later
    assert not defines(TWO, "def h():\n    return 1\n", "a.py")


def test_a_definition_of_a_file_that_does_not_parse_ends_by_its_indentation():
    broken = "def f(:\n    return 1\n\ndef g():\n    return (\n        2\n    )\nx = 1\n"
    new = python_tree("def g():\n    return 3\n")
    assert new is not None
    (place,) = by_indentation(broken, "def g():\n    return 3\n", new.body)  # type: ignore[arg-type]
    assert (place.first, place.last, place.new) == (3, 6, ("def g():", "    return 3"))


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ("function f() {\n  return 2;\n}\n", (0, 2)),
        ("function f() {\n  return 2;\n", None),
        ("function h() {\n}\n", None),
        ("import x from 'x';\nfunction f() {\n}\n", None),
    ],
)
def test_a_definition_ends_with_the_brace_that_closes_it(content: str, place: tuple[int, int] | None):
    text = "function f() {\n  return '}';\n}\nlet x = 1;\n"
    assert [(each.first, each.last) for each in by_braces(text, content)] == ([place] if place else [])


@pytest.mark.parametrize(
    ("before", "row", "after", "stub"),
    [
        ("def f():", "    ...", "", True),
        ('    """Say why."""', "    ...", "def g():", True),
        ("def f():  # why", "    ...", "x = 1", True),
        ("def f():", "    ...", "    return 1", False),
        ("x = 1", "...", "", False),
    ],
)
def test_three_dots_may_be_all_that_a_definition_does(before: str, row: str, after: str, stub: bool):
    assert is_stub_body(before, row, after) is stub


def test_lines_are_named_with_their_numbers():
    text = "a\nb\nc"
    assert numbered_rows(text, 2, 3) == "2: b\n3: c"
    assert numbered_rows(text, 0, 0) == "1: a\n2: b\n3: c"
    assert numbered_rows("x\n" * 50, 0, 0) == ""


def test_a_new_file_is_created_once_and_edited_afterwards():
    edits = [
        EditBlock(path="new.py", content="a\n"),
        EditBlock(path="new.py", search="a", replace="b"),
        EditBlock(path="old.py", content="c\n"),
        EditBlock(path="gone.py", delete=True),
    ]
    change = change_of_edits(CodeChange(notes="n"), edits, {"new.py": None, "old.py": "x\n", "gone.py": "y\n"})
    assert [(f.path, f.content) for f in change.files_to_create] == [("new.py", "a\n")]
    assert [(f.path, f.content, f.replace) for f in change.files_to_update] == [
        ("new.py", None, "b"),
        ("old.py", "c\n", None),
    ]
    assert (change.files_to_delete, change.notes) == (("gone.py",), "n")


def test_the_lines_of_a_search_are_counted_also_where_it_overlaps():
    assert list(line_numbers("aa\naa\naa\n", "aa\naa")) == [1, 2]
    assert list(line_numbers("x\n" * 20, "x")) == [1, 2, 3, 4, 5]


LINES = st.lists(st.sampled_from(["", "a", "b", "# c"]), max_size=8)


@given(LINES, LINES.filter(bool))
def test_lines_are_found_wherever_they_stand(rows: list[str], searched: list[str]):
    there = [at for at in range(len(rows)) if rows[at : at + len(searched)] == searched]
    assert occurrences(rows, searched) == there[:3]


@given(LINES, LINES)
def test_likeness_is_a_share_and_whole_for_the_same(one: list[str], other: list[str]):
    assert 0 <= likeness(one, other) <= 1
    assert likeness(one, one) == (1.0 if any(one) else 0.0)
