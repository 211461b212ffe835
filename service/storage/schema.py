"""Schema of a whole database: the tables of every room, and how a SQLite file gets what it lacks of them."""

from sqlalchemy import Connection, inspect
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.schema import CreateColumn

from approvals.storage import metadata as approvals
from database import writing
from models import MODEL_TABLES
from service.auth.api_keys import KEYS, MODES
from service.auth.directory import MEMBERS, SERVICE_ACCOUNTS
from service.auth.rate_limits import RATES
from service.auth.secrets import FINGERPRINTS
from service.forges.events import FORGE_EVENTS
from service.plans.tables import (
    PAYMENT_EVENTS,
    PLAN_ACCOUNTS,
    PLAN_NOTICES,
    PLAN_RESERVATIONS,
    PLAN_SUBSCRIPTIONS,
    PLAN_USAGE,
)
from service.runs.event_log import EVENTS
from service.runs.runs import RUNS
from service.runs.threads import THREADS
from service.runs.turns import TURNS
from service.storage.assistants import STORED, VERSIONS
from service.storage.crons import CRONS
from service.storage.items import ITEMS
from service.storage.segments import SEGMENTS
from service.storage.vectors import VECTORS
from service.tables import METADATA
from telemetry.audit import metadata as audit

ALL = (
    *(RUNS, THREADS, TURNS, KEYS, MODES, MEMBERS, SERVICE_ACCOUNTS, ITEMS, STORED, VERSIONS, CRONS, EVENTS, RATES),
    *(FORGE_EVENTS, VECTORS, SEGMENTS, FINGERPRINTS),
    *(PLAN_ACCOUNTS, PLAN_SUBSCRIPTIONS, PAYMENT_EVENTS, PLAN_USAGE, PLAN_RESERVATIONS, PLAN_NOTICES),
)
"""The tables of the service; METADATA knows a table only once its module was imported."""
EVERY_ROOM = (approvals, audit, METADATA, MODEL_TABLES)


async def make_tables(engine: AsyncEngine) -> None:
    """Make every table, and in tables that were there every column, that a SQLite file lacks."""
    async with writing(engine) as connection:
        await connection.run_sync(_complete)


def _complete(connection: Connection) -> None:
    before = inspect(connection).get_table_names()
    for metadata in EVERY_ROOM:
        metadata.create_all(connection)
        # ``create_all`` leaves a table that is there as it is.
        for table in (table for table in metadata.sorted_tables if table.name in before):
            columns = {column["name"] for column in inspect(connection).get_columns(table.name)}
            for column in (column for column in table.columns if column.name not in columns):
                declared = CreateColumn(column).compile(dialect=connection.dialect)
                connection.exec_driver_sql(f'ALTER TABLE "{table.name}" ADD COLUMN {declared}')


__all__ = ["ALL", "EVERY_ROOM", "METADATA", "make_tables"]
