"""What a span says of a coder that goes in circles."""

from domain.coder import CoderTurn, RunAction
from domain.evidence import Evidence, Finding
from graphs.spans import loop_noticed

TURN = CoderTurn(step="s", number=1, action=RunAction(command="ls"))


def test_a_loop_is_told_by_the_newest_evidence_and_the_newest_turn() -> None:
    quiet = Evidence(step="s", attempt=1)
    loop = Evidence(step="s", attempt=2, findings=(Finding(kind="loop", message="the same again"),))
    nudged = CoderTurn(step="s", number=2, action=RunAction(command="ls"), nudged=True)
    assert loop_noticed({}) == ""
    assert loop_noticed({"evidence": (loop, quiet), "turns": (nudged, TURN)}) == ""
    assert loop_noticed({"turns": (TURN, nudged)}) == "nudge"
    assert loop_noticed({"evidence": (quiet, loop), "turns": (nudged,)}) == "stop"
