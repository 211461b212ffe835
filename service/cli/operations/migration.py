"""``signoff migrate``: the tables of the database, made or changed."""

import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from database import open_engine, sqlite_url
from database.migrations import HEAD, print_upgrade, revision
from service.cli.terminal import JSON, err, out, print_json
from service.cli.terminal import run as run_async
from service.errors import refuse
from service.settings import Settings, read_settings
from service.storage.migrations import ensure_migrated, migrate_postgres, prepare_sqlite
from service.storage.open import rows_url, server_url
from service.storage.schema import make_tables


def migrate(
    check: Annotated[bool, typer.Option("--check", help="Change nothing; fail when something is missing.")] = False,
    sql: Annotated[
        bool, typer.Option("--sql", help="Change nothing; print the SQL of the revisions that are missing.")
    ] = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Make or change the tables on the server of SIGNOFF_DATABASE_URL. Doing it twice changes nothing.

    Without a server it is the SQLite file of the home folder, which every other command brings up to date as well.
    Stop the servers and workers of an older version first, and have a backup. What --sql prints are our own tables on
    PostgreSQL; those of the queue and of checkpoints come with them when this command runs.

    Examples:
      SIGNOFF_DATABASE_URL=postgresql://signoff@db/signoff signoff migrate

      signoff migrate --check
    """

    async def work() -> None:
        settings = read_settings()
        if sql:
            await print_missing(settings)
            return
        applied = await bring_up_to_date(settings, check=check)
        if as_json:
            print_json({"revision": HEAD, "applied": applied})
        else:
            out().print(f"the database is at revision {HEAD}")

    run_async(work, as_json=as_json)


async def print_missing(settings: Settings) -> None:
    """Print what our own revisions would do. Raises ``server_needed``: a file is changed by nobody else."""
    server = server_url(settings)
    if server is None:
        raise refuse("server_needed", "SQL is printed for PostgreSQL; SQLite is brought up to date by every command.")
    async with disposed(open_engine(rows_url(server).get_secret_value())) as engine:
        print_upgrade(await revision(engine), sys.stdout)


async def bring_up_to_date(settings: Settings, *, check: bool = False) -> list[str]:
    """Return what was applied. Raises ``database_not_migrated`` when only checking."""
    server, file = server_url(settings), settings.home / "signoff.db"
    if server is None and check and not file.exists():
        raise refuse("database_not_migrated", f"There is no database in {settings.home} yet.")
    if server is None:
        settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    url = sqlite_url(file) if server is None else rows_url(server).get_secret_value()
    async with disposed(open_engine(url)) as engine:
        if check:
            await ensure_migrated(engine)
            return []
        err().print("migrating …", highlight=False)
        if server is None:
            return await prepare_sqlite(engine, partial(make_tables, engine))
        return await migrate_postgres(engine, server)


@asynccontextmanager
async def disposed(engine: AsyncEngine) -> AsyncGenerator[AsyncEngine]:
    """An engine whose connections are closed behind the block."""
    try:
        yield engine
    finally:
        await engine.dispose()
