"""What a turn says is heard once, in order, from wherever somebody left off; also by another process."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from database import now, open_engine, sqlite_url, writing
from database.notify import Signals
from service.runs.event_log import EventReader, EventWriter, TurnEvents, frame
from service.runs.turns import Turn, Turns
from service.storage.schema import METADATA

AT = now()
TURN = Turn(id="t", thread="r", org="a", assistant="coding", created_at=AT, updated_at=AT)
BORN = int(AT.timestamp() * 1_000)
Told = Callable[[TurnEvents, EventWriter, Callable[[bool], EventReader]], Awaitable[None]]


def told(story: Told) -> None:
    """Have a story told with a database of its own."""

    async def tell() -> None:
        with TemporaryDirectory() as folder:
            engine = open_engine(sqlite_url(Path(folder) / "rows.db"))
            async with writing(engine) as conn:
                await conn.run_sync(METADATA.create_all)
            events, turns, signals = TurnEvents(engine=engine), Turns(engine=engine), Signals()
            await turns.add(TURN)
            await turns.begin("t", now=AT, attempt=1, before=None)
            writer = EventWriter(turn=TURN, events=events, signals=signals, clock=now, modes=("custom",))

            def replay(here: bool) -> EventReader:
                return EventReader(
                    turn=TURN, events=events, turns=turns, signals=signals, writer=writer if here else None
                )

            await story(events, writer, replay)
            await engine.dispose()

    asyncio.run(tell())


@settings(max_examples=20, deadline=None)
@given(st.lists(st.lists(st.text(max_size=8), max_size=4), max_size=5), st.integers(0, 20), st.booleans())
def test_a_stream_goes_on_behind_any_event(batches: list[list[str]], left_at: int, here: bool) -> None:
    said = [each for batch in batches for each in batch]
    left_at = min(left_at, len(said))
    whole = [frame("custom", json.dumps(t, ensure_ascii=False).encode(), f"{BORN}-{n}") for n, t in enumerate(said, 1)]

    async def story(events: TurnEvents, writer: EventWriter, replay: Callable[[bool], EventReader]) -> None:
        async def hears(after: str | None) -> list[bytes]:
            return [part async for part in replay(here).listen(after)]

        live = asyncio.create_task(hears(None))
        for batch in batches:
            for each in batch:
                writer.say("custom", each)
            await writer.kept()
        await writer.close(ended=True)
        assert await live == whole
        assert await hears(f"{BORN}-{left_at}") == whole[left_at:]
        assert await hears("another record-3") == whole

    told(story)


def test_nothing_is_heard_that_is_not_kept() -> None:
    async def story(events: TurnEvents, writer: EventWriter, replay: Callable[[bool], EventReader]) -> None:
        heard = replay(True).listen()
        writer.say("custom", "first")
        assert await anext(heard) == frame("custom", b'"first"', f"{BORN}-1")
        assert [event for _, event, _ in await events.after("t", 0)] == ["custom"]
        await writer.close(ended=True)
        assert [part async for part in heard] == []

    told(story)


def test_who_was_replaced_says_nothing_any_more() -> None:
    async def story(events: TurnEvents, writer: EventWriter, replay: Callable[[bool], EventReader]) -> None:
        await Turns(engine=events.engine).begin("t", now=AT, attempt=2, before=None)
        writer.say("custom", "a dead man's word")
        await writer.close(ended=True)
        assert await events.after("t", 0) == []

    told(story)


def test_the_oldest_events_go_when_a_turn_says_too_much() -> None:
    async def story(events: TurnEvents, writer: EventWriter, replay: Callable[[bool], EventReader]) -> None:
        writer.most_bytes = 40
        for number in range(10):
            writer.say("custom", f"{number:08}")
            await writer.kept()
        assert [seq for seq, _, _ in await events.after("t", 0)] == [7, 8, 9, 10]

    told(story)
