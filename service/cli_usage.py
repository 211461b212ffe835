"""``signoff usage``: what models were used for, and what it cost."""

import json
import sys
from typing import Annotated, Any

import typer
from rich.table import Table

from service import usage
from service.settings import read_settings
from service.terminal import JSON, out, print_json
from service.terminal import run as run_async
from service.wiring import open_house


def show_usage(
    by: Annotated[str, typer.Option("--by", help="model, run, user, org, day, role, tier, strategy or outcome.")] = (
        "model"
    ),
    since: Annotated[str | None, typer.Option(help="24h, 7d, a date or a time.")] = None,
    until: Annotated[str | None, typer.Option(help="The same; not included.")] = None,
    org: Annotated[str | None, typer.Option(help="Organisation; this installation's unless given. '*': all.")] = None,
    run: Annotated[str | None, typer.Option(help="Only this run.")] = None,
    events: Annotated[bool, typer.Option("--events", help="Events for a billing meter (Stripe), as JSON lines.")] = (
        False
    ),
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV instead of a table.")] = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Show calls, tokens and money by model, run, person or day, and what choosing saved.

    Examples:
      signoff usage --since 7d

      signoff usage --by user --csv > usage.csv

      signoff usage --events --since 2026-11-01 --until 2026-12-01 > meter.jsonl
    """

    async def work() -> dict[str, Any] | None:
        async with open_house(read_settings()) as house:
            meant = None if org == "*" else org or house.org
            during, group = usage.span(since, until, now=house.board.now()), usage.grouped(by)
            if events:
                async for event in usage.events(house.decisions, meant, during):
                    sys.stdout.write(json.dumps(event) + "\n")
                return None
            found = await usage.used(house.decisions, house.catalogue, meant, by=group, during=during, run=run)
            return usage.document(found, house.catalogue, by=group, during=during, org=meant)

    found = run_async(work, as_json=as_json)
    if found is None:
        return
    if as_json:
        print_json(found)
    elif as_csv:
        sys.stdout.write(usage.table(found["rows"]))
    else:
        _print_usage(found)


def _print_usage(found: dict[str, Any]) -> None:
    if not found["rows"]:
        out().print("No model was asked yet.")
        return
    table = Table(found["by"], "calls", "failed", "cached", "tokens in", "tokens out", "cost", "saved", box=None)
    for each in (*found["rows"], {"name": "total", **found["total"]}):
        numbers = [f"{each[k]:,}" for k in ("calls", "failed", "from_cache", "tokens_in", "tokens_out")]
        table.add_row(each["name"] or "–", *numbers, each["cost"], each["saved"])
    out().print(table)
    total = found["total"]
    out().print(f"Always asking the premium model would have cost {total['premium_cost']}; "
                f"saved {total['saved']}.", highlight=False)  # fmt: skip
