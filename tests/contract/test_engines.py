"""What ``service/contract.py`` promises, kept by both engines on their databases."""

import asyncio
from dataclasses import replace

import pytest

from approvals import Decision
from domain import Refused
from service.jobs import Jobs
from service.performer import MOST_ATTEMPTS
from service.wiring import now
from tests.worlds.engines import World, asked, ended, stands_before


async def test_a_turn_is_performed_and_submitting_it_again_changes_nothing(world: World) -> None:
    async with world.office() as office:
        turn = await asked(office, "do it")
        for _ in range(3):
            await office.dispatch.submit(turn)
        assert (await ended(office, turn)).status == "success"
        await office.dispatch.submit(turn)
        assert (await ended(office, turn)).attempts == 1
    assert world.deliveries == [turn.thread]


async def test_turns_of_a_thread_follow_each_other_and_threads_do_not_wait(world: World) -> None:
    async with world.office() as office:
        first = await asked(office, "slow")
        second = await asked(office, "", thread=first.thread)
        other = await asked(office, "do it")
        for turn in (first, second, other):
            await office.dispatch.submit(turn)
        assert (await ended(office, other)).status == "success"
        assert (await office.turns.get(second.id, "local")).status == "pending"
        world.gate.set()
        assert (await ended(office, first)).status == "success"
        assert (await ended(office, second)).attempts == 1


async def test_stopping_keeps_or_takes_back(world: World) -> None:
    async with world.office() as office:
        kept, undone = await asked(office, "slow"), await asked(office, "slow")
        for turn in (kept, undone):
            await office.dispatch.submit(turn)
            await stands_before(office, turn.thread, "execute")
        await asyncio.gather(
            office.dispatch.stop(kept, "interrupt", "user"), office.dispatch.stop(undone, "rollback", "user")
        )
        found = await office.turns.get(kept.id, "local")
        assert (found.status, found.cancel_reason) == ("interrupted", "user")
        with pytest.raises(Refused):
            await office.turns.get(undone.id, "local")
        engine = office.house.engine
        assert (await engine.standing(kept.thread)).next == ("execute",)
        assert not (await engine.standing(undone.thread)).values
        assert {(await engine.runs.get(t.thread, org="local")).owner for t in (kept, undone)} == {None}


async def test_a_drained_run_goes_on_in_the_next_process_from_its_next_step(world: World) -> None:
    async with world.office() as office:
        turn = await asked(office, "slow")
        await office.dispatch.submit(turn)
        await stands_before(office, turn.thread, "execute")
        office.dispatch.drain()
        world.gate.set()
    async with world.office(workers=1) as office:
        assert (await ended(office, turn)).status == "success"
        segments = (await office.house.engine.runs.get(turn.thread, org="local")).segment
    assert segments == 2
    assert world.deliveries == [turn.thread]


@pytest.mark.parametrize("doing", [True, False])
async def test_what_a_dead_process_left_is_taken_up(world: World, doing: bool) -> None:
    async with world.office(workers=1) as office:
        office.dispatch.drain()  # it takes nothing any more
        turn = await asked(office, "do it")
        await office.dispatch.submit(turn)
        world.forget_job(doing=doing)
        await office.turns.update(turn.id, now=now().replace(year=2020), status="running", attempts=1)
        runs = office.house.engine.runs
        await runs.claim(
            turn.thread, "elsewhere/1/1/1", now=now().replace(year=2020), lease_for=office.house.engine.lease_for
        )
    async with world.office() as office:
        await office.dispatch.look()
        found = await ended(office, turn)
    assert (found.status, found.attempts) == ("success", 2)
    assert world.deliveries == [turn.thread]


