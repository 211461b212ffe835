"""Text dialect: what models write is understood, and what is written is read again as it was."""

import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.coder import AskAction, DoneAction, EditAction, EditBlock, OpenAction, RunAction, SearchAction, UseAction
from models.dialects import text
from models.dialects.calls import use_values

SEARCH = "<<<<<<< SEARCH\n    return a - b\n=======\n    return a + b\n>>>>>>> REPLACE\n"
ONE = EditBlock(path="src/a.py", search="    return a - b\n", replace="    return a + b\n")


def edits(answer, **more):
    reading = text.read(answer, **more)
    assert isinstance(reading.action, EditAction), reading
    return reading.action.edits


@pytest.mark.parametrize(
    ("answer", "action"),
    [
        ("```open\nsrc/a.py:1-80\n```", OpenAction(path="src/a.py", first=1, last=80)),
        ("```open\nsrc/a.py\n```", OpenAction(path="src/a.py")),
        ("```open src/a.py:10-20\n```", OpenAction(path="src/a.py", first=10, last=20)),
        ("```open src/a.py```", OpenAction(path="src/a.py")),
        ("```open\nsrc/a.py:10-\n```", OpenAction(path="src/a.py", first=10)),
        ("```open\nsrc/a.py:10\n```", OpenAction(path="src/a.py", first=10)),
        ("```open\nsrc/a.py lines 10-20\n```", OpenAction(path="src/a.py", first=10, last=20)),
        ("```open\nsrc/a.py (lines 10 to 20)\n```", OpenAction(path="src/a.py", first=10, last=20)),
        ("```open\nsrc/a.py#L10-L20\n```", OpenAction(path="src/a.py", first=10, last=20)),
        ("```open\n`src/a.py`\n```", OpenAction(path="src/a.py")),
        ("```open\nsrc/\n```", OpenAction(path="src/")),
        ("~~~open\nsrc/a.py\n~~~", OpenAction(path="src/a.py")),
        ("```search\ndef total\nin: src/\n```", SearchAction(query="def total", where="src/")),
        ("```search\nregex: def \\w+\n```", SearchAction(query="def \\w+", how="regex")),
        ("```search\nname: total\nin: src\n```", SearchAction(query="total", how="name", where="src")),
        ("```search def total```", SearchAction(query="def total")),
        ("```run\npython -m pytest -q\n```", RunAction(command="python -m pytest -q")),
        ("```run\ncd a\nls\n```", RunAction(command="cd a\nls")),
        ("```done\nAdd it\n\nIt was missing.\n```", DoneAction(message="Add it", notes="It was missing.")),
        ("```done\n```", DoneAction()),
        ("```ask\nWhich one?\n```", AskAction(question="Which one?")),
        ("```delete src/a.py\n```", EditAction(edits=(EditBlock(path="src/a.py", delete=True),))),
        ("```delete\nsrc/a.py\n```", EditAction(edits=(EditBlock(path="src/a.py", delete=True),))),
        (f"```edit src/a.py\n{SEARCH}```", EditAction(edits=(ONE,))),
        (f"```edit\nsrc/a.py\n{SEARCH}```", EditAction(edits=(ONE,))),
        ("```edit src/a.py\nx = 1\n```", EditAction(edits=(EditBlock(path="src/a.py", content="x = 1\n"),))),
        ("```edit a/__init__.py\n```", EditAction(edits=(EditBlock(path="a/__init__.py", content=""),))),
    ],
)
def test_the_form_of_the_protocol(answer, action):
    reading = text.read(f"I look first.\n\n{answer}\n")
    assert reading.action == action
    assert reading.thought == "I look first."
    assert not reading.problem
    assert not reading.ignored


def test_several_groups_and_several_blocks_are_one_edit():
    answer = f"```edit src/a.py\n{SEARCH}{SEARCH}```\nand\n```edit src/b.py\nx = 1\n```\n```delete c.py\n```"
    b, c = EditBlock(path="src/b.py", content="x = 1\n"), EditBlock(path="c.py", delete=True)
    assert edits(answer) == (ONE, ONE, b, c)


@pytest.mark.parametrize("shell", ["bash", "sh", "shell", "console", "BASH"])
def test_a_shell_block_runs(shell):
    assert text.read(f"```{shell}\n$ pytest -q\n3 passed\n```").action == RunAction(command="pytest -q")
    assert text.read(f"```{shell}\npytest -q\n```").action == RunAction(command="pytest -q")


