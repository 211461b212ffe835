import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from domain import CodeChange, FileEdit, NewFile, Plan, Review, Step
from models.clients.contract import schema_of
from models.clients.structured import read, without_thoughts

TEXT = st.text(max_size=60) | st.sampled_from(["<think>", "</think>", "```json\n{}\n```", "{", '"}'])
PATH = st.text("abc/._", min_size=1, max_size=20)
CHANGES = st.builds(
    CodeChange,
    files_to_create=st.lists(st.builds(NewFile, path=PATH, content=TEXT), max_size=3).map(tuple),
    files_to_update=st.lists(st.builds(FileEdit, path=PATH, search=st.none() | TEXT, replace=TEXT), max_size=3).map(
        tuple
    ),
    notes=TEXT,
)
STEP = st.builds(Step, id=st.from_regex(r"[a-z0-9]{1,5}", fullmatch=True), title=TEXT)
PLANS = st.builds(
    Plan,
    goal=TEXT,
    steps=st.lists(STEP, min_size=1, max_size=3, unique_by=lambda step: step.id).map(tuple),
    acceptance=st.none() | TEXT,
)
AROUND = st.sampled_from(
    [
        "{}",
        "  {}\n",
        "```json\n{}\n```",
        "Here you are:\n```\n{}\n```\nGood luck!",
        "<think>first {{ then }} so</think>{}",
        "thinking aloud </think> {}",
        "The answer is {} I think.",
        '{{"result": {}}}',
    ]
)


def dumped(value) -> str:
    return TypeAdapter(type(value)).dump_json(value).decode()


@given(st.one_of(CHANGES, PLANS), AROUND)
def test_what_was_written_is_read_whatever_stands_around_it(value, around):
    found = read(around.format(dumped(value)), type(value))
    assert found.value == value


@given(st.one_of(CHANGES, PLANS), st.dictionaries(st.text("xyz", min_size=3, max_size=6), st.integers(), max_size=3))
def test_unknown_keys_and_nulls_do_no_harm(value, more):
    data = {**json.loads(dumped(value)), **more, "expert": None, "stage": "something"}
    assert read(json.dumps(data), type(value)).value == value


@given(st.text(max_size=300))
def test_any_text_is_read_or_explained(text):
    for answer in (Plan, CodeChange, Review):
        found = read(text, answer)
        assert (found.value is None) == bool(found.wrong)


@given(PLANS, st.data())
def test_a_truncated_answer_is_never_taken_for_a_whole_one(plan, data):
    whole = dumped(plan)
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    assert read(cut, Plan).value is None


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("{}", "no complete JSON object"),
        ('{"unknown": {"keys": 1}}', "no complete JSON object"),
        ('{"goal": "g", "steps": []}', "steps: Tuple should have at least 1 item"),
        ('{"goal": "g", "steps": [{"id": "a b", "title": "t"}]}', "steps.0.id"),
        ('{"goal": "g", "steps": [{"id": "a", "title": "t", "needs": ["z"]}]}', "unknown steps: z"),
        ('{"goal": "g", "steps": [{"id": "a", "title": "t", "needs": ["a"]}]}', "wait for each other"),
        ("[" * 5_000, "no complete JSON object"),
        ('{"goal": "\\ud800", "steps": [{"id": "a", "title": "t"}]}', "goal"),
    ],
)
def test_what_is_wrong_is_said_in_words(text, wrong):
    assert wrong in read(text, Plan).wrong


def test_an_object_without_a_known_key_is_no_empty_change():
    assert read('{"a": 1}', CodeChange).value is None
    assert read('{"notes": "nothing to do"}', CodeChange).value == CodeChange(notes="nothing to do")


def test_raw_newlines_in_strings_are_forgiven():
    assert read('{"notes": "a\nb"}', CodeChange).value == CodeChange(notes="a\nb")


@given(st.text(max_size=80))
def test_thoughts_are_cut_and_nothing_else(text):
    plain = text.replace("<", "")
    assert without_thoughts(f"<think>{plain}</think>{plain}") == plain.strip()
    assert without_thoughts(f"{plain}</think>{plain}") == plain.strip()
    assert without_thoughts(f"<think>{plain}") == ""
    assert without_thoughts(plain) == plain.strip()


def test_a_thought_that_was_cut_off_is_no_answer():
    assert read('<think>perhaps {"notes": "x"}', CodeChange).value is None


@pytest.mark.parametrize("answer", [Plan, CodeChange, Review])
def test_the_strict_form_asks_for_every_key(answer):
    schema = schema_of(answer).strict_schema
    assert set(schema["required"]) == set(schema["properties"])
    assert "default" not in json.dumps(schema)
