"""What ``service/runs/dispatcher.py`` promises of streams, kept by both engines: the record outlives its process."""

import asyncio

from service.runs.dispatcher import EventStream
from tests.worlds.engines import World, asked, ended, stands_before


async def test_a_stream_is_heard_from_where_it_was_left(world: World) -> None:
    async with world.context() as context:
        turn = await asked(context, "do it")
        heard = await context.dispatch.submit(turn)
        assert heard is not None
        said = [part async for part in heard.listen()]
        ids = [id_of(part) for part in said]
        again = context.dispatch.hear(turn)
        assert again is not None
        assert [part async for part in again.listen(ids[2])] == said[3:]
    async with world.context(workers=world.idle) as context:  # the record outlives its process
        later = context.dispatch.hear(turn)
        assert later is not None
        assert [part async for part in later.listen(ids[0])] == said[1:]


async def test_a_stream_goes_on_in_the_next_process_without_a_gap(world: World) -> None:
    async with world.context() as context:
        turn = await asked(context, "slow")
        heard = await context.dispatch.submit(turn)
        assert heard is not None
        listening = heard.listen()
        early = [await anext(listening) for _ in range(3)]
        await listening.aclose()
        await stands_before(context, turn.thread, "execute")
        context.dispatch.drain()
        world.gate.set()
    async with world.context(workers=1) as context:
        assert (await ended(context, turn)).status == "success"
        again = context.dispatch.hear(turn)
        assert again is not None
        rest = [part async for part in again.listen(id_of(early[-1]))]
        assert [part async for part in again.listen()] == early + rest
        assert [int(id_of(part).rpartition("-")[2]) for part in early + rest] == [*range(1, len(early + rest) + 1)]


async def test_a_stopped_turn_is_silent_at_once_and_for_ever(world: World) -> None:
    async with world.context() as context:
        waits = await asked(context, "slow")
        undone = await asked(context, "", thread=waits.thread)
        heard = [await context.dispatch.submit(turn) for turn in (waits, undone)]
        await stands_before(context, waits.thread, "execute")
        hearing = [asyncio.create_task(_whole(each)) for each in heard]
        await context.dispatch.stop(undone, "rollback", "user")
        await context.dispatch.stop(waits, "interrupt", "user")
        said = await asyncio.wait_for(asyncio.gather(*hearing), 10)
        assert said[0]
        assert said[1] == []
    async with world.context(workers=world.idle) as context:
        assert await _whole(context.dispatch.hear(waits)) == said[0]


async def _whole(heard: EventStream | None) -> list[bytes]:
    assert heard is not None
    return [part async for part in heard.listen()]


def id_of(part: bytes) -> str:
    return part.split(b"\n")[0].removeprefix(b"id: ").decode()