@pytest.mark.parametrize(
    "answer",
    [
        f"```python src/a.py\n{SEARCH}```",
        f"```python:src/a.py\n{SEARCH}```",
        f'```python title="src/a.py"\n{SEARCH}```',
        f"```src/a.py\n{SEARCH}```",
        f"```python\n# src/a.py\n{SEARCH}```",
        f"```python\n# file: src/a.py\n{SEARCH}```",
        f"src/a.py\n```python\n{SEARCH}```",
        f"**src/a.py**\n```python\n{SEARCH}```",
        f"### `src/a.py`:\n\n```python\n{SEARCH}```",
        f"I change src/a.py:\n```python\n{SEARCH}```",
        f"```python\nsrc/a.py\n{SEARCH}```",
        f"```\nsrc/a.py\n{SEARCH}```",
        f"Here:\n\nsrc/a.py\n{SEARCH}",
        f"```edit path=src/a.py\n{SEARCH}```",
        f"```edit: src/a.py\n{SEARCH}```",
    ],
)
def test_the_path_may_stand_in_many_places(answer):
    (edit,) = edits(answer)
    assert (edit.path, edit.search, edit.replace) == ("src/a.py", ONE.search, ONE.replace)


@pytest.mark.parametrize(
    "answer",
    ["```js src/a.js\nlet x = 1\n```", "```js\n// src/a.js\nlet x = 1\n```", "src/a.js\n```js\nlet x = 1\n```"],
)
def test_a_block_of_code_with_a_path_is_that_file(answer):
    (edit,) = edits(answer)
    assert (edit.path, edit.content, edit.language) == ("src/a.js", "let x = 1\n", "js")


def test_a_definition_without_a_path_is_an_edit_of_the_file_that_has_it():
    code = "@cached\ndef total(items):\n    return sum(items)\n"
    assert edits(f"It has to be:\n\n```python\n{code}```") == (EditBlock(content=code, language="python"),)


def test_a_quoted_definition_is_no_edit_beside_a_plain_action():
    answer = "Now it is\n```python\ndef total(items):\n    return 1\n```\nso I open it.\n```open\nsrc/a.py\n```"
    reading = text.read(answer)
    assert reading.action == OpenAction(path="src/a.py")
    assert not reading.ignored


@pytest.mark.parametrize(
    ("opened", "divided", "closed"),
    [
        ("<<<<<<< SEARCH", "=======", ">>>>>>> REPLACE"),
        ("<<<<<< SEARCH", "=======", ">>>>>>>> REPLACE"),
        ("<<<<<<<<< SEARCH", "=========", ">>>>>>>>> REPLACE"),
        ("<<<<<<< search", "=======", ">>>>>>> replace"),
        ("<<<<<<< ORIGINAL", "=======", ">>>>>>> UPDATED"),
        ("<<<<<<< HEAD", "=======", ">>>>>>> "),
        ("<<<<<<<", "=======", ">>>>>>>"),
        ("<<<<<<< SEARCH src/a.py", "=======", ">>>>>>> REPLACE"),
        ("<<<<<<< SEARCH  ", "=======  ", ">>>>>>> REPLACE  "),
    ],
)
def test_markers_of_other_lengths_and_words(opened, divided, closed):
    answer = f"```edit src/a.py\n{opened}\n    return a - b\n{divided}\n    return a + b\n{closed}\n```"
    assert edits(answer) == (ONE,)


def test_an_underlined_heading_is_no_divider():
    body = "<<<<<<< SEARCH\nOld\n=======\n=======\nNew\n=======\n>>>>>>> REPLACE\n"
    assert edits(f"```edit a.rst\n{body}```") == (
        EditBlock(path="a.rst", search="Old\n=======\n", replace="New\n=======\n"),
    )


@pytest.mark.parametrize("label", ["diff", "patch", "edit src/a.py"])
def test_a_unified_diff_is_an_edit(label):
    diff = "--- a/src/a.py\n+++ b/src/a.py\n@@ -1,2 +9,9 @@\n def f(a, b):\n-    return a - b\n+    return a + b\n \n"
    (edit,) = edits(f"```{label}\n{diff}```")
    assert edit.path == "src/a.py"
    assert edit.search == "def f(a, b):\n    return a - b\n\n"
    assert edit.replace == "def f(a, b):\n    return a + b\n\n"


def test_a_diff_of_several_files_and_hunks():
    diff = (
        "diff --git a/a.py b/a.py\nindex 1..2 100644\n--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-x\n+y\n"
        "@@ -9 +9 @@ def f\n-p\n+q\n"
        "--- /dev/null\n+++ b/new.py\n@@ -0,0 +1 @@\n+z\n--- a/old.py\n+++ /dev/null\n@@ -1 +0,0 @@\n-w\n"
    )
    assert edits(f"```diff\n{diff}```") == (
        EditBlock(path="a.py", search="x\n", replace="y\n"),
        EditBlock(path="a.py", search="p\n", replace="q\n"),
        EditBlock(path="new.py", content="z\n"),
        EditBlock(path="old.py", delete=True),
    )


