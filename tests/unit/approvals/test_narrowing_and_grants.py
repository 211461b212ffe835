"""An edit of a critical action only takes away; a grant never covers more than was signed."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals import Ballot, Terms, Voter
from approvals.grants import covers, narrowed, offered
from approvals.lifecycle import asked, narrows
from approvals.testing.rehearsal import START, question
from domain import Action, Refused, Risk

PUSH = Action(
    tool="push",
    arguments={"force": True, "dry_run": True, "paths": ["a", "b"], "argv": ["x", "--safe"], "ref": "main"},
    environment=("A", "B"),
    network="packages",
    target="origin",
)


def with_arguments(**changed: Any) -> Action:
    return replace(PUSH, arguments={**PUSH.arguments, **changed})


@pytest.mark.parametrize(
    "less",
    [
        PUSH,
        with_arguments(force=False),
        with_arguments(paths=["b"]),
        replace(PUSH, environment=("A",)),
        replace(PUSH, network="none"),
        replace(with_arguments(force=False, paths=["a"]), environment=()),
    ],
)
def test_taking_away_narrows(less: Action) -> None:
    assert narrows(PUSH, less)


@pytest.mark.parametrize(
    "more",
    [
        with_arguments(dry_run=False),
        with_arguments(force="no"),
        with_arguments(paths=[]),
        with_arguments(paths=["a", "c"]),
        with_arguments(argv=["x"]),
        with_arguments(ref="other"),
        with_arguments(extra=True),
        with_arguments(ref=None),
        replace(PUSH, environment=("A", "C")),
        replace(PUSH, target="other"),
        replace(PUSH, content="other"),
        replace(PUSH, tool="shell"),
        replace(PUSH, arguments={}),
        replace(PUSH, cwd="/"),
        replace(PUSH, image_digest="other"),
    ],
)
def test_anything_else_does_not(more: Action) -> None:
    assert not narrows(PUSH, more)


@given(st.sampled_from([replace(PUSH, network="none"), with_arguments(force=False), with_arguments(paths=["a"])]))
def test_narrowing_goes_one_way(less: Action) -> None:
    assert narrows(PUSH, less)
    assert not narrows(less, PUSH)


VERA = Voter(subject="vera", roles=("approver",), session_started_at=START, mfa=True, surface="http")


def signed(**other: str) -> Ballot:
    return asked(question(**other), now=START, nonce="n")


def test_a_grant_pins_everything_but_what_was_left_open() -> None:
    grant = offered(signed(), Terms(), VERA, now=START)
    assert covers(grant, signed(step="b", content="tree:9"), now=START)
    other = signed(step="b")
    for change in (
        {"cwd": "/elsewhere"},
        {"target": "host"},
        {"network": "packages"},
        {"image_digest": "x"},
        {"environment": ("X",)},
        {"arguments": {**other.action.arguments, "command": "rm -rf /"}},
        {"arguments": {**other.action.arguments, "more": 1}},
        {"arguments": {"command": "make release"}},
        {"tool": "commit"},
    ):
        assert not covers(grant, replace(other, action=replace(other.action, **change)), now=START)
    for change in (
        {"org": "evil"},
        {"run": "r2"},
        {"risk": Risk(tier="critical")},
        {"risk": Risk(tier="low")},
        {"requester": "vera"},
        {"editor": "Vera"},
    ):
        assert not covers(grant, replace(other, **change), now=START)
    assert not covers(grant, other, now=START + timedelta(hours=1))
    assert not covers(replace(grant, uses_left=0), other, now=START)


def test_a_delivery_is_never_granted() -> None:
    ballot = signed()
    delivery = replace(ballot, action=replace(ballot.action, tool="push"))
    with pytest.raises(Refused) as no:
        offered(delivery, Terms(), VERA, now=START)
    assert no.value.stable_code == "grant_refused"


def test_a_grant_may_only_become_narrower() -> None:
    ballot = signed()
    grant = offered(ballot, Terms(uses=5), VERA, now=START)
    less = narrowed(grant, ballot.action, Terms(open=("base_commit",), uses=2, seconds=600), now=START)
    assert not covers(less, signed(step="b", content="tree:9"), now=START)
    assert covers(less, signed(step="b"), now=START)
    for wider in (Terms(uses=6), Terms(uses=5, seconds=7_200), Terms(open=("content", "cwd"), uses=1)):
        with pytest.raises(Refused):
            narrowed(grant, ballot.action, wider, now=START)
    with pytest.raises(Refused):
        narrowed(less, ballot.action, Terms(uses=1, seconds=60), now=START)
