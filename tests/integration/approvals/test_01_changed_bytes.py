"""1. Approve, then change one byte of command, diff or target: refused, and audited."""

from dataclasses import replace

import pytest

from approvals import action_digest
from approvals.testing.rehearsal import action, refuses, yes
from domain import Action
from tests.worlds.approvals import World

APPROVED = action("make release")
CHANGED = {
    "command": replace(APPROVED, arguments={**APPROVED.arguments, "command": "make releasf"}),
    "diff": replace(APPROVED, content="tree:2"),
    "target": replace(APPROVED, target="sandbox2"),
    "cwd": replace(APPROVED, cwd="/work/repo/"),
    "environment": replace(APPROVED, environment=("TOKEN",)),
    "base": replace(APPROVED, base_commit="0" * 40),
    "image": replace(APPROVED, image_digest="sha256:1"),
    "network": replace(APPROVED, network="packages"),
    "tool": replace(APPROVED, tool="commit"),
}


@pytest.mark.parametrize("what", CHANGED)
async def test_01_the_executor_refuses_other_bytes(world: World, what: str) -> None:
    ballot = await world.stage.ask()
    await world.ballots.vote(ballot.id, yes(ballot), world.stage.human("vera"))
    changed: Action = CHANGED[what]
    no = await refuses("digest_mismatch", world.ballots.consume(ballot.id, "acme", action_digest(changed)))
    assert no.http_status == 409
    last = (await world.log())[-1]
    assert last["verb"] == "approval.refused.digest_mismatch"
    assert last["object"] == ballot.id
    assert action_digest(changed) in last["digests"]


async def test_01_a_vote_on_other_bytes_does_not_count(world: World) -> None:
    ballot = await world.stage.ask()
    wrong = replace(yes(ballot), action_digest=action_digest(CHANGED["command"]))
    no = await refuses("digest_mismatch", world.ballots.vote(ballot.id, wrong, world.stage.human("vera")))
    assert no.http_status == 409
    assert (await world.ballots.get(ballot.id, "acme")).votes == ()
