"""Wait: what stands in the database counts, never what wakes it."""

from dataclasses import replace
from pathlib import Path

import pytest

from approvals import Decision
from nodes.wait import ending_of
from tests.worlds.ballots import COMMIT, ballot
from tests.worlds.house import FIX, OK
from tests.worlds.stations import station, visit

NODES = ("receive", "plan", "execute", "observe", "review", "assess", "ask")


async def test_an_approval_is_read_from_the_ballot(tmp_path: Path) -> None:
    async with station(tmp_path, {"coder": [FIX], "reviewer": [OK]}, *NODES) as (opened, state):
        ballot = await opened.ballots.get(state["ballot"], opened.org)
        await opened.ballots.vote(
            ballot.id, Decision(choice="approve", action_digest=ballot.action_digest), opened.person("ann")
        )
        update = await visit(opened, state, "wait")
        assert update["verdict"].approved
        assert "ending" not in update


async def test_a_rejection_without_words_ends_the_run(tmp_path: Path) -> None:
    async with station(tmp_path, {"coder": [FIX], "reviewer": [OK]}, *NODES) as (opened, state):
        ballot = await opened.ballots.get(state["ballot"], opened.org)
        await opened.ballots.vote(
            ballot.id, Decision(choice="reject", action_digest=ballot.action_digest), opened.person("ann")
        )
        assert (await visit(opened, state, "wait"))["ending"].code == "rejected"


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"state": "approved"}, None),
        ({"state": "rejected", "feedback": "Say why"}, None),
        ({"state": "rejected"}, "rejected"),
        ({"state": "cancelled"}, "cancelled"),
        ({"state": "rejected", "feedback": "Say why", "rejects": 3}, "rejected_three_times"),
    ],
)
def test_a_run_ends_where_nobody_says_what_to_do_instead(more: dict[str, object], code: str | None) -> None:
    ending = ending_of(replace(ballot(COMMIT), **more))
    assert (None if ending is None else ending.code) == code
