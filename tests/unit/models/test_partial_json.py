"""What a reader sees of a change while it is written."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.partial_json import PartialChange, begins_json

CHANGE = {
    "files_to_update": [{"path": "a.py", "search": "never shown", "replace": 'print("hé\n")\n'}],
    "files_to_create": [{"path": "b/c.py", "language": "python", "content": "x = {'path': '}]'}\n"}],
    "files_to_delete": ["old.py"],
    "cmd_instructions": ["pytest -q"],
    "notes": "Done \U0001f600",
    "commit_message": "never shown",
}
SHOWN = [
    ("path", "a.py"),
    ("text", 'print("hé\n")\n\n'),
    ("path", "b/c.py"),
    ("text", "x = {'path': '}]'}\n\n"),
    ("delete", "old.py"),
    ("command", "pytest -q"),
]


def joined(parts: list[tuple[str, str]]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for kind, said in parts:
        if found and kind == "text" == found[-1][0]:
            found[-1] = (kind, found[-1][1] + said)
        else:
            found.append((kind, said))
    return found


@given(st.booleans(), st.integers(1, 9), st.sampled_from([None, 2]))
def test_wherever_it_is_cut_a_reader_sees_the_same(ascii_, size, indent):
    text = json.dumps(CHANGE, ensure_ascii=ascii_, indent=indent)
    reading = PartialChange()
    parts = [part for n in range(0, len(text), size) for part in reading.read(text[n : n + size])]
    assert joined(parts) == [*SHOWN, ("text", "Done \U0001f600\n")]


def test_what_stands_around_it_is_not_shown_and_another_answer_begins_anew():
    reading = PartialChange()
    assert reading.read('Here "it" is: ```json\n{"files_to_create": [{"path": "a') == []
    reading.restart()
    assert reading.read('{"files_to_create": [{"path": "b", "content": "1"}]}') == [("path", "b"), ("text", "1\n")]


@given(st.lists(st.text('{}[]",:\\u0a nt', max_size=6), max_size=30))
def test_nothing_breaks_it(pieces):
    reading = PartialChange()
    for piece in pieces:
        assert all(said.encode() is not None for _, said in reading.read(piece)), "half a character is none"


@pytest.mark.parametrize(
    ("begun", "is_json"),
    [
        ("", None),
        ('{"path"', True),
        ('Here it is:\n```json\n{"', True),
        ("Here it is:\n```", None),
        ("```edit a.py\n{", False),
        ("I think " * 50, False),
    ],
)
def test_whether_an_answer_is_json_is_known_as_soon_as_it_can_be(begun, is_json):
    assert begins_json(begun) is is_json


@given(st.text(max_size=400), st.integers(0, 400))
def test_what_is_known_stays_so(text, cut):
    first = begins_json(text[:cut])
    assert first is None or not first or begins_json(text)
