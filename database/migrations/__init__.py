"""Migrations of our own tables (Alembic): the revisions, which one a database is at, and how it gets to the newest.

They lie in the package and import no table of today's code: an installed Signoff has them wherever it runs, and what
a revision did stays as it was.
"""

from typing import TYPE_CHECKING, Final, TextIO

from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncEngine

from database.engine import reading

if TYPE_CHECKING:
    from alembic.config import Config

HEAD: Final = "0024"
"""The newest revision in ``versions/``; a test compares them."""


def configuration(connection: Connection | None = None, *, printed_to: TextIO | None = None) -> "Config":
    """Alembic's configuration for an open connection, or for printing SQL. No file of settings is looked for."""
    from alembic.config import Config  # noqa: PLC0415  only who migrates pays for it

    config = Config(output_buffer=printed_to, attributes={"connection": connection})
    config.set_main_option("script_location", "database:migrations")  # a package: found wherever it is installed
    return config


async def revision(engine: AsyncEngine) -> str | None:
    """What the database is migrated to; None: to nothing."""
    async with reading(engine) as conn:
        if not await conn.run_sync(lambda sync: inspect(sync).has_table("alembic_version")):
            return None
        return (await conn.execute(text("SELECT max(version_num) FROM alembic_version"))).scalar_one()


def upgrade(connection: Connection, to: str = "head") -> None:
    """Run what is missing of the revisions on an open connection."""
    from alembic import command  # noqa: PLC0415

    command.upgrade(configuration(connection), to)


def print_upgrade(since: str | None, printed_to: TextIO) -> None:
    """Write PostgreSQL's SQL for every revision after ``since``: for those whose databases somebody else changes."""
    from alembic import command  # noqa: PLC0415

    command.upgrade(configuration(printed_to=printed_to), f"{since or 'base'}:head", sql=True)


__all__ = ["HEAD", "configuration", "print_upgrade", "revision", "upgrade"]
