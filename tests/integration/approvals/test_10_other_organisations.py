"""10. An approval of another organisation: 404. A chat identity on critical: 403."""

from approvals.testing.rehearsal import question, refuses, yes
from tests.worlds.approvals import World
from tests.worlds.hooks import SECRET, hooks, message, signed, slack_press, slack_signed


async def test_10_another_organisation_is_404(world: World) -> None:
    ballot, mallory = await world.stage.ask(), world.stage.human("mallory", org="evil")
    for attempt in (
        world.ballots.get(ballot.id, "evil"),
        world.ballots.vote(ballot.id, yes(ballot), mallory),
        world.ballots.consume(ballot.id, "evil", ballot.action_digest),
    ):
        assert (await refuses("approval_missing", attempt)).http_status == 404
    assert await world.log("evil") == []


async def test_10_also_by_hook(world: World) -> None:

    foreign = await world.ballots.open(question(org="evil", run="run-9"))
    body = message(foreign)
    answer = await hooks(world).receive("ci", signed("m", body, world.stage.clock(), SECRET), body)
    assert (answer.status, answer.body["code"]) == (404, "approval_missing")


async def test_10_a_chat_identity_does_not_sign_critical(world: World) -> None:
    ballot = await world.stage.ask("critical")
    receiving, now = hooks(world), world.stage.clock()
    body = slack_press(ballot)
    answer = await receiving.receive("slack", slack_signed(body, now), body)
    assert (answer.status, answer.body["code"]) == (403, "step_up_required")
    body = message(ballot)
    answer = await receiving.receive("ci", signed("m", body, now, SECRET), body)
    assert (answer.status, answer.body["code"]) == (403, "step_up_required")
    veto = slack_press(ballot, "reject")
    answer = await receiving.receive("slack", slack_signed(veto, now), veto)
    assert (answer.status, answer.body["state"]) == (200, "rejected")
