"""Tables of prompts: texts of versions, changes of what is spoken, canaries, and which run speaks which version."""

from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import BigInteger, Column, Float, Index, Integer, String, Table, Text, column
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from database import Json, UtcDateTime
from service.tables import METADATA

PROMPT_VERSIONS = Table(
    "prompt_versions",
    METADATA,
    Column("name", String(100), primary_key=True),
    Column("version", String(100), primary_key=True),
    Column("label", String(20), nullable=False),
    Column("parts", Json, nullable=False),
    Column("added_at", UtcDateTime, nullable=False),
)
"""Texts that a run spoke or that were promoted: a run goes on with its own when the file is another one by then."""
PROMPT_CHANGES = Table(
    "prompt_changes",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("org", String(200), nullable=False),
    Column("name", String(100), nullable=False),
    Column("verb", String(20), nullable=False),
    Column("version", String(100), nullable=False),
    Column("before", String(100), nullable=False),
    Column("changed_by", String(200), nullable=False),
    Column("why", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Index("prompt_changes_by_name", "org", "name", "id"),
)
"""The newest one of a prompt says what is spoken; an empty version: what the files or Langfuse label production."""
PROMPT_CANARIES = Table(
    "prompt_canaries",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("org", String(200), nullable=False),
    Column("name", String(100), nullable=False),
    Column("version", String(100), nullable=False),
    Column("against", String(100), nullable=False),
    Column("share", Float, nullable=False),
    Column("most_runs", Integer, nullable=True),
    Column("state", String(20), nullable=False),
    Column("reason", Text, nullable=False),
    Column("started_by", String(200), nullable=False),
    Column("why", Text, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("ended_by", String(200), nullable=False),
    Column("ended_at", UtcDateTime, nullable=True),
    Column("drawn", Integer, nullable=False),
    Column("candidate_successes", Integer, nullable=False),
    Column("candidate_failures", Integer, nullable=False),
    Column("current_successes", Integer, nullable=False),
    Column("current_failures", Integer, nullable=False),
    # Two that run at once would each count the other's runs as its current version's.
    Index(
        "prompt_canaries_running",
        "org",
        "name",
        unique=True,
        sqlite_where=column("state") == "running",
        postgresql_where=column("state") == "running",
    ),
)
PROMPT_RUNS = Table(
    "prompt_runs",
    METADATA,
    Column("run", String(64), primary_key=True),
    Column("name", String(100), primary_key=True),
    Column("org", String(200), nullable=False),
    Column("version", String(100), nullable=False),
    Column("canary", String(64), nullable=True),
    Column("outcome", String(20), nullable=True),
    Column("at", UtcDateTime, nullable=False),
    Column("turns", Integer, nullable=True),
    Column("cost_nano", BigInteger, nullable=True),
    Column("seconds", Float, nullable=True),
    Index("prompt_runs_by_name", "org", "name", "at"),
    Index("prompt_runs_by_canary", "canary", "outcome"),
)
"""``outcome``: what the canary counted it as. ``seconds``: without those that waited for a person."""

_INSERTS: Final[dict[str, Callable[[Table], Any]]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


async def insert_new(conn: AsyncConnection, table: Table, row: dict[str, Any]) -> bool:
    """Write a row unless there is one with its key; False: there was, and it stays as it is."""
    # By the row that comes back: how many were written, PostgreSQL's driver does not say of an insert.
    statement = _INSERTS[conn.dialect.name](table).on_conflict_do_nothing().returning(*table.primary_key.columns)
    return (await conn.execute(statement.values(**row))).first() is not None
