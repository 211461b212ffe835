"""7. An approver loses the role before execution: refused. Old login on critical: 403 step_up_required."""

from dataclasses import replace
from datetime import timedelta

from approvals.testing.rehearsal import refuses, yes
from tests.worlds.approvals import World


async def test_07_a_lost_role_is_noticed_at_execution(world: World) -> None:
    ballot, vera, wanda = await world.stage.ask("critical"), world.stage.human("vera"), world.stage.human("wanda")
    await world.ballots.vote(ballot.id, yes(ballot), vera)
    await world.ballots.vote(ballot.id, yes(ballot), wanda)
    world.stage.people.members["acme", "wanda"] = ("approver",)
    await refuses("not_approver", world.ballots.consume(ballot.id, "acme", ballot.action_digest))
    assert (await world.log())[-1]["verb"] == "approval.refused.not_approver"
    del world.stage.people.members["acme", "wanda"]
    await refuses("not_approver", world.ballots.consume(ballot.id, "acme", ballot.action_digest))
    world.stage.human("wanda")
    assert (await world.ballots.consume(ballot.id, "acme", ballot.action_digest)).state == "consumed"


async def test_07_critical_wants_a_fresh_login_with_a_second_factor(world: World) -> None:
    ballot, vera = await world.stage.ask("critical"), world.stage.human("vera")
    old = replace(vera, session_started_at=world.stage.clock() - timedelta(minutes=10, seconds=1))
    future = replace(vera, session_started_at=world.stage.clock() + timedelta(hours=1))
    for weak in (old, future, replace(vera, mfa=False), replace(vera, session_started_at=None)):
        no = await refuses("step_up_required", world.ballots.vote(ballot.id, yes(ballot), weak))
        assert no.http_status == 403
