"""What a model thinks is told from what it says, however it is cut into pieces."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import Refused
from service.api.openai.chat import ReasoningWriter, StopCutter, ensure_schema, read_object


def split(text: str, cuts: set[int]) -> dict[str, str]:
    """What a client reads of an answer that comes in pieces, the first of which holds its first word."""
    writer, fields = ReasoningWriter(), {"reasoning_content": "", "content": ""}
    at = [0, *sorted(cut for cut in cuts if len("<think>") < cut < len(text)), len(text)]
    pieces = [text[start:end] for start, end in pairwise(at)]
    for where, part in [*(each for piece in pieces for each in writer.split(piece)), *writer.rest()]:
        fields[where] += part
    return fields


@given(thought=st.text("ab<think>/ ", max_size=40), said=st.text("cd ", min_size=1), cuts=st.sets(st.integers(1, 80)))
def test_every_character_is_told_once(thought: str, said: str, cuts: set[int]) -> None:
    thought = thought.replace("</think>", "")
    answer = split(f"<think>{thought}</think>x{said}", cuts)
    assert answer["reasoning_content"] == thought
    assert answer["content"].replace(" ", "") == f"x{said}".replace(" ", "")


@given(thought=st.text("ab<think>/ ", max_size=40), cuts=st.sets(st.integers(1, 60)))
def test_a_thought_that_is_cut_off_is_told_to_its_end(thought: str, cuts: set[int]) -> None:
    thought = thought.replace("</think>", "")
    assert split(f"<think>{thought}", cuts) == {"reasoning_content": thought, "content": ""}


@given(st.text("abc", max_size=40), st.lists(st.text("abc", min_size=1, max_size=4), max_size=4), st.data())
def test_an_answer_ends_where_a_stop_word_begins_however_it_is_cut(text: str, stops: list[str], data) -> None:
    cutter, told, at = StopCutter(tuple(stops)), "", 0
    while at < len(text):
        size = data.draw(st.integers(1, 7))
        told += cutter.cut(text[at : at + size])
        at += size
    told += cutter.rest()
    assert told.startswith(
        text[: min((text.find(stop) for stop in stops if stop in text), default=len(text))][: len(told)]
    )
    assert not any(stop in told for stop in stops)
    assert text.startswith(told)
    assert told == text or cutter.hit


def test_json_is_read_out_of_a_fence_and_held_against_its_schema() -> None:
    schema = {"type": "object", "required": ["n"]}
    assert read_object('```json\n{"n": 1}\n```', schema) == ('{"n": 1}', "")
    assert read_object("{}", {}) == ("{}", "")
    for text, of in (("[]", {}), ("no", {}), ("{}", schema)):
        assert read_object(text, of)[1]


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "poem"},
        {"properties": {"a": {"pattern": "(a+)+$"}}},
        {"patternProperties": {"(a+)+$": {}}},
        {"$ref": "http://127.0.0.1/schema"},
        {"$id": "http://127.0.0.1/", "$ref": "#/x"},
    ],
)
def test_a_schema_that_fetches_or_never_ends_is_refused(schema: dict[str, object]) -> None:
    with pytest.raises(Refused) as caught:
        ensure_schema(schema)
    assert caught.value.stable_code == "request_invalid"


def test_a_schema_may_name_a_property_pattern_and_its_own_definitions() -> None:
    ensure_schema({"properties": {"pattern": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"type": "string"}}})
    assert read_object("{}", {"$ref": "#"})[1] == "its schema comes to no end"
