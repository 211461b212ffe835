"""6. Requester, editor, bot or API key approves: 403. The same human twice on critical: 1 of 2."""

from dataclasses import replace

import pytest

from approvals import Revision
from approvals.testing.rehearsal import action, refuses, yes
from tests.worlds.approvals import World
from tests.worlds.hooks import SECRET, github_press, github_signed, hooks, message, signed


@pytest.mark.parametrize("kind", ["bot", "api_key", "service"])
async def test_06_no_machine_counts(world: World, kind: str) -> None:
    ballot = await world.stage.ask()
    machine = replace(world.stage.human("ci"), kind=kind)
    no = await refuses("not_approver", world.ballots.vote(ballot.id, yes(ballot), machine))
    assert no.http_status == 403


async def test_06_neither_requester_nor_editor_counts(world: World) -> None:
    ballot, vera = await world.stage.ask(), world.stage.human("vera")
    no = await refuses("self_approval", world.ballots.vote(ballot.id, yes(ballot), world.stage.human("rita")))
    assert no.http_status == 403
    change = Revision(action=action("make check"), risk=ballot.risk, requirement=ballot.requirement)
    edited = await world.ballots.edit(ballot.id, change, vera)
    await refuses("self_approval", world.ballots.vote(edited.id, yes(edited), vera))
    await refuses("self_approval", world.ballots.vote(edited.id, yes(edited), world.stage.human("rita")))
    assert (await world.ballots.vote(edited.id, yes(edited), world.stage.human("wanda"))).state == "approved"


async def test_06_nor_by_hook(world: World) -> None:
    ballot = await world.stage.ask()
    receiving, now = hooks(world), world.stage.clock()
    world.stage.human("rita")
    own = message(ballot, subject="u-2")
    answer = await receiving.receive("ci", signed("m1", own, now, SECRET), own)
    assert (answer.status, answer.body["code"]) == (403, "self_approval")
    bot = github_press(ballot, sender="Bot")
    answer = await receiving.receive("github", github_signed(bot), bot)
    assert (answer.status, answer.body["code"]) == (403, "not_approver")


async def test_06_the_same_human_twice_is_one_of_two(world: World) -> None:
    ballot, vera = await world.stage.ask("critical"), world.stage.human("vera")
    for spelled in (vera, vera, replace(vera, subject="Vera"), replace(vera, surface="page")):
        ballot = await world.ballots.vote(ballot.id, yes(ballot), spelled)
        assert (ballot.state, ballot.approvals) == ("pending", 1)
    assert (await world.ballots.vote(ballot.id, yes(ballot), world.stage.human("wanda"))).state == "approved"
