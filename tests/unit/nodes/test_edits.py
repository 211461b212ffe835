"""Edits of a coder against a tree: what applies is kept, the rest is explained, what cannot be seen stays as it is."""

from domain import CodeChange, FileEdit, NewFile, Plan, Refused, Step
from domain.coder import EditBlock
from domain.masking import not_shown
from nodes.coder.edits import fitted, fitted_to_files
from sandbox import Snapshot

FILES = {
    "src/a.py": b"def total(items):\n    return sum(items)\n\n\nx = 1\n",
    "src/b.py": b"x = 1\n",
    "linked": b"src",
    ".env": not_shown(".env").encode(),
}


class Files:
    async def files(self):
        return tuple(FILES)

    async def read(self, path):
        if path not in FILES:
            raise Refused("no", code="file_not_found", hint="-")
        return FILES[path]


class Trees:
    def __init__(self):
        self.asked = []

    async def of(self, run, tree):
        self.asked.append((run, tree))
        return Files()


STATE = {
    "run": "r",
    "snapshot": Snapshot(tree="t", full="f", commit="c"),
    "plan": Plan(goal="g", steps=(Step(id="1", title="t"),)),
    "context": "<files>\n</files>\n\n<file path='src/a.py:1-2'>\ndef total(items):\n</file>",
}


async def test_edits_that_apply_are_kept_and_the_others_are_explained():
    edits = [
        EditBlock(path="a/src/b.py", search="x = 1  \n", replace="x = 2\n"),
        EditBlock(path="src/a.py", search="y = 1\n", replace="y = 2\n"),
        EditBlock(path="src/new.py", content="z = 1\n"),
    ]
    fit = await fitted(Trees(), STATE, edits)
    assert fit.change == CodeChange(
        files_to_create=(NewFile(path="src/new.py", content="z = 1\n"),),
        files_to_update=(FileEdit(path="src/b.py", search="x = 1", replace="x = 2"),),
    )
    assert fit.problems == 1
    assert not fit.nothing
    assert "a/src/b.py is taken for src/b.py." in fit.explanation
    assert (
        "Edit 2 (src/a.py) was not made: the searched text is not in the file. The nearest lines are:\n"
        in fit.explanation
    )
    assert "The other edits were made." in fit.explanation


async def test_where_no_edit_applies_nothing_is_left():
    change = CodeChange(
        files_to_update=(FileEdit(path="src/a.py", search="y", replace="z"),), cmd_instructions=("make",)
    )
    fit = await fitted_to_files(Trees(), STATE, change)
    assert fit.nothing
    assert "The other edits" not in fit.explanation


async def test_an_edit_without_a_path_is_of_the_file_that_was_shown():
    edit = EditBlock(content="def total(items):\n    return 0\n", language="python")
    (made,) = (await fitted(Trees(), STATE, [edit])).change.files_to_update
    assert (made.path, made.replace) == ("src/a.py", "def total(items):\n    return 0")


async def test_what_cannot_be_seen_stays_as_it_is():
    edits = (
        FileEdit(path=".env", search="KEY=1", replace="KEY=2"),
        FileEdit(path="linked/b.py", search="x = 1", replace="x = 2"),
    )
    change = CodeChange(files_to_update=edits)
    fit = await fitted_to_files(Trees(), STATE, change)
    assert (fit.change.files_to_update, fit.problems) == (edits, 0)


async def test_a_later_step_is_fitted_to_what_the_earlier_one_left():
    trees = Trees()
    await fitted_to_files(trees, STATE, CodeChange(), "later")
    assert trees.asked == [("r", "later")]
