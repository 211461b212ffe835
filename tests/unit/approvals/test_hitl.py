"""Speaking with LangGraph clients."""

import json
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals import Ballot, bound, interrupt_payload, parse_resume, read_resume
from approvals.lifecycle import asked
from approvals.testing.rehearsal import START, action, question
from domain import Refused


def ballot(step: str = "a", command: str = "make release") -> Ballot:
    return asked(question(step=step, command=command), now=START, nonce="n")


def test_the_payload_is_a_hitl_request_with_one_action() -> None:
    shown = interrupt_payload(ballot())
    request = shown["action_requests"][0]
    assert len(shown["action_requests"]) == 1
    assert request["name"] == "shell"
    assert request["args"] == request["arguments"]
    assert request["args"]["arguments"]["command"] == "make release"
    assert "because" in request["description"]
    assert shown["review_configs"] == [{"action_name": "shell", "allowed_decisions": ["approve", "edit", "reject"]}]
    assert shown["action_digest"] == ballot().action_digest
    assert shown["approval_id"] == ballot().id
    assert shown["tier"] == "high"
    assert datetime.fromisoformat(shown["expires_at"]) == ballot().expires_at
    assert "response_schema" not in shown


@pytest.mark.parametrize(
    ("resume", "choice", "comment"),
    [
        ({"decisions": [{"type": "approve"}]}, "approve", ""),
        ({"decisions": [{"type": "reject", "message": "use a branch"}]}, "reject", "use a branch"),
        ([{"type": "accept", "args": None}], "approve", ""),
        ([{"type": "response", "args": "use a branch"}], "reject", "use a branch"),
        ([{"type": "ignore", "args": None}], "reject", ""),
        ({"type": "approve"}, "approve", ""),
        ({"decision": "approve", "comment": "fine"}, "approve", "fine"),
        ({"decision": "reject", "comment": "no"}, "reject", "no"),
        ({"decision": "respond", "comment": "why?"}, "reject", "why?"),
    ],
)
def test_the_answers_of_the_clients(resume: Any, choice: str, comment: str) -> None:
    decision = parse_resume(resume, ballot())
    assert decision
    assert (decision.choice, decision.comment, decision.action_digest) == (choice, comment, ballot().action_digest)


EDITED = interrupt_payload(ballot(command="make check"))["action_requests"][0]["args"]


@pytest.mark.parametrize(
    "resume",
    [
        {"decisions": [{"type": "edit", "edited_action": {"name": "shell", "args": EDITED}}]},
        [{"type": "edit", "args": {"action": "shell", "args": EDITED}}],
        {"decision": "edit", "edited_action": EDITED},
        # A form of Agent Inbox: what was changed comes as text.
        [
            {
                "type": "edit",
                "args": {"action": "shell", "args": {**EDITED, "arguments": json.dumps(EDITED["arguments"])}},
            }
        ],
        {"type": "edit", "edited_action": {"name": "shell", "args": {**EDITED, "environment": "[]"}}},
    ],
)
def test_edits_carry_the_complete_action(resume: Any) -> None:
    answer = read_resume(resume)
    assert answer.kind == "edit"
    assert answer.edited == action("make check")
    assert parse_resume(resume, ballot()) is None


@pytest.mark.parametrize(
    "args",
    [
        {"name": "push", "args": EDITED},
        {"name": "shell", "args": {"command": "make check"}},
        {"name": "shell", "args": {**EDITED, "unknown": 1}},
        {"name": "shell", "args": {**EDITED, "arguments": "{"}},
        {"name": "shell", "args": {**EDITED, "arguments": '"make"'}},
        {"name": "shell", "args": {**EDITED, "network": "host"}},
        {"name": "shell", "args": {**EDITED, "arguments": {"n": 2**60}}},
        {"name": "shell"},
        "make check",
    ],
)
def test_an_incomplete_edit_is_nothing(args: Any) -> None:
    assert read_resume({"type": "edit", "edited_action": args}).kind == "none"


KEYS = st.sampled_from(["type", "decisions", "decision", "args", "action_digest", "edited_action", "x"]) | st.text()
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner)
)


@given(JSON)
def test_nothing_a_client_sends_raises(resume: Any) -> None:
    read_resume(resume)
    parse_resume(resume, ballot())


def test_an_answer_without_a_name_belongs_to_the_only_pending_ballot() -> None:
    one, two = ballot(), ballot("b", "make publish")
    plain = read_resume({"decisions": [{"type": "approve"}]})
    assert bound(plain, [one]) == one
    for pending in ([], [one, two]):
        with pytest.raises(Refused) as no:
            bound(plain, pending)
        assert no.value.stable_code == "approval_missing"
    named = read_resume({"type": "approve", "approval_id": two.id, "action_digest": two.action_digest})
    assert bound(named, [one, two]) == two
    stale = read_resume({"type": "approve", "action_digest": one.action_digest})
    with pytest.raises(Refused) as no:
        bound(stale, [two])
    assert no.value.stable_code == "digest_mismatch"
