"""The migrations and the tables in the code are the same tables, on both databases, and old rows survive them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import (
    Column,
    Connection,
    DateTime,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    insert,
    inspect,
    select,
    text,
)
from sqlalchemy.ext.asyncio import AsyncEngine

from approvals.storage import RunNotice, StoredOutbox
from database import micros, open_engine, sqlite_url
from service.runs.turns import TURNS
from service.storage.schema import EVERY_ROOM, make_tables
from tests.worlds import approvals, postgres


async def described(engine: AsyncEngine) -> dict[str, object]:
    """Everything that the database itself says about its tables and triggers."""

    def describe(conn: Connection) -> dict[str, object]:
        seen = inspect(conn)
        named: dict[str, object] = {}
        for table in sorted(set(seen.get_table_names()) - {"alembic_version"}):
            columns = [
                (c["name"], str(c["type"]), c["nullable"], c.get("autoincrement")) for c in seen.get_columns(table)
            ]
            checks = sorted((str(c["name"]), str(c["sqltext"])) for c in seen.get_check_constraints(table))
            keys = (seen.get_pk_constraint(table)["constrained_columns"], seen.get_foreign_keys(table))
            indexes = sorted((str(i["name"]), i["column_names"], i["unique"]) for i in seen.get_indexes(table))
            unique = sorted((str(u["name"]), u["column_names"]) for u in seen.get_unique_constraints(table))
            named[table] = (columns, checks, keys, indexes, unique)
        if conn.dialect.name == "sqlite":
            named["triggers"] = sorted(
                conn.execute(text("SELECT sql FROM sqlite_master WHERE type = 'trigger'")).scalars()
            )
        else:
            named["triggers"] = sorted(
                conn.execute(text("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal")).scalars()
            )
        return named

    async with engine.connect() as conn:
        return await conn.run_sync(describe)


async def differences(engine: AsyncEngine) -> list[object]:
    def compare(conn: Connection) -> list[object]:
        context = MigrationContext.configure(conn, opts={"target_metadata": list(EVERY_ROOM), "compare_type": True})
        return list(compare_metadata(context, list(EVERY_ROOM)))

    async with engine.connect() as conn:
        return await conn.run_sync(compare)


async def same(migrated: AsyncEngine, made: AsyncEngine) -> None:
    await make_tables(made)
    assert await described(migrated) == await described(made)
    assert await differences(migrated) == []
    await approvals.migrate(migrated, down=True)
    assert await described(migrated) == {"triggers": []}


async def test_sqlite(engine: AsyncEngine, tmp_path: Path) -> None:
    made = open_engine(sqlite_url(tmp_path / "made.db"))
    await same(engine, made)
    await made.dispose()


@pytest.mark.postgres
async def test_postgres(postgres_engine: AsyncEngine, socket: Path) -> None:
    postgres.sql(socket, "CREATE DATABASE made")
    made = open_engine(postgres.url(socket, "made"))
    await same(postgres_engine, made)
    await made.dispose()


AT = datetime(2026, 1, 5, 9, 0, 0, 250_001, tzinfo=UTC)
OLD_LETTER = (
    '{"topic":"approval.pending","org":"acme","run":"run-1","ballot":"b","action_digest":"d","tier":"high",'
    '"state":"pending","expires_at":"2026-01-06T09:00:00Z","at":"2026-01-05T09:00:00Z"}'
)
OLD_BODY = '{"type":"run.interrupted","data":{"run_id":"turn-1","values":{"text":"grüße"}}}'.encode()


async def old_letters_survive(engine: AsyncEngine) -> None:
    """Down to the version with two outboxes, letters of both kinds into them, and up again."""
    await approvals.migrate(engine, to="0007")
    letters = Table(
        "run_letters",
        MetaData(),
        *(Column(name, String) for name in ("id", "org", "turn", "url", "state", "error")),
        Column("body", LargeBinary),
        Column("attempts", Integer),
        *(Column(name, DateTime(timezone=True)) for name in ("due_at", "created_at")),
    )
    turn = {
        "id": "turn-1",
        "thread": "thread-1",
        "org": "acme",
        "assistant": "coding",
        "status": "interrupted",
        "asked": {},
        "metadata": {},
        "strategy": "enqueue",
        "attempts": 1,
        "created_at": AT,
        "updated_at": AT,
    }
    row = {
        "org": "acme",
        "turn": "turn-1",
        "url": "https://x.example/?a=b",
        "body": OLD_BODY,
        "attempts": 2,
        "created_at": AT,
    }
    approval = {"id": "msg_0", "org": "acme", "endpoint": "chat", "letter": OLD_LETTER, "at": micros(AT)}
    async with engine.begin() as conn:
        await conn.execute(insert(TURNS).values(**turn))
        await conn.execute(
            text(
                "INSERT INTO outbox (id, org, endpoint, letter, state, attempts, due_at, created_at, error) "
                "VALUES (:id, :org, :endpoint, :letter, 'waiting', 0, :at, :at, '\"\"')"
            ),
            approval,
        )
        for number, (state, error) in enumerate((("waiting", ""), ("sent", ""), ("dead", 'answered "500", ü')), 1):
            own = {"id": f"msg_{number}", "state": state, "error": error, "due_at": AT + timedelta(minutes=number)}
            await conn.execute(insert(letters).values(**row, **own))
        orphan = {"id": "msg_4", "state": "waiting", "error": "", "due_at": AT}
        await conn.execute(insert(letters).values(**{**row, "turn": "taken back"}, **orphan))
    await approvals.migrate(engine)
    items = await StoredOutbox(engine=engine, clock=lambda: AT + timedelta(days=1)).list("acme")
    assert [(i.id, i.kind, i.endpoint, i.url, i.state, i.attempts, i.error) for i in reversed(items)] == [
        ("msg_0", "approval", "chat", "", "waiting", 0, ""),
        ("msg_1", "run", "", "https://x.example/?a=b", "waiting", 2, ""),
        ("msg_2", "run", "", "https://x.example/?a=b", "sent", 2, ""),
        ("msg_3", "run", "", "https://x.example/?a=b", "dead", 2, 'answered "500", ü'),
        ("msg_4", "run", "", "https://x.example/?a=b", "waiting", 2, ""),
    ]
    assert items[1].letter == RunNotice(topic="run.interrupted", run="thread-1", turn="turn-1")
    assert items[0].letter == RunNotice(topic="run.interrupted", run="", turn="taken back")
    assert (items[1].created_at, items[1].due_at) == (AT, AT + timedelta(minutes=3))
    async with engine.connect() as conn:
        runs = {row.id: row.run for row in await conn.execute(text("SELECT id, run FROM outbox"))}
    assert (runs["msg_0"], runs["msg_1"]) == ("run-1", "thread-1")
    taken = await StoredOutbox(engine=engine, clock=lambda: AT + timedelta(days=1)).take(10)
    assert [item.body for item in taken] == [b"", OLD_BODY, OLD_BODY]
    await approvals.migrate(engine, to="0007")
    async with engine.connect() as conn:
        back = (await conn.execute(select(letters).order_by(letters.c.id))).mappings().all()
    assert [(row["id"], row["error"], row["body"]) for row in back] == [
        ("msg_1", "", OLD_BODY),
        ("msg_2", "", OLD_BODY),
        ("msg_3", 'answered "500", ü', OLD_BODY),
        ("msg_4", "", OLD_BODY),
    ]
    assert {
        row["created_at"].replace(tzinfo=UTC) if row["created_at"].tzinfo is None else row["created_at"] for row in back
    } == {AT}


async def test_old_letters_survive_on_sqlite(engine: AsyncEngine) -> None:
    await old_letters_survive(engine)


@pytest.mark.postgres
async def test_old_letters_survive_on_postgres(postgres_engine: AsyncEngine) -> None:
    await old_letters_survive(postgres_engine)
