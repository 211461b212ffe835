"""Another name in anything that is stored: nothing of the old one is left, and nothing else changes."""

import json
import re
from typing import Any

import ormsgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphs.serializer import serializer
from service.people.renaming import Renaming
from tests.worlds.house import task

OLD, NEW = "ann", "p_0123456789"
ANN = Renaming(OLD, NEW)
WORD = re.compile(r"(?<![\w@])(?<!\w[.-])ann(?![\w@]|[.-]\w)", re.IGNORECASE)
TEXTS = st.text(st.sampled_from('anX .,@-_/\n"\\é'), max_size=12) | st.sampled_from(
    ["ann", "Ann said", '{"by":"ann"}', "joann"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


def texts(value: Any) -> list[str]:
    """Every string of a value, also those of JSON in a string."""
    match value:
        case str():
            try:
                inner = json.loads(value) if value[:1] in {"{", "[", '"'} else None
            except ValueError:
                inner = None
            return [value] if inner is None else texts(inner)
        case dict():
            return [text for key, entry in value.items() for text in (*texts(key), *texts(entry))]
        case list():
            return [text for item in value for text in texts(item)]
        case _:
            return []


@given(VALUES)
def test_no_word_of_the_name_is_left_and_what_had_none_is_the_same_object(value: Any) -> None:
    after = ANN.value(value)
    assert not [text for text in texts(after) if WORD.search(text)]
    if not any(WORD.search(text) for text in texts(value)):
        assert after is value


@given(VALUES)
def test_messagepack_is_changed_as_the_value_in_it(value: Any) -> None:
    plain = ormsgpack.packb(value)
    assert ormsgpack.unpackb(ANN.packed(plain)) == ANN.value(value)
    nested = ormsgpack.packb([ormsgpack.Ext(5, plain)])
    (inner,) = ormsgpack.unpackb(ANN.packed(nested), ext_hook=lambda _, data: ormsgpack.unpackb(data))
    assert inner == ANN.value(value)


@given(st.binary(max_size=40))
def test_bytes_without_the_name_stay_as_they_are(data: bytes) -> None:
    if b"ann" not in data.lower():
        assert ANN.packed(data) is data


@given(TEXTS)
def test_bytes_of_a_text_are_changed_as_the_text(text: str) -> None:
    assert ANN.packed(text.encode()) == ANN.text(text).encode()


def test_a_state_comes_back_with_the_other_name(tmp_path: Any) -> None:
    state = {"task": task(tmp_path, requester="ann"), "contributors": ("ann", "bob")}
    kind, data = serializer().dumps_typed(state)
    after = serializer().loads_typed((kind, ANN.packed(data)))
    assert after["task"].requester == NEW
    assert list(after["contributors"]) == [NEW, "bob"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("asked by Ann.", f"asked by {NEW}."),
        ("ann@example.org, joann, jo.ann, ann-marie", None),
        (r'{"by": "ann", "n": 1.50}', f'{{"by": "{NEW}", "n": 1.5}}'),
        (r'{"note":"a\nann"}', rf'{{"note":"a\n{NEW}"}}'),
        ("{ann is no JSON", f"{{{NEW} is no JSON"),
        ("/home/ann/x", f"/home/{NEW}/x"),
    ],
)
def test_where_a_name_stands(before: str, after: str | None) -> None:
    assert ANN.text(before) == (before if after is None else after)


def test_a_short_name_is_only_replaced_where_it_is_all() -> None:
    renaming = Renaming("an", NEW)
    assert renaming.value(["an", "an apple"]) == [NEW, "an apple"]
