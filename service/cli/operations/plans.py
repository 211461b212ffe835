"""``signoff plans``: what organisations may use in a month, what they used, and who has which plan."""

from typing import Annotated, Any

import typer
from rich.table import Table

from service.auth.four_eyes import local_user
from service.cli.terminal import JSON, out, print_json
from service.cli.terminal import run as run_async
from service.plans.documents import plan_document, use_document
from service.plans.metering import MeterUse, PlanUse
from service.plans.plans import METERS
from service.settings import read_settings
from service.wiring.application import open_application
from service.wiring.plans import required

app = typer.Typer(help="Plans with limits of a month: list, show what was used, set.", no_args_is_help=True)
ORG = typer.Argument(help="The organisation; the one of SIGNOFF_ORG if empty.")


@app.command("list")
def list_plans(as_json: Annotated[bool, JSON] = False) -> None:
    """List the plans of SIGNOFF_PLANS with their limits.

    Example:
      signoff plans list
    """

    async def work() -> list[dict[str, Any]]:
        async with open_application(read_settings()) as application:
            file = required(application.plans).file
            return [plan_document(name, plan, is_default=name == file.default) for name, plan in file.plans.items()]

    plans = run_async(work, as_json=as_json)
    if as_json:
        print_json(plans)
        return
    table = Table("plan", *METERS, box=None)
    for plan in plans:
        ends = [plan["limits"].get(meter, {}) for meter in METERS]
        name = f"{plan['name']} (default)" if plan["default"] else plan["name"]
        table.add_row(name, *(_end(each.get("soft"), each.get("hard")) for each in ends))
    out().print(table)


@app.command()
def show(
    org: Annotated[str, ORG] = "",
    every: Annotated[bool, typer.Option("--all", help="Every organisation that used something.")] = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Show the plan of an organisation, and what it used of it this month.

    Examples:
      signoff plans show

      signoff plans show acme

      signoff plans show --all
    """

    async def work() -> tuple[PlanUse, ...]:
        async with open_application(read_settings()) as application:
            plans = required(application.plans)
            return await plans.uses() if every else (await plans.metering.use(org or application.org),)

    uses = run_async(work, as_json=as_json)
    if as_json:
        documents = [use_document(use) for use in uses]
        print_json(documents if every else documents[0])
    else:
        _print(uses)


@app.command("set")
def choose(
    org: Annotated[str, typer.Argument(help="The organisation.")],
    plan: Annotated[str, typer.Argument(help="A plan of the file; '' leaves it to what the organisation pays for.")],
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Give an organisation a plan, whatever it pays for. It holds at once.

    Examples:
      signoff plans set acme team

      signoff plans set acme ''
    """

    async def work() -> PlanUse:
        async with open_application(read_settings()) as application:
            plans = required(application.plans)
            await plans.store.choose(org, plan, by=local_user())
            return await plans.metering.use(org)

    use = run_async(work, as_json=as_json)
    if as_json:
        print_json(use_document(use))
    else:
        _print((use,))


def _print(uses: tuple[PlanUse, ...]) -> None:
    table = Table("organisation", "plan", "by", *METERS, box=None)
    for use in uses:
        until = use.current.grace_until
        because = use.current.because if until is None else f"{use.current.because} until {until:%Y-%m-%d}"
        table.add_row(use.org, use.current.name, because, *map(_used, use.meters))
    out().print(table if uses else "No organisation has used anything yet.")
    for renews_at in {use.renews_at for use in uses}:
        out().print(f"[dim]All but seats is counted from zero again at {renews_at:%Y-%m-%d %H:%M} UTC.[/]")


def _used(each: MeterUse) -> str:
    most = each.limit.hard if each.limit.hard is not None else each.limit.soft
    return f"{each.used:,}" if most is None else f"{each.used:,}/{most:,}"


def _end(soft: int | None, hard: int | None) -> str:
    if hard is not None:
        return f"{hard:,}"
    return "any" if soft is None else f"{soft:,}, more is told"
