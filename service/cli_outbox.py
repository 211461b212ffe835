"""``signoff outbox``: letters on their way, and those that nobody took."""

from typing import Annotated, Literal, cast

import typer
from rich.table import Table

from approvals import StoredOutbox
from service import report
from service.settings import read_settings
from service.terminal import JSON, out, print_json
from service.terminal import run as run_async
from service.wiring import now, open_house

app = typer.Typer(help="Letters on their way, and those that nobody took.", no_args_is_help=True)
STATES = ("waiting", "sent", "dead")


@app.command("list")
def list_letters(
    state: Annotated[str | None, typer.Option("--state", help="waiting, sent or dead.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1_000)] = 50,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """List the newest letters about approvals."""
    if state not in {None, *STATES}:
        raise typer.BadParameter(f"use one of: {', '.join(STATES)}", param_hint="--state")
    wanted = cast("Literal['waiting', 'sent', 'dead'] | None", state)

    async def work() -> None:
        async with open_house(read_settings()) as house:
            box = StoredOutbox(engine=house.engine.runs.engine, clock=now)
            parcels = await box.list(house.org, state=wanted, limit=limit)
        if as_json:
            print_json([report.plain(parcel) for parcel in parcels])
            return
        table = Table("letter", "to", "state", "attempts", "next", "error", box=None)
        for p in parcels:
            table.add_row(p.id, p.endpoint, p.state, str(p.attempts), f"{p.due_at:%m-%d %H:%M}", p.error[:60])
        out().print(table if parcels else "There are no letters.")

    run_async(work, as_json=as_json)


@app.command()
def replay(
    letter: Annotated[str, typer.Argument(help="Id of a dead letter.")], as_json: Annotated[bool, JSON] = False
) -> None:
    """Send a dead letter again, under the same message id. The service takes it on its next round."""

    async def work() -> None:
        async with open_house(read_settings()) as house:
            parcel = await StoredOutbox(engine=house.engine.runs.engine, clock=now).replay(letter, house.org)
        if as_json:
            print_json(report.plain(parcel))
        else:
            out().print(f"letter {parcel.id} is waiting again")

    run_async(work, as_json=as_json)
