"""``signoff worker``: performs runs that servers took in."""

import asyncio
import signal
from typing import Annotated

import typer
import uvloop

from service.cli_serve import keep_for_good
from service.database import server_url
from service.office import open_office
from service.refusals import refuse
from service.settings import Settings, read_settings
from service.terminal import STOPPED, err
from service.terminal import run as run_async
from service.wiring import open_house


def worker(
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Runs to advance at the same time. Default: SIGNOFF_WORKERS.")
    ] = None,
) -> None:
    """Perform runs that any server on the same database took in, until a signal says stop.

    On SIGTERM runs are brought to their next step and given back; other workers go on with them at once. The exit
    status is 0 then, and 130 after Ctrl-C.

    Examples:
      SIGNOFF_DATABASE_URL=postgresql://signoff@db/signoff signoff worker

      signoff worker --workers 2
    """
    settings = read_settings()
    if workers is not None:
        settings = settings.model_copy(update={"workers": workers})
    run_async(lambda: work(settings), loop=uvloop.new_event_loop)


async def work(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT.

    Raises:
        Refused: ``server_needed`` without a PostgreSQL server; a SQLite file has one server and no workers.
    """
    if server_url(settings) is None:
        raise refuse("server_needed", "Workers share a PostgreSQL database with their servers.")
    told: asyncio.Queue[signal.Signals] = asyncio.Queue()
    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, told.put_nowait, each)
    async with open_house(settings) as house, open_office(house):
        keep_for_good()
        err().print(f"working on up to {settings.workers} runs at once", highlight=False)
        number = await told.get()
        err().print("stopping at the next steps …", highlight=False)
    if number == signal.SIGINT:
        raise typer.Exit(STOPPED)
