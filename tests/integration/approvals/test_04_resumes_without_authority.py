"""4. A plain resume, a resume with nothing, an answer to ballot 1 while ballot 2 is pending: 2 stays pending.

The part of LangGraph's interrupt ids is tested with the graph; here: what a resume value can mean at all.
"""

from typing import Any

import pytest

from approvals import parse_resume
from approvals.testing.rehearsal import yes
from tests.worlds.approvals import World

NO_DECISION: list[Any] = [
    None,
    True,
    1,
    "",
    "approve",
    "approved, go ahead",
    [],
    {},
    {"approved": True},
    {"decisions": []},
    {"decisions": "approve"},
    {"decisions": [{"type": "approve"}, {"type": "approve"}]},
    {"decisions": ["approve"]},
    [{"type": "accept"}, {"type": "accept"}],
    [["approve"]],
    {"type": "APPROVE"},
    {"type": "yes"},
    {"type": None},
    {"decision": ["approve"]},
    {"type": "edit"},
    {"type": "edit", "args": {"tool": "shell"}},
    [None],
    {"decisions": {"type": "approve"}},
    {"type": "comment", "args": "approve"},
]


@pytest.mark.parametrize("resume", NO_DECISION, ids=repr)
async def test_04_what_is_no_decision_approves_nothing(world: World, resume: Any) -> None:
    ballot = await world.stage.ask()
    decision = parse_resume(resume, ballot)
    assert decision is None or decision.choice == "reject"
    assert (await world.ballots.get(ballot.id, "acme")).state == "pending"


async def test_04_an_answer_to_the_first_ballot_leaves_the_second_pending(world: World) -> None:
    first = await world.stage.ask()
    second = await world.stage.ask(step="b", command="make publish")
    await world.ballots.vote(first.id, yes(first), world.stage.human("vera"))
    for named in ({"action_digest": first.action_digest}, {"approval_id": first.id}):
        assert parse_resume({"type": "approve", **named}, second) is None
        assert parse_resume({"decisions": [{"type": "approve"}], **named}, second) is None
    assert (await world.ballots.get(second.id, "acme")).state == "pending"
