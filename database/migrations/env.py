"""Environment of the migrations: Alembic loads this file by its path, to run revisions or to print their SQL.

It is handed everything in the configuration's attributes: the open ``connection``; for whoever writes a new
revision (``scripts/revision.py``) also the ``tables`` of today's code.
"""

from typing import Any, Literal

from alembic import context
from sqlalchemy import TypeDecorator


def plain(kind: str, item: object, _context: Any) -> str | Literal[False]:
    """A migration says what lies in the database, not which of today's classes reads it."""
    return f"sa.{item.impl!r}" if kind == "type" and isinstance(item, TypeDecorator) else False


handed = context.config.attributes
if context.is_offline_mode():
    context.configure(dialect_name="postgresql", literal_binds=True)
else:
    context.configure(connection=handed["connection"], target_metadata=handed.get("tables"), render_item=plain)
with context.begin_transaction():
    context.run_migrations()
