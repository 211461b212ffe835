# ruff: noqa: INP001 - alembic loads this file by its path, it is no package
"""Runs the migrations: over a connection it was handed (tests, ``signoff``), or to ``-x url=…``."""

from typing import Any, Literal

from alembic import context
from sqlalchemy import Connection, TypeDecorator, create_engine

from approvals.storage.tables import metadata as approvals
from models.tables import METADATA as MODEL_TABLES
from service.storage.schema import METADATA
from telemetry.audit import metadata as audit

TARGETS = [approvals, audit, METADATA, MODEL_TABLES]


def plain(kind: str, item: object, _context: Any) -> str | Literal[False]:
    """A migration says what lies in the database, not which of today's classes reads it."""
    return f"sa.{item.impl!r}" if kind == "type" and isinstance(item, TypeDecorator) else False


def migrate(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=TARGETS, render_item=plain)
    with context.begin_transaction():
        context.run_migrations()


def print_sql(url: str) -> None:
    """``--sql``: for those whose databases are changed by somebody else."""
    context.configure(url=url, target_metadata=TARGETS, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


def target() -> str:
    url = context.get_x_argument(as_dictionary=True).get("url")
    if not url:
        raise SystemExit("Say which database: alembic -x url=postgresql+psycopg://user@host/signoff upgrade head")
    return url.replace("+aiosqlite", "")


handed = context.config.attributes.get("connection")
if handed is not None:
    migrate(handed)
elif context.is_offline_mode():
    print_sql(target())
else:
    engine = create_engine(target())
    with engine.begin() as opened:
        migrate(opened)
    engine.dispose()
