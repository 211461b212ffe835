"""``signoff migrate``: bring the tables of a PostgreSQL server up to date."""

from typing import Annotated

import typer

from approvals import open_engine
from service.database import rows_url, server_url
from service.migrations import HEAD, ensure_migrated, migrate_postgres
from service.refusals import refuse
from service.settings import Settings, read_settings
from service.terminal import JSON, err, out, print_json
from service.terminal import run as run_async


def migrate(
    check: Annotated[bool, typer.Option("--check", help="Change nothing; fail when something is missing.")] = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Make or change the tables on the server of SIGNOFF_DATABASE_URL. Doing it twice changes nothing.

    SQLite needs no command: it is brought up to date when it is opened. Stop the servers and workers of
    an older version first, and have a backup.

    Examples:
      SIGNOFF_DATABASE_URL=postgresql://signoff@db/signoff signoff migrate

      signoff migrate --check
    """

    async def work() -> None:
        done = await bring_up_to_date(read_settings(), check=check)
        if as_json:
            print_json({"revision": HEAD, "applied": done})
        else:
            out().print(f"the database is at revision {HEAD}")

    run_async(work, as_json=as_json)


async def bring_up_to_date(settings: Settings, *, check: bool = False) -> list[str]:
    """Return what was applied.

    Raises:
        Refused: ``server_needed`` without one, ``database_not_migrated`` when only checking.
    """
    server = server_url(settings)
    if server is None:
        raise refuse("server_needed", "There is no server to migrate: SQLite brings itself up to date.")
    engine = open_engine(rows_url(server).get_secret_value())
    try:
        if check:
            await ensure_migrated(engine)
            return []
        err().print("migrating …", highlight=False)
        return await migrate_postgres(engine, server)
    finally:
        await engine.dispose()
