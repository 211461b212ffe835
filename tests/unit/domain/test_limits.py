"""How long a coder may go on without getting anywhere."""

from dataclasses import replace

from domain.coder import CoderTurn, EditAction, EditBlock, OpenAction
from domain.limits import TURNS, turns_left


def test_a_step_has_thirty_turns_since_its_last_edit_that_applied() -> None:
    look = CoderTurn(step="a", action=OpenAction(path="x"))
    edit = CoderTurn(step="a", action=EditAction(edits=(EditBlock(path="x", content="1\n"),)))
    assert turns_left([]) == TURNS
    assert turns_left([look] * 29) == 1
    assert turns_left([*[look] * 29, edit]) == TURNS
    assert turns_left([*[look] * 29, replace(edit, ok=False)]) == 0
    assert turns_left([*[edit, look] * 50]) == TURNS - 1
    assert turns_left([*[replace(look, step="b")] * 29, look]) == TURNS - 1