async def test_what_kills_its_workers_is_a_dead_letter_and_can_be_retried(world: World) -> None:
    async with world.office() as office:
        turn = replace(await asked(office, "do it"), attempts=MOST_ATTEMPTS)
        await office.turns.update(turn.id, now=now(), attempts=MOST_ATTEMPTS)
        await office.dispatch.submit(turn)
        assert (await ended(office, turn)).error_code == "job_dead"
        jobs = Jobs(engine=office.database)
        assert [(job.id, job.state) for job in await jobs.list("local", state="dead")] == [(turn.id, "dead")]
        assert world.deliveries == []
        await office.dispatch.submit(await jobs.retry(turn.id[:8], "local", now=now()))
        assert (await ended(office, turn)).status == "success"
        with pytest.raises(Refused) as caught:
            await jobs.retry(turn.id, "local", now=now())
        assert caught.value.stable_code == "job_state"


async def test_who_lost_a_run_writes_no_checkpoint_and_runs_no_command(world: World) -> None:
    async with world.office() as office:
        engine = office.house.engine
        turn = await asked(office, "slow")
        await office.dispatch.submit(turn)
        await stands_before(office, turn.thread, "execute")
        stale = (await engine.runs.get(turn.thread, org="local")).generation
        await engine.runs.park(turn.thread, now=now())
        before = await engine.standing(turn.thread)
        with pytest.raises(Refused) as caught:
            await engine.graph.aupdate_state(engine.config(turn.thread, stale), {"round": 7}, as_node="plan")
        assert caught.value.stable_code == "lease_lost"
        assert (await engine.standing(turn.thread)).values == before.values
        await engine.graph.aupdate_state(engine.config(turn.thread, stale + 1), {"round": 0}, as_node="plan")
        engine.leases.keep(turn.thread, -1.0, since=engine.leases.clock())
        with pytest.raises(Refused) as caught:
            engine.leases.ensure(turn.thread)
        assert caught.value.stable_code == "lease_lost"
        world.gate.set()
        assert (await ended(office, turn)).status == "success"
    assert world.deliveries == [turn.thread]


async def test_many_who_wake_a_run_at_once_wake_it_once(world: World) -> None:
    async with world.office() as office:
        turn = await asked(office, "sign it")
        await office.dispatch.submit(turn)
        await ended(office, turn)
        woken = await asyncio.gather(*(office.reception.wake(turn.thread, "local", because=str(n)) for n in range(8)))
        assert len({taken.turn.id for taken in woken if taken is not None}) == 1
        assert len(await office.turns.of(turn.thread)) == 2


async def test_a_stopped_command_line_stops_the_work(world: World) -> None:
    async with world.office() as office:
        turn = await asked(office, "slow")
        await office.dispatch.submit(turn)
        await stands_before(office, turn.thread, "execute")
        await Jobs(engine=office.database).cancel(turn.id, "local", now=now())
        await office.dispatch.look()
        async with asyncio.timeout(10):
            while (await office.house.engine.runs.get(turn.thread, org="local")).owner is not None:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert (await office.turns.get(turn.id, "local")).cancel_reason == "operator"


async def test_an_answer_wakes_its_run_once_however_late_somebody_notices(world: World) -> None:
    async with world.office() as office:
        turn = await asked(office, "sign it")
        await office.dispatch.submit(turn)
        await ended(office, turn)
    async with world.office(workers=world.idle) as office:
        office.dispatch.drain()  # nobody performs what is woken here
        ballots, turns = office.house.ballots, office.turns

        async def woken() -> str | None:
            taken = await office.reception.wake(turn.thread, "local", because="decided")
            return taken.turn.id if taken else None

        first = str(await woken())
        assert await woken() is None, "it waits and will see every answer"
        await turns.begin(first, now=now(), attempt=1, before=None)
        assert await woken() == first, "somebody works on it"
        (ballot,) = (await ballots.list("local", run=turn.thread)).items
        decision = Decision(choice="approve", action_digest=ballot.action_digest)
        await ballots.vote(ballot.id, decision, office.house.person("ann"))
        second = str(await woken())
        assert second != first, "whoever works may have looked before that answer"
        await turns.update(first, now=now(), status="success")
        for status in ("running", "success"):
            await turns.update(second, now=now(), status=status)
            assert await woken() == second
        assert [each.id for each in await turns.of(turn.thread)] == [second, first, turn.id]
