"""Opening of the storage that the settings name: the database, and the checkpoints in it."""

from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from importlib.util import find_spec

from langgraph.checkpoint.base import BaseCheckpointSaver
from pydantic import SecretStr
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine

from database import open_engine, sqlite_url
from domain import Refused
from domain.errors import extra_command
from graphs import serializer
from service.settings import Settings

ALIVE = {
    "connect_timeout": "10",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}
"""libpq's parameters, where the URL does not name them: a server that vanished without a word is noticed in half a
minute, by connections that wait for an answer and by those that only listen."""
EXTRA = ("psycopg", "psycopg_pool", "procrastinate", "langgraph.checkpoint.postgres")


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """Where rows and checkpoints are kept."""

    engine: AsyncEngine
    saver: BaseCheckpointSaver[str]
    server: str | None = field(default=None, repr=False)
    """libpq's URL of a PostgreSQL server; None: SQLite in the home folder."""


def server_url(settings: Settings) -> str | None:
    """Libpq's URL, or None for SQLite.

    Raises:
        Refused: ``settings_invalid`` for anything but PostgreSQL, or where its drivers are not installed.
    """
    if settings.database_url is None or not settings.database_url.get_secret_value():
        return None
    configured = settings.database_url.get_secret_value()
    try:
        # The short form is what hosting providers hand out; SQLAlchemy knows the long one only.
        url = make_url(configured.replace("postgres://", "postgresql://", 1))
    except ArgumentError:
        url = None
    if url is None or url.get_backend_name() != "postgresql":
        raise Refused(
            "SIGNOFF_DATABASE_URL is no URL of a PostgreSQL database.",
            code="settings_invalid",
            hint="Write postgresql://user:password@host/database, or leave it empty for SQLite.",
        )
    if missing := [name for name in EXTRA if find_spec(name) is None]:
        raise Refused(
            f"PostgreSQL needs packages that are not installed: {', '.join(missing)}.",
            code="settings_invalid",
            hint=f"Install them: {extra_command('postgres')}",
        )
    url = url.set(drivername="postgresql").update_query_dict({**ALIVE, **url.query})
    return url.render_as_string(hide_password=False)


def rows_url(server: str) -> SecretStr:
    """SQLAlchemy's name for the same database."""
    return SecretStr(server.replace("postgresql://", "postgresql+psycopg://", 1))


async def open_storage(settings: Settings, stack: AsyncExitStack) -> Storage:
    """Open rows and checkpoints for as long as ``stack`` lasts."""
    server = server_url(settings)
    url = rows_url(server).get_secret_value() if server else sqlite_url(settings.home / "signoff.db")
    engine = open_engine(url, most=settings.database_connections)
    stack.push_async_callback(engine.dispose)
    # Each needs a driver that the other does not, and PostgreSQL's is an extra.
    if server is None:
        from service.storage.sqlite_checkpoints import open_sqlite_saver  # noqa: PLC0415

        saver = await stack.enter_async_context(open_sqlite_saver(settings.home / "checkpoints.db", engine))
    else:
        from service.storage.postgres_checkpoints import open_postgres  # noqa: PLC0415

        saver = await stack.enter_async_context(open_postgres(server))
    saver.serde = serializer()
    return Storage(engine=engine, saver=saver, server=server)
