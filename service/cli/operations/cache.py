"""``signoff cache``: what is kept to be quicker, how long and how much; emptied and rebuilt."""

from typing import Annotated

import typer
from rich.table import Table

from service import report
from service.cli.terminal import JSON, out, print_json
from service.cli.terminal import run as run_async
from service.settings import read_settings
from service.wiring.application import open_application
from service.wiring.caches import KINDS, CacheReport, Caches

app = typer.Typer(help="What is kept to be quicker: how long, how much; empty it, rebuild it.", no_args_is_help=True)


@app.command("list")
def list_caches(as_json: Annotated[bool, JSON] = False) -> None:
    """List the caches: what each holds, how long, how many at most, and how many there are. Hit rates are in /metrics.

    Example:
      signoff cache list
    """

    async def work() -> tuple[CacheReport, ...]:
        async with open_application(read_settings()) as application:
            return await Caches(application=application).report()

    caches = run_async(work, as_json=as_json)
    if as_json:
        print_json([report.plain(each) for each in caches])
        return
    rows = Table("cache", "holds", "entries", "at most", "lives", box=None)
    for each in caches:
        entries = "no answer" if each.entries is None else str(each.entries)
        rows.add_row(each.kind, each.holds, entries, each.most, each.lifetime)
    out().print(rows)


@app.command()
def clear(
    kind: Annotated[str, typer.Argument(help=f"One of: {', '.join(KINDS)}.")], as_json: Annotated[bool, JSON] = False
) -> None:
    """Empty a cache. What it held is made again when it is asked for; `sessions`: everybody logs in anew.

    Example:
      signoff cache clear index
    """

    async def work() -> int:
        async with open_application(read_settings()) as application:
            return await Caches(application=application).clear(kind)

    removed = run_async(work, as_json=as_json)
    if as_json:
        print_json({"cache": kind, "removed": removed})
    else:
        out().print(f"{kind}: {removed} removed", highlight=False)


@app.command()
def rebuild(as_json: Annotated[bool, JSON] = False) -> None:
    """Ask anew for the vectors of plans that may be used again, as servers do every SIGNOFF_CACHE_REBUILD_HOURS.

    Example:
      signoff cache rebuild
    """

    async def work() -> int:
        async with open_application(read_settings()) as application:
            return await Caches(application=application).rebuild()

    rebuilt = run_async(work, as_json=as_json)
    if as_json:
        print_json({"rebuilt": rebuilt})
    else:
        out().print(f"{rebuilt} vectors rebuilt", highlight=False)
