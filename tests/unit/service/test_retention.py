"""The registry of what is kept: no table without an entry, and every entry deletes what it says by age."""

from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import MetaData, Table, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from approvals.storage import metadata as approvals
from database import open_engine, reading, sqlite_url, writing
from models import MODEL_TABLES
from service.retention import FILES, KEPT, TABLES, Cutoff, Kept
from service.storage.schema import METADATA
from telemetry.audit import metadata as audit
from tests.worlds import approvals as migrating

NOW = datetime(2026, 6, 1, tzinfo=UTC)
AT = Cutoff(now=NOW, before=NOW - timedelta(days=30))
OURS: tuple[MetaData, ...] = (approvals, audit, METADATA, MODEL_TABLES)
AGING = [kept for kept in TABLES if kept.past is not None]


def ago(**given: float) -> datetime:
    return NOW - timedelta(**given)


DUE: dict[str, tuple[dict[str, Any], ...]] = {
    "turn_events": ({"said_at": ago(days=31)},),
    "outbox": (
        {"state": "sent", "due_at": ago(days=31)},
        {"state": "dead", "due_at": ago(days=31)},
    ),
    "forge_events": ({"state": "done", "received_at": ago(days=31)},),
    "model_reservations": ({"until": ago(minutes=1).timestamp()},),
    "model_answers": ({"until": ago(minutes=1).timestamp()},),
    "model_calls": ({"at": ago(days=3).timestamp()},),
    "received": ({"received_at": ago(days=401)},),
    "links": ({"used_at": ago(days=401)},),
    "api_keys": ({"kind": "st", "expires_at": ago(days=31)},),
    "memory_vectors": ({"used_at": ago(days=91)},),
    "plan_reservations": ({"until": ago(minutes=1).timestamp()},),
    "plan_notices": ({"month": f"{ago(days=100):%Y-%m}"},),
    "payment_events": ({"received_at": ago(days=401)},),
    "rates": ({"minute": int(ago(minutes=5).timestamp() // 60)},),
}
"""Rows that are due, by table."""
NOT_DUE: dict[str, tuple[dict[str, Any], ...]] = {
    "turn_events": ({"said_at": ago(days=29)},),
    "outbox": (
        {"state": "sent", "due_at": ago(days=29)},
        {"state": "dead", "due_at": ago(days=29)},
        {"state": "waiting", "due_at": ago(days=300)},
    ),
    "forge_events": (
        {"state": "done", "received_at": ago(days=29)},
        {"state": "working", "received_at": ago(days=300)},
    ),
    "model_reservations": ({"until": ago(minutes=-1).timestamp()},),
    "model_answers": ({"until": ago(minutes=-1).timestamp()},),
    "model_calls": ({"at": ago(hours=47).timestamp()},),
    "received": ({"received_at": ago(days=399)},),
    "links": ({"used_at": ago(days=399)},),
    "api_keys": (
        {"kind": "st", "expires_at": ago(days=29)},
        {"kind": "ak", "expires_at": ago(days=3_000)},
        {"kind": "ak", "expires_at": None},
    ),
    "memory_vectors": ({"used_at": ago(days=89)},),
    "plan_reservations": ({"until": ago(minutes=-1).timestamp()},),
    "plan_notices": ({"month": f"{NOW:%Y-%m}"},),
    "payment_events": ({"received_at": ago(days=399)},),
    "rates": ({"minute": int(NOW.timestamp() // 60)},),
}
"""Rows that stay."""


def test_every_table_of_every_room_is_in_the_registry_and_only_those() -> None:
    named = {kept.name: kept.what for kept in TABLES if isinstance(kept.what, Table)}
    assert named == {table.name: table for metadata in OURS for table in metadata.sorted_tables}


def test_each_is_named_once() -> None:
    names = [kept.name for kept in KEPT]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("kept", TABLES, ids=lambda kept: kept.name)
def test_what_retention_is_said_to_delete_it_can_delete(kept: Kept) -> None:
    if isinstance(kept.what, Table):
        assert (kept.of_thread is not None) == (kept.whose == "thread")
        assert (kept.deleted_by == "retention") == (kept.of_thread is not None or kept.past is not None)


def test_folders_and_files_have_owners() -> None:
    assert all(kept.lives and kept.deleted_by for kept in FILES)


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncGenerator[AsyncEngine]:
    engine = open_engine(sqlite_url(tmp_path / "signoff.db"))
    await migrating.migrate(engine)
    yield engine
    await engine.dispose()


def filled(table: Table, number: int, values: dict[str, Any]) -> dict[str, Any]:
    """A row of a table, whatever its other columns are."""
    others = {
        "BigInteger": number,
        "Boolean": False,
        "DateTime": NOW,
        "UtcDateTime": NOW,
        "Float": float(number),
        "Instant": NOW,
        "Integer": number,
        "LargeBinary": b"x",
        "FloatVector": (0.5,),
    }
    missing = [column for column in table.c if column.key not in values and not column.nullable]
    return {column.key: others.get(type(column.type).__name__, str(number)) for column in missing} | values


@pytest.mark.parametrize("kept", AGING, ids=lambda kept: kept.name)
async def test_what_is_past_its_time_goes_and_what_is_not_stays(kept: Kept, engine: AsyncEngine) -> None:
    table, past = kept.what, kept.past
    assert isinstance(table, Table)
    assert past is not None
    old, young = DUE[kept.name], NOT_DUE[kept.name]
    async with writing(engine) as conn:
        for number, values in enumerate((*old, *young), 1):
            await conn.execute(insert(table).values(**filled(table, number, values)))
        assert (await conn.execute(delete(table).where(past(AT)))).rowcount == len(old)
    columns = [table.c[name] for name in young[0]]
    async with reading(engine) as conn:
        left = [tuple(row) for row in await conn.execute(select(*columns))]
    assert len(left) == len(young)
