"""8. After expiry: 410, and the run is told. 16 min after approval: stale. Approve after reject: 409."""

from approvals.testing.rehearsal import no, refuses, yes
from tests.worlds.approvals import World


async def test_08_after_expiry_it_is_gone(world: World) -> None:
    ballot = await world.stage.ask()
    world.stage.clock.pass_(hours=24)
    late = await refuses("expired", world.ballots.vote(ballot.id, yes(ballot), world.stage.human("vera")))
    assert late.http_status == 410
    ended = await world.ballots.expire()
    assert [(b.run, b.state) for b in ended] == [("run-1", "expired")]
    assert (await world.log())[-1]["verb"] == "approval.expired"


async def test_08_sixteen_minutes_after_approval_it_is_stale(world: World) -> None:
    ballot = await world.stage.ask()
    await world.ballots.vote(ballot.id, yes(ballot), world.stage.human("vera"))
    world.stage.clock.pass_(minutes=16)
    await refuses("approval_stale", world.ballots.consume(ballot.id, "acme", ballot.action_digest))
    assert (await world.ballots.get(ballot.id, "acme")).state == "stale"


async def test_08_approve_after_reject_is_a_conflict(world: World) -> None:
    ballot, vera = await world.stage.ask(), world.stage.human("vera")
    await world.ballots.vote(ballot.id, no(ballot, "use a flag"), vera)
    for voter in (vera, world.stage.human("wanda")):
        late = await refuses("already_decided", world.ballots.vote(ballot.id, yes(ballot), voter))
        assert late.http_status == 409
