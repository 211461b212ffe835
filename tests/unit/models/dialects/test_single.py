"""Single dialect: one answer is the whole change, in blocks or as JSON."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from domain import CodeChange, FileEdit, NewFile
from models.dialects import single, text
from tests.unit.models.dialects.test_text import EDITS, LINES, PATH, PIECES, SEARCH

WHOLE = f"""The sign is wrong.

```edit src/a.py
{SEARCH}```

```edit src/new.py
VALUE = 1
```
```delete src/old.py
```
```run
make docs
```
```done
Correct the sum

It was a difference.
```
"""


def test_blocks_are_one_change():
    assert single.read(WHOLE).change == CodeChange(
        files_to_update=(
            FileEdit(path="src/a.py", search="    return a - b\n", replace="    return a + b\n"),
            FileEdit(path="src/new.py", content="VALUE = 1\n"),
        ),
        files_to_delete=("src/old.py",),
        cmd_instructions=("make docs",),
        notes="The sign is wrong.",
        commit_message="Correct the sum\n\nIt was a difference.",
    )


CHANGE = CodeChange(
    files_to_create=(NewFile(path="a.md", content="```sh\nls\n```\n\nx\n"),),
    files_to_update=(FileEdit(path="b.py", search="x", replace="y"),),
    cmd_instructions=("ls",),
    cmd_outputs=("docs",),
    notes="n",
)
JSON = TypeAdapter(CodeChange).dump_json(CHANGE).decode()


@pytest.mark.parametrize(
    "answer", [JSON, f"```json\n{JSON}\n```", f"Here it is:\n{JSON}\nDone.", f"<think>x</think>{JSON}"]
)
def test_json_stays_understood(answer):
    assert single.read(answer).change == CHANGE


def test_an_empty_change_as_json_stays_one():
    assert single.read('{"notes": "nothing to do"}').change == CodeChange(notes="nothing to do")


def test_fences_in_json_are_no_part_of_the_file():
    answer = json.dumps({"files_to_create": [{"path": "a.py", "content": "```python\nx = 1\n```"}]})
    assert single.read(answer).change.files_to_create[0].content == "x = 1\n"


def test_a_file_that_holds_such_an_object_is_no_change():
    answer = '```edit data.json\n{"files_to_create": []}\n```'
    assert single.read(answer).change.files_to_update[0].path == "data.json"


def test_a_definition_without_a_path():
    change = single.read("```python\ndef total(items):\n    return sum(items)\n```").change
    assert change.files_to_update == (FileEdit(path="", content="def total(items):\n    return sum(items)\n"),)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ("", "no_action"),
        ("The sign is wrong.", "no_action"),
        ("```open\na.py\n```", "no_action"),
        (
            "```edit src/app.py\n<<<<<<< SEARCH\nexact lines of the file\n=======\nx\n>>>>>>> REPLACE\n```",
            "template_copied",
        ),
    ],
)
def test_no_change_says_what_to_write(answer, code):
    reading = single.read(answer)
    assert (reading.change, reading.code) == (None, code)
    assert "```edit" in reading.correction


def test_what_was_cut_off_is_no_part_of_the_change():
    reading = single.read(f"```edit src/a.py\n{SEARCH}```\n```edit b.py\nx = ", cut=True)
    assert [edit.path for edit in reading.change.files_to_update] == ["src/a.py"]
    assert "cut off" in reading.ignored
    assert single.read("```edit b.py\nx = ", cut=True).code == "answer_cut"


@given(EDITS)
def test_what_is_rendered_is_read_as_it_was(action):
    change = single.read(text.render(action)).change
    assert change == single.change_of(list(action.edits))


@given(st.dictionaries(PATH, LINES, max_size=3), st.text(max_size=20))
def test_json_of_any_content_is_read(files, notes):
    change = CodeChange(
        files_to_update=tuple(FileEdit(path=p, search=c, replace=c) for p, c in files.items()), notes=notes
    )
    read = single.read(TypeAdapter(CodeChange).dump_json(change).decode()).change
    assert read is not None
    assert [edit.path for edit in read.files_to_update] == list(files)


@given(
    st.lists(st.one_of(st.sampled_from((*PIECES, '{"files_to_update": [', "```edit a.py\n")), st.text(max_size=9))).map(
        "".join
    )
)
def test_garbage_is_read_without_an_error(answer):
    for cut in (False, True):
        reading = single.read(answer, cut=cut)
        assert (reading.change is None) == bool(reading.code)


def test_a_look_up_is_read_and_one_that_cannot_be_made_is_corrected():
    reading = single.read('```use tickets.search\n{"query": "total"}\n```')
    assert (reading.change, reading.use and reading.use.server, reading.use and reading.use.tool) == (
        None,
        "tickets",
        "search",
    )
    long = single.read(f"```use {'a' * 900}.search\n{{}}\n```")
    assert (long.change, long.use, long.code) == (None, None, "bad_arguments")
    assert "at most 200 characters" in long.correction
