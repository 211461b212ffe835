"""19. Kill switch mid-run: pending ballots are cancelled, approved ones cannot be used, new ones are not opened."""

from approvals import Terms
from approvals.testing.rehearsal import refuses, yes
from tests.worlds.approvals import World


async def test_19_nothing_of_a_killed_run_goes_on(world: World) -> None:
    waiting, signed = await world.stage.ask(), await world.stage.ask(step="b")
    vera = world.stage.human("vera")
    await world.ballots.vote(signed.id, yes(signed), vera)
    await world.ballots.grant(signed.id, Terms(), vera)
    gone = await world.ballots.kill("run-1", world.stage.human("olga", "operator"))
    assert {ballot.id for ballot in gone} == {waiting.id, signed.id}
    assert await world.ballots.killed("run-1", "acme")
    assert not await world.ballots.killed("run-1", "other")
    await refuses("run_killed", world.ballots.consume(signed.id, "acme", signed.action_digest))
    await refuses("run_killed", world.stage.ask(step="c", content="tree:9"))
    await refuses("already_decided", world.ballots.vote(waiting.id, yes(waiting), vera))
    verbs = [line["verb"] for line in await world.log()]
    assert verbs.count("approval.killed") == 2
    assert "run.killed" in verbs


async def test_19_throwing_it_twice_is_fine(world: World) -> None:
    olga = world.stage.human("olga", "operator")
    assert await world.ballots.kill("run-1", olga) == ()
    assert await world.ballots.kill("run-1", olga) == ()
    assert [line["verb"] for line in await world.log()] == ["run.killed"]
