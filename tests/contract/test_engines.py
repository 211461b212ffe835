"""What ``service/runs/dispatcher.py`` promises, kept by both engines on their databases."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from approvals import Decision
from database import now
from domain import Refused
from service.queue.distributed import DistributedDispatcher
from service.queue.embedded import EmbeddedDispatcher
from service.queue.jobs import TurnJobs
from service.queue.procrastinate import RetryLater
from service.runs.executor import MOST_ATTEMPTS
from tests.worlds.engines import World, asked, ended, stands_before


async def test_a_turn_is_performed_and_submitting_it_again_changes_nothing(world: World) -> None:
    async with world.context() as context:
        turn = await asked(context, "do it")
        for _ in range(3):
            await context.dispatch.submit(turn)
        assert (await ended(context, turn)).status == "success"
        await context.dispatch.submit(turn)
        assert (await ended(context, turn)).attempts == 1
    assert world.deliveries == [turn.thread]


async def test_turns_of_a_thread_follow_each_other_and_threads_do_not_wait(world: World) -> None:
    async with world.context() as context:
        first = await asked(context, "slow")
        second = await asked(context, "", thread=first.thread)
        other = await asked(context, "do it")
        for turn in (first, second, other):
            await context.dispatch.submit(turn)
        assert (await ended(context, other)).status == "success"
        assert (await context.turns.get(second.id, "local")).status == "pending"
        world.gate.set()
        assert (await ended(context, first)).status == "success"
        assert (await ended(context, second)).attempts == 1


async def test_stopping_keeps_or_takes_back(world: World) -> None:
    async with world.context() as context:
        kept, undone = await asked(context, "slow"), await asked(context, "slow")
        for turn in (kept, undone):
            await context.dispatch.submit(turn)
            await stands_before(context, turn.thread, "execute")
        await asyncio.gather(
            context.dispatch.stop(kept, "interrupt", "user"), context.dispatch.stop(undone, "rollback", "user")
        )
        found = await context.turns.get(kept.id, "local")
        assert (found.status, found.cancel_reason) == ("interrupted", "user")
        with pytest.raises(Refused):
            await context.turns.get(undone.id, "local")
        engine = context.application.engine
        assert (await engine.standing(kept.thread)).next == ("execute",)
        assert not (await engine.standing(undone.thread)).values
        assert {(await engine.runs.get(t.thread, org="local")).owner for t in (kept, undone)} == {None}


async def test_a_drained_run_goes_on_in_the_next_process_from_its_next_step(world: World) -> None:
    async with world.context() as context:
        turn = await asked(context, "slow")
        await context.dispatch.submit(turn)
        await stands_before(context, turn.thread, "execute")
        context.dispatch.drain()
        world.gate.set()
    async with world.context(workers=1) as context:
        assert (await ended(context, turn)).status == "success"
        segments = (await context.application.engine.runs.get(turn.thread, org="local")).segment
    assert segments == 2
    assert world.deliveries == [turn.thread]


async def test_who_was_told_to_stop_begins_nothing_more(world: World) -> None:
    async with world.context(workers=1) as context:
        slow, behind = await asked(context, "slow"), await asked(context, "do it")
        dispatch = context.dispatch
        assert isinstance(dispatch, EmbeddedDispatcher | DistributedDispatcher)
        for turn in (slow, behind):
            await dispatch.submit(turn)
        await stands_before(context, slow.thread, "execute")
        dispatch.drain()
        world.gate.set()
        runs = context.application.engine.runs
        async with asyncio.timeout(10):
            while (await runs.get(slow.thread, org="local")).owner is not None:  # noqa: ASYNC110  another process
                await asyncio.sleep(0.02)
            while slow.id in dispatch._working:  # noqa: ASYNC110  nobody tells when its place is free
                await asyncio.sleep(0.02)
        await dispatch.executor.engine.standing(behind.thread)
        if isinstance(dispatch, DistributedDispatcher):  # the queue may give one out just when it is told
            with pytest.raises(RetryLater):
                await dispatch.perform(behind.id, "local")
        await dispatch.close()
        found = await context.turns.get(behind.id, "local")
        assert (found.status, found.attempts) == ("pending", 0)
    async with world.context(workers=1) as context:
        assert [(await ended(context, turn)).status for turn in (slow, behind)] == ["success", "success"]


async def test_a_process_ends_although_a_cancellation_was_lost(world: World) -> None:
    async with world.context() as context:
        if not isinstance(context.dispatch, DistributedDispatcher):
            return

        async def deaf() -> None:
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            await asyncio.Event().wait()

        task = context.dispatch._working["deaf"] = asyncio.create_task(deaf())
        await context.dispatch.close()
        assert task.cancelled()


@pytest.mark.parametrize("doing", [True, False])
async def test_what_a_dead_process_left_is_taken_up(world: World, doing: bool) -> None:
    async with world.context(workers=1) as context:
        context.dispatch.drain()  # it takes nothing any more
        turn = await asked(context, "do it")
        await context.dispatch.submit(turn)
        world.forget_job(doing=doing)
        await context.turns.update(turn.id, now=now().replace(year=2020), status="running", attempts=1)
        runs = context.application.engine.runs
        await runs.claim(
            turn.thread, "elsewhere/1/1/1", now=now().replace(year=2020), lease_for=context.application.engine.lease_for
        )
    async with world.context() as context:
        await context.dispatch.look()
        found = await ended(context, turn)
    assert (found.status, found.attempts) == ("success", 2)
    assert world.deliveries == [turn.thread]


async def test_what_kills_its_workers_is_a_dead_letter_and_can_be_retried(world: World) -> None:
    async with world.context() as context:
        turn = replace(await asked(context, "do it"), attempts=MOST_ATTEMPTS)
        await context.turns.update(turn.id, now=now(), attempts=MOST_ATTEMPTS)
        await context.dispatch.submit(turn)
        assert (await ended(context, turn)).error_code == "job_dead"
        jobs = TurnJobs(engine=context.database)
        assert [(job.id, job.state) for job in await jobs.list("local", state="dead")] == [(turn.id, "dead")]
        assert world.deliveries == []
        await context.dispatch.submit(await jobs.retry(turn.id[:8], "local", now=now()))
        assert (await ended(context, turn)).status == "success"
        with pytest.raises(Refused) as caught:
            await jobs.retry(turn.id, "local", now=now())
        assert caught.value.stable_code == "job_state"


async def test_who_lost_a_run_writes_no_checkpoint_and_runs_no_command(world: World) -> None:
    async with world.context() as context:
        engine = context.application.engine
        turn = await asked(context, "slow")
        await context.dispatch.submit(turn)
        await stands_before(context, turn.thread, "execute")
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
        assert (await ended(context, turn)).status == "success"
    assert world.deliveries == [turn.thread]


async def test_a_turn_that_is_taken_back_while_its_run_is_busy_holds_up_nobody(world: World) -> None:
    async with world.context() as context:
        first = await asked(context, "do it")
        second = await asked(context, "", thread=first.thread)
        runs = context.application.engine.runs
        await runs.claim(first.thread, "elsewhere/1/1/1", now=now(), lease_for=timedelta(minutes=1))
        for turn in (first, second):
            await context.dispatch.submit(turn)
        async with asyncio.timeout(10):
            while (found := await context.turns.get(first.id, "local")).status != "running" or found.attempts:  # noqa: ASYNC110  another process
                await asyncio.sleep(0.01)  # until it waits to be tried again
        await context.dispatch.stop(first, "rollback", "user")
        await runs.park(first.thread, now=now())
        assert (await ended(context, second, within_s=6)).status == "success"
    assert world.deliveries == [second.thread]


async def test_many_who_wake_a_run_at_once_wake_it_once(world: World) -> None:
    async with world.context() as context:
        turn = await asked(context, "sign it")
        await context.dispatch.submit(turn)
        await ended(context, turn)
        woken = await asyncio.gather(*(context.submission.wake(turn.thread, "local", because=str(n)) for n in range(8)))
        assert len({taken.turn.id for taken in woken if taken is not None}) == 1
        assert len(await context.turns.of(turn.thread)) == 2


async def test_a_stopped_command_line_stops_the_work(world: World) -> None:
    async with world.context() as context:
        turn = await asked(context, "slow")
        await context.dispatch.submit(turn)
        await stands_before(context, turn.thread, "execute")
        await TurnJobs(engine=context.database).cancel(turn.id, "local", now=now())
        await context.dispatch.look()
        async with asyncio.timeout(10):
            while (await context.application.engine.runs.get(turn.thread, org="local")).owner is not None:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert (await context.turns.get(turn.id, "local")).cancel_reason == "operator"


async def test_an_answer_wakes_its_run_once_however_late_somebody_notices(world: World) -> None:
    async with world.context() as context:
        turn = await asked(context, "sign it")
        await context.dispatch.submit(turn)
        await ended(context, turn)
    async with world.context(workers=world.idle) as context:
        context.dispatch.drain()  # nobody performs what is woken here
        ballots, turns = context.application.ballots, context.turns

        async def woken() -> str | None:
            taken = await context.submission.wake(turn.thread, "local", because="decided")
            return taken.turn.id if taken else None

        first = str(await woken())
        assert await woken() is None, "it waits and will see every answer"
        await turns.begin(first, now=now(), attempt=1, before=None)
        assert await woken() == first, "somebody works on it"
        (ballot,) = (await ballots.list("local", run=turn.thread)).items
        decision = Decision(choice="approve", action_digest=ballot.action_digest)
        await ballots.vote(ballot.id, decision, context.application.person("ann"))
        second = str(await woken())
        assert second != first, "whoever works may have looked before that answer"
        await turns.update(first, now=now(), status="success")
        for status in ("running", "success"):
            await turns.update(second, now=now(), status=status)
            assert await woken() == second
        assert [each.id for each in await turns.of(turn.thread)] == [second, first, turn.id]
