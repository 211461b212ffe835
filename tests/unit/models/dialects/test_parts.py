"""The parts that the dialects are read with: info strings, search blocks, calls in words, whole changes, outputs."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from domain import CodeChange, FileEdit, NewFile
from models import Reply, ToolCall
from models.clients.structured import explained
from models.dialects.blocks import search_values, split_info
from models.dialects.calls import call_in
from models.dialects.dialogue import opening, read_action
from models.dialects.reading import checked
from models.dialects.single import json_change, split_outputs

WORDS = st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("info", "parts"),
    [
        ("edit src/a.py", ("edit", "src/a.py")),
        ("edit:src/a.py", ("edit", "src/a.py")),
        ("open: a.py", ("open", "a.py")),
        ("{.bash title=x", ("bash", "title=x")),
        ("src/a.py:1", ("src/a.py:1", "")),
        ("", ("", "")),
    ],
)
def test_an_info_string_is_a_word_and_the_rest(info, parts):
    assert split_info(info) == parts


@given(WORDS, WORDS)
def test_a_verb_and_a_path_are_told_apart(verb, name):
    assert split_info(f"{verb} {name}.py") == split_info(f"{verb}:{name}.py") == (verb, f"{name}.py")


@pytest.mark.parametrize(
    ("lines", "values"),
    [
        (["def total"], ("def total", "", "words")),
        (["regex: def t.*", "in: src/"], ("def t.*", "src/", "regex")),
        (["query: total", "path: `a.py`"], ("total", "a.py", "words")),
        (["in: src/"], ("in: src/", "", "words")),
        (["total", "name: other"], ("total", "", "words")),
        ([], ("", "", "words")),
    ],
)
def test_a_search_block_has_a_query_a_place_and_a_way(lines, values):
    assert search_values(lines) == tuple(zip(("query", "where", "how"), values, strict=True))


CALLS = [
    {"name": "open", "arguments": {"path": "a.py"}},
    {"function": {"name": "read_file", "arguments": '{"path": "a.py"}'}},
    {"tool": "open", "path": "a.py"},
    {"open": {"path": "a.py"}},
]


@pytest.mark.parametrize("value", CALLS, ids=["openai", "nested", "flat", "key"])
def test_a_call_in_words_has_a_name_and_arguments(value):
    name, arguments = call_in(value)
    assert name in {"open", "read_file"}
    assert dict(arguments) == {"path": "a.py"}


@given(st.dictionaries(WORDS, st.none() | st.booleans() | WORDS, max_size=4))
def test_an_object_that_names_no_tool_is_no_call(value):
    assert call_in({key: each for key, each in value.items() if key not in {"name", "tool"}} | {"fly": "Rome"}) is None


@given(st.lists(WORDS, max_size=3), st.lists(WORDS, max_size=3))
def test_outputs_are_told_apart_from_commands(commands, outputs):
    blocks = [*commands, *(f"outputs: {name}" for name in outputs)]
    assert split_outputs(blocks) == (commands, outputs)


CHANGE = CodeChange(files_to_create=(NewFile(path="a.py", content="x = 1\n"),))
WIRE = json.dumps({"files_to_create": [{"path": "a.py", "content": "x = 1\n"}]})


@pytest.mark.parametrize("answer", [WIRE, f"```json\n{WIRE}\n```", f"Here it is:\n{WIRE}"])
def test_a_change_may_be_an_object(answer):
    assert json_change(answer) == CHANGE


@pytest.mark.parametrize("answer", ["Nothing.", "```edit a.py\nx = 1\n```", f"```edit tests/a.json\n{WIRE}\n```"])
def test_what_is_written_in_blocks_is_no_object(answer):
    assert json_change(answer) is None


def test_what_is_wrong_is_said_by_place_without_values():
    _, wrong = checked("open", {"path": {"secret": 1}})
    assert wrong.startswith("path: ")
    assert "secret" not in wrong
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(FileEdit).validate_python({"path": 1, "search": 2, "replace": 3})
    assert explained(caught.value).count(";") == 2
    assert explained(caught.value, most=1) == "path: Input should be a valid string"
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(FileEdit).validate_python("x")
    assert explained(caught.value).startswith("the answer: ")
    assert checked("open", {})[1] == "path: Field required"


def test_the_probe_reads_calls_only_where_they_are_made():
    words = Reply(value="```open\na.py\n```", model="m")
    assert read_action(words, "text").action is not None
    assert "no tool was called" in read_action(words, "tools").problem
    call = ToolCall(id="1", name="open", arguments={"path": "a.py"})
    assert read_action(Reply(value="", model="m", tool_calls=(call,)), "tools").action is not None


@given(st.integers(1_000, 40_000))
def test_the_opening_has_the_length_that_is_asked_for(room):
    for dialect in ("tools", "text"):
        rules, task = opening(dialect, room)
        assert (rules.role, task.role) == ("system", "user")
        assert room <= len(task.content) <= room + 2_000
        assert "src/shop/prices.py" in task.content
