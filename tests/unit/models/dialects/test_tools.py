"""Tools dialect: calls are read as actions, and what is wrong with one is said with the right call."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from domain.coder import EditAction, EditBlock, OpenAction, RunAction, SearchAction, UseAction
from models.contract import ToolCall
from models.dialects import tools
from tests.unit.models.dialects.test_text import ACTION, WORDS


def call(name, number="1", **arguments):
    return ToolCall(id=number, name=name, arguments=arguments)


EDIT = EditAction(edits=(EditBlock(path="a.py", search="x", replace="y"),))


@pytest.mark.parametrize(
    ("made", "action"),
    [
        (call("open", path="a.py"), OpenAction(path="a.py")),
        (call("open", path="a.py", first="3", last=9.0), OpenAction(path="a.py", first=3)),
        (call("view", path="a.py", view_range=[1, 20]), OpenAction(path="a.py", first=1, last=20)),
        (
            call("functions.read_file", file_path="a.py", start_line=2, end_line="4"),
            OpenAction(path="a.py", first=2, last=4),
        ),
        (call("open", path="a.py", first=None), OpenAction(path="a.py")),
        (call("search", query="total", where="src"), SearchAction(query="total", where="src")),
        (call("grep", pattern="a+", path="src"), SearchAction(query="a+", where="src", how="regex")),
        (call("search", query="total", how="NAME"), SearchAction(query="total", how="name")),
        (call("run", command="ls -l"), RunAction(command="ls -l")),
        (call("bash", command=["ls", "a b"]), RunAction(command="ls 'a b'")),
        (call("edit", path="a.py", search="x", replace="y"), EDIT),
        (call("str_replace", path="a.py", old_str="x", new_str="y"), EDIT),
        (call("edit", path="a.py", edits=[{"search": "x", "replace": "y"}]), EDIT),
        (call("edit", path="a.py", edits={"old_string": "x", "new_string": "y"}), EDIT),
        (call("write", path="a.py", content="x"), EditAction(edits=(EditBlock(path="a.py", content="x"),))),
        (call("edit", path="a.py", content="x"), EditAction(edits=(EditBlock(path="a.py", content="x"),))),
        (call("write", path="a.py", content=["x", "y"]), EditAction(edits=(EditBlock(path="a.py", content="x\ny"),))),
        (call("delete", path="a.py"), EditAction(edits=(EditBlock(path="a.py", delete=True),))),
    ],
)
def test_calls_are_actions(made, action):
    reading = tools.read("I do it.", [made])
    assert reading.action == action
    assert (reading.thought, reading.call) == ("I do it.", "1")


@pytest.mark.parametrize(
    ("made", "code", "says"),
    [
        (call("fly", to="moon"), "unknown_tool", "'fly'"),
        (call("run"), "bad_arguments", "command is missing"),
        (call("edit", path="a.py"), "bad_arguments", "search and replace are missing"),
        (call("edit", edits=[3]), "bad_arguments", "object"),
        (call("search", where="src"), "bad_arguments", "query is missing"),
        (call("write", path="a.py"), "bad_arguments", "content is missing"),
        (call("open", path="a" * 2_000), "bad_arguments", "path"),
        (ToolCall(id="1", name="open", raw='{"path": ', wrong="it ends too early"), "bad_arguments", "ends too early"),
    ],
)
def test_a_wrong_call_is_named_and_the_right_one_is_shown(made, code, says):
    reading = tools.read("", [made])
    assert (reading.action, reading.code, reading.call) == (None, code, "1")
    assert says in reading.problem
    assert "The right call: " in reading.correction


def test_of_two_calls_the_first_is_done():
    reading = tools.read("", [call("run", command="ls"), call("done", "2", message="x"), call("run", "3", command="w")])
    assert reading.action == RunAction(command="ls")
    assert reading.not_done == ("2", "3")
    assert "not done: done, run" in reading.ignored


def test_words_without_a_call_are_read_as_text():
    assert tools.read("```open\na.py\n```", []).action == OpenAction(path="a.py")
    reading = tools.read("I would open it.", [])
    assert (reading.action, reading.code) == (None, "no_action")
    assert "Call one of the tools" in reading.correction


def test_a_call_that_was_cut_off_is_not_done():
    made = ToolCall(id="1", name="write", raw='{"path": "a.py", "content": "x', wrong="it ends too early")
    reading = tools.read("", [made], cut=True)
    assert (reading.action, reading.code, reading.call) == (None, "answer_cut", "1")


def test_arguments_that_were_written_as_json_twice():
    made = ToolCall(id="1", name="open", raw='"{\\"path\\": \\"a.py\\"}"', wrong="it is a string")
    assert tools.read("", [made]).action == OpenAction(path="a.py")


def test_fences_in_arguments_are_no_part_of_the_file():
    reading = tools.read("", [call("write", path="a.py", content="```python\nx = 1\n```")])
    assert reading.action == EditAction(edits=(EditBlock(path="a.py", content="x = 1\n"),))


def test_the_schemas_are_flat_and_always_the_same():
    assert [tool.name for tool in tools.schemas()] == [
        "open",
        "search",
        "run",
        "edit",
        "write",
        "delete",
        "done",
        "ask",
    ]
    assert tools.schemas() is tools.schemas()
    for tool in tools.schemas():
        assert {each["type"] for each in tool.parameters["properties"].values()} <= {"string", "integer"}
        assert set(tool.parameters["required"]) <= set(tool.parameters["properties"])


@given(ACTION, WORDS)
def test_what_is_rendered_is_read_as_it_was(action, thought):
    # A call whose texts are fenced altogether means what stands in the fences.
    edits = action.edits if isinstance(action, EditAction) else ()
    assume(all(tools.text.unwrapped(edit) == edit for edit in edits))
    words, made = tools.render(action, "7", thought)
    reading = tools.read(words, [made])
    assert (reading.action, reading.call) == (action, "7")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(
    ["path", "edits", "search", "replace", "content", "command", "first", "view_range", "query", "x"]
)


@given(st.sampled_from([*tools.text.VERBS, "view", "x"]), st.dictionaries(KEYS, JSON, max_size=5))
def test_garbage_is_read_without_an_error(name, arguments):
    reading = tools.read("", [ToolCall(id="1", name=name, arguments=arguments)])
    assert (reading.action is None) == bool(reading.code)


@pytest.mark.parametrize(
    "made",
    [
        call("use", tool="tickets.search", arguments={"query": "total"}),
        call("use", server="tickets", tool="search", arguments='{"query": "total"}'),
        call("use_mcp_tool", server_name="tickets", tool_name="search", arguments={"query": "total"}),
        call("mcp__tickets__search", query="total"),
    ],
)
def test_a_tool_of_a_server_is_called_in_the_ways_that_models_know(made):
    assert tools.read("", [made]).action == UseAction(
        server="tickets", tool="search", arguments='{\n "query": "total"\n}'
    )


@pytest.mark.parametrize(
    "arguments", [{"tool": "search"}, {"tool": "t.s", "arguments": "[1]"}, {"tool": "t.s", "arguments": "{"}]
)
def test_a_use_that_cannot_be_one_is_told_what_is_wrong(arguments):
    reading = tools.read("", [call("use", **arguments)])
    assert (reading.action, reading.code) == (None, "bad_arguments")


def test_the_schema_of_use_is_offered_where_there_are_tools_of_servers():
    assert [tool.name for tool in tools.schemas(use=True)] == [*(tool.name for tool in tools.schemas()), "use"]