NO_END = "\\ No newline at end of file\n"


def test_a_last_line_without_line_end_is_written_and_read_as_one():
    assert edits(f"```edit a.txt\nx\ny\n{NO_END}```") == (EditBlock(path="a.txt", content="x\ny"),)
    body = f"<<<<<<< SEARCH\ny\n{NO_END}=======\ny\nz\n>>>>>>> REPLACE\n"
    assert edits(f"```edit a.txt\n{body}```") == (EditBlock(path="a.txt", search="y", replace="y\nz\n"),)
    diff = f"--- a/a.txt\n+++ b/a.txt\n@@ -1,2 +1,2 @@\n x\n-y\n{NO_END}+y\n"
    assert edits(f"```diff\n{diff}```") == (EditBlock(path="a.txt", search="x\ny", replace="x\ny\n"),)


@pytest.mark.parametrize(
    "edit",
    [
        EditBlock(path="a.txt", content="x\ny"),
        EditBlock(path="a.txt", search="y", replace="y\nz\n"),
        EditBlock(path="a.txt", search="y\n", replace="y"),
    ],
)
def test_what_ends_without_a_line_end_is_read_as_it_was(edit):
    assert text.read(text.render(EditAction(edits=(edit,)))).action == EditAction(edits=(edit,))


def test_answers_with_carriage_returns():
    assert edits(f"Hi.\n\n```edit src/a.py\n{SEARCH}```\n".replace("\n", "\r\n")) == (ONE,)


def test_fences_in_what_is_written():
    readme = "# A\n\n```python\nx = 1\n```\n\nThen\n\n```sh\nrun\n```\n"
    assert edits(f"```edit README.md\n{readme}```\n") == (EditBlock(path="README.md", content=readme),)
    assert edits(f"````edit README.md\n{readme}````\n") == (EditBlock(path="README.md", content=readme),)
    inside = "<<<<<<< SEARCH\n```\nold\n```\n=======\n```\nnew\n```\n>>>>>>> REPLACE\n"
    (edit,) = edits(f"```edit README.md\n{inside}```\n")
    assert (edit.search, edit.replace) == ("```\nold\n```\n", "```\nnew\n```\n")


def test_a_fence_that_is_not_closed():
    assert edits(f"```edit src/a.py\n{SEARCH}") == (ONE,)
    assert text.read("```open\nsrc/a.py\n\n```search\nx\n```").action == OpenAction(path="src/a.py")


def test_what_was_cut_off_is_not_done():
    reading = text.read(f"```edit src/a.py\n{SEARCH}```\n```edit src/b.py\n<<<<<<< SEARCH\nx", cut=True)
    assert reading.action == EditAction(edits=(ONE,))
    assert "cut off" in reading.ignored
    alone = text.read("```edit src/b.py\nx = 1\ny", cut=True)
    assert (alone.action, alone.code) == (None, "answer_cut")
    assert "smaller" in alone.example


@pytest.mark.parametrize(
    "answer",
    [
        '<tool_call>\n{"name": "open", "arguments": {"path": "src/a.py"}}\n</tool_call>',
        '{"name": "open", "arguments": {"path": "src/a.py"}}',
        '{"name": "open", "arguments": "{\\"path\\": \\"src/a.py\\"}"}',
        '```json\n{"name": "open", "arguments": {"path": "src/a.py"}}\n```',
        '{"tool": "read_file", "input": {"file_path": "src/a.py"}}',
        '{"action": "open", "path": "src/a.py"}',
        '{"open": {"path": "src/a.py"}}',
        '{"type": "function", "function": {"name": "open", "arguments": {"path": "src/a.py"}}}',
        "<tool_call>\n<function=open>\n<parameter=path>\nsrc/a.py\n</parameter>\n</function>\n</tool_call>",
    ],
)
def test_a_tool_call_in_words_is_that_action(answer):
    assert text.read(answer).action == OpenAction(path="src/a.py")


def test_a_whole_change_as_json_is_an_edit():
    answer = (
        '{"files_to_update": [{"path": "src/a.py", "search": "x", "replace": "y"}], "cmd_instructions": ["pytest"]}'
    )
    reading = text.read(answer)
    assert reading.action == EditAction(edits=(EditBlock(path="src/a.py", search="x", replace="y"),))
    assert "run" in reading.ignored


