"""Rows of what forges sent: whoever waits longest for a look is looked at first."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from database import open_engine, sqlite_url
from service.forges.events import AT_ONCE, ForgeEvents, ReceivedEvent
from service.tables import METADATA

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


def event(id_: str, *, received_s: int, due_s: int, place: str = "") -> ReceivedEvent:
    return ReceivedEvent(
        id=id_,
        hook="acme",
        org="local",
        kind="asked",
        place=place or f"gh:acme/shop:issue:{id_}",
        body_digest=id_,
        event="{}",
        subject="ann",
        outside=False,
        received_at=NOW + timedelta(seconds=received_s),
        due_at=NOW + timedelta(seconds=due_s),
    )


async def test_many_that_are_looked_at_again_and_again_keep_nothing_new_waiting(tmp_path: Path) -> None:
    engine = open_engine(sqlite_url(tmp_path / "events.db"))
    try:
        async with engine.begin() as conn:
            await conn.run_sync(METADATA.create_all)
        events = ForgeEvents(engine=engine, clock=lambda: NOW + timedelta(seconds=60))
        for number in range(AT_ONCE):
            row = await events.add(event(f"old-{number:02}", received_s=number, due_s=50))
            await events.begun(row, "turn")
            await events.later(row, row.due_at)
        await events.add(event("new", received_s=40, due_s=40))
        due = [row.id for row in await events.due()]
        assert due[0] == "new"
        assert due[1:] == [f"old-{number:02}" for number in range(AT_ONCE - 1)]
    finally:
        await engine.dispose()


async def test_only_what_was_not_planned_yet_is_asked_together(tmp_path: Path) -> None:
    engine = open_engine(sqlite_url(tmp_path / "events.db"))
    try:
        async with engine.begin() as conn:
            await conn.run_sync(METADATA.create_all)
        events = ForgeEvents(engine=engine, clock=lambda: NOW)
        first, planned, free = [
            await events.add(event(id_, received_s=0, due_s=0, place="here")) for id_ in ("a", "b", "c")
        ]
        await events.plan(planned, {"input": {}}, "t", [])
        assert [row.id for row in await events.beside(first)] == [free.id]
    finally:
        await engine.dispose()
