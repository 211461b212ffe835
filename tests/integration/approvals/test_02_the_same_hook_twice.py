"""2. The same webhook-id twice: the second is a no-op with the same answer; one execution."""

import asyncio

from approvals.testing.rehearsal import refuses
from tests.worlds.approvals import World
from tests.worlds.hooks import SECRET, hooks, message, signed


async def test_02_the_second_time_has_the_same_answer_and_no_effect(world: World) -> None:
    ballot = await world.stage.ask()
    receiving = hooks(world)
    body = message(ballot)
    headers = signed("msg_1", body, world.stage.clock(), SECRET)
    first = await receiving.receive("ci", headers, body)
    assert (first.status, first.body["state"]) == (200, "approved")
    used = await world.ballots.consume(ballot.id, "acme", ballot.action_digest)
    assert used.state == "consumed"
    lines = len(await world.log())
    assert await receiving.receive("ci", headers, body) == first
    assert len(await world.log()) == lines
    await refuses("already_consumed", world.ballots.consume(ballot.id, "acme", ballot.action_digest))


async def test_02_ten_at_once_are_one_vote(world: World) -> None:
    ballot = await world.stage.ask("high")
    receiving, body = hooks(world), message(ballot)
    headers = signed("msg_1", body, world.stage.clock(), SECRET)
    answers = await asyncio.gather(*(receiving.receive("ci", headers, body) for _ in range(10)))
    assert {answer.status for answer in answers} == {200}
    assert sum(line["verb"] == "approval.vote.approve" for line in await world.log()) == 1


async def test_02_another_message_under_a_used_id_is_refused(world: World) -> None:
    one, two = await world.stage.ask(), await world.stage.ask(step="b")
    receiving, now = hooks(world), world.stage.clock()
    await receiving.receive("ci", signed("msg_1", message(one), now, SECRET), message(one))
    answer = await receiving.receive("ci", signed("msg_1", message(two), now, SECRET), message(two))
    assert (answer.status, answer.body["code"]) == (409, "hook_reused")
    assert (await world.ballots.get(two.id, "acme")).state == "pending"


async def test_02_a_refusal_is_remembered_too(world: World) -> None:
    ballot = await world.stage.ask()
    receiving, body = hooks(world), message(ballot, subject="stranger")
    headers = signed("msg_1", body, world.stage.clock(), SECRET)
    first = await receiving.receive("ci", headers, body)
    assert (first.status, first.body["code"]) == (403, "not_approver")
    assert await receiving.receive("ci", headers, body) == first