def test_fences_in_json():
    answer = '{"name": "write", "arguments": {"path": "a.py", "content": "```python\\nx = 1\\n```"}}'
    assert edits(answer) == (EditBlock(path="a.py", content="x = 1\n"),)


def test_of_two_actions_the_first_is_done():
    reading = text.read("```run\nls\n```\n\n```done\nAll is well\n```")
    assert reading.action == RunAction(command="ls")
    assert "not done: done" in reading.ignored
    assert "One action" in reading.ignored


@pytest.mark.parametrize("answer", ["", "   \n", "I think it is fine now.", "```\nx\n```", "```text\nls\n```"])
def test_words_alone_are_no_action(answer):
    reading = text.read(answer)
    assert (reading.action, reading.code) == (None, "no_action")
    assert "```open" in reading.correction


def test_a_copied_template_is_refused():
    answer = "```edit src/app.py\n<<<<<<< SEARCH\nexact lines of the file\n=======\nnew\n>>>>>>> REPLACE\n```"
    assert text.read(answer).code == "template_copied"


def test_thoughts_before_the_answer_are_passed_over():
    assert text.read("<think>\n```run\nrm -rf a\n```\n</think>\n```open\na.py\n```").action == OpenAction(path="a.py")


def test_an_incomplete_block_says_what_is_missing():
    reading = text.read("```run\n```")
    assert (reading.action, reading.code) == (None, "bad_arguments")
    assert "no command" in reading.problem


PIECES = (
    *("```", "````\n", "~~~", "```python\n", "<<<<<<< SEARCH\n", "=======\n", ">>>>>>> REPLACE\n", "\r\n", "\r"),
    *("# a.py\n", "--- a\n+++ b\n", "@@ -1 +1 @@\n", "def f():\n", "    x\n", "$ ls\n", '{"name": "run"}', "<think>"),
    *("\n", " ", "\t", "\x0c", "é\u2028"),
)
CONTENT = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=8)), max_size=12).map("".join)
LINES = CONTENT.map(lambda body: body if not body or body.endswith("\n") else f"{body}\n")
PATH = st.text(string.ascii_letters + "/._-é ", min_size=1, max_size=20).map(lambda name: f"src/{name.strip()}.py")
WORDS = st.text(string.ascii_letters + string.punctuation.replace("`", "").replace("~", "") + " é", max_size=30).map(
    str.strip
)
NUMBER = st.integers(min_value=0, max_value=9_999)
EDIT = st.one_of(
    st.builds(EditBlock, path=PATH, search=LINES, replace=LINES),
    st.builds(EditBlock, path=PATH, content=LINES),
    st.builds(EditBlock, path=PATH, delete=st.just(True)),
)
EDITS = st.builds(EditAction, edits=st.lists(EDIT, min_size=1, max_size=4).map(tuple))
ACTION = st.one_of(
    st.builds(
        lambda path, first, more: OpenAction(path=path, first=first, last=more and first + more), PATH, NUMBER, NUMBER
    ),
    st.builds(
        SearchAction,
        query=WORDS.filter(bool),
        where=PATH | st.just(""),
        how=st.sampled_from(["words", "regex", "name"]),
    ),
    st.builds(RunAction, command=WORDS.filter(lambda line: line and line[:1] not in "$%>")),
    EDITS,
    st.builds(DoneAction, message=WORDS, notes=WORDS).filter(lambda done: done.message or not done.notes),
    st.builds(AskAction, question=WORDS.filter(bool)),
    st.builds(
        lambda tool, values: UseAction(**use_values(f"tickets.{tool}", values)[0]),
        st.from_regex(r"[A-Za-z0-9_-]{1,20}", fullmatch=True),
        st.dictionaries(
            st.text(max_size=8), st.none() | st.booleans() | st.integers() | st.text(max_size=20), max_size=3
        ),
    ),
)


@given(ACTION, WORDS)
@example(EditAction(edits=(EditBlock(path="a.md", content="<<<<<<< SEARCH\n```\n"), ONE)), "")
def test_what_is_rendered_is_read_as_it_was(action, thought):
    reading = text.read(text.render(action, thought))
    assert reading.action == action, reading
    assert not reading.ignored


@given(
    st.lists(
        st.one_of(
            st.sampled_from((*PIECES, *(f"```{verb}\n" for verb in ("open", "run", "edit a.py", "json")))),
            st.text(max_size=9),
        )
    ).map("".join)
)
def test_garbage_is_read_without_an_error(answer):
    for cut in (False, True):
        reading = text.read(answer, cut=cut)
        assert (reading.action is None) == bool(reading.code)
        assert (reading.action is None) <= bool(reading.problem)
