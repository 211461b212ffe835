"""Lenient JSON reads what JSON and Python mean, and never makes up what was cut off."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.clients.structured import LENIENT_CHARS, json_values, lenient, unwrapped

LEAVES = st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.floats(-1e9, 1e9) | st.text(max_size=30)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)
OBJECTS = st.dictionaries(st.text(max_size=8), VALUES, min_size=1, max_size=4)


@given(OBJECTS, st.sampled_from([None, 2]))
def test_json_is_what_it_says(value, indent):
    assert lenient(json.dumps(value, indent=indent)) == value
    assert next(json_values(f"Here: ```json\n{json.dumps(value)}\n```.")) == value


@given(OBJECTS)
def test_python_is_what_it_says(value):
    assert lenient(repr(value)) == value


@given(OBJECTS, st.data())
def test_what_was_cut_off_is_no_value(value, data):
    for whole in (json.dumps(value), repr(value)):
        with pytest.raises(ValueError, match=r"."):
            lenient(whole[: data.draw(st.integers(0, len(whole) - 1))])


@given(st.text(alphabet="{}[]\"',:\\ \n0123456789truefalsnN", max_size=200))
def test_any_text_is_read_or_refused(text):
    list(json_values(text))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": [1, 2,], }', {"a": [1, 2]}),
        ("{'a': 'it\\'s', 'b': \"x\"}", {"a": "it's", "b": "x"}),
        ('{"a": "line\nline"}', {"a": "line\nline"}),
        ("{'a': '\\d+\\\\n'}", {"a": "\\d+\\n"}),
        ("{'a': '\\ud83d\\ude00\\x41'}", {"a": "😀A"}),
        ('{"a": """b "c" d"""}', {"a": 'b "c" d'}),
    ],
)
def test_what_models_write(text, value):
    assert lenient(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "{a: 1}",
        '{"a" 1}',
        '{"a": 1 "b": 2}',
        "{'a': open('x')}",
        '{"a": 1} and more',
        "[" * 5_000,
        "{'a': " * 5_000,
        "{'a': " + "1" * 5_000 + ",}",
        "{'a': 1" + " " * LENIENT_CHARS + ",}",
    ],
)
def test_what_is_no_value(text):
    with pytest.raises(ValueError, match=r"."):
        lenient(text)


def test_only_objects_and_lists_are_unwrapped():
    assert unwrapped('{"a": 1}') == {"a": 1}
    assert unwrapped('["a"]') == ["a"]
    assert [unwrapped(text) for text in ("1", "{no", "[x] is a box", "")] == ["1", "{no", "[x] is a box", ""]
