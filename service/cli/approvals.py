"""``signoff approvals``: read what waits for a signature, and give or refuse it."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from approvals import Terms
from service import report
from service.editing import edited
from service.finding import find
from service.settings import read_settings
from service.signing import render, vote
from service.terminal import JSON, out, print_json
from service.terminal import run as run_async
from service.wiring import open_house

app = typer.Typer(help="Read what waits for a signature, and give or refuse it.", no_args_is_help=True)

BALLOT = typer.Argument(help="Ballot id, or the first characters of it.")
COMMENT = typer.Option("--comment", "-m", help="For the record; with reject: what should be different.")
AS = typer.Option("--as", help="Name to sign with (solo mode).")


@app.command("list")
def list_ballots(
    every: Annotated[bool, typer.Option("--all", help="Decided ones too.")] = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """List what waits for a signature, newest first."""

    async def work() -> None:
        async with open_house(read_settings()) as house:
            page = await house.ballots.list(house.org, state=None if every else "pending")
        if as_json:
            print_json([report.plain(ballot) for ballot in page.items])
            return
        table = Table("ballot", "tier", "state", "run", "action", "expires", box=None)
        for b in page.items:
            table.add_row(
                b.id[:8], b.tier, b.state, b.run, f"{b.action.tool} {b.action.target}", f"{b.expires_at:%m-%d %H:%M}"
            )
        out().print(table if page.items else "Nothing waits for a signature.")

    run_async(work, as_json=as_json)


@app.command()
def show(ballot: Annotated[str, BALLOT], as_json: Annotated[bool, JSON] = False) -> None:
    """Show the complete action, every reason and the diff."""

    async def work() -> None:
        async with open_house(read_settings()) as house:
            found = await find(house, ballot)
        if as_json:
            print_json(report.plain(found))
        else:
            render(found, out())
            for cast in found.votes:
                own = " (self-approved)" if cast.self_approved else ""
                out().print(f"{cast.choice} by {cast.voter}{own} at {cast.voted_at:%Y-%m-%d %H:%M} {cast.comment}")
            out().print(f"state: {found.state}")

    run_async(work, as_json=as_json)


@app.command()
def approve(
    ballot: Annotated[str, BALLOT],
    comment: Annotated[str, COMMENT] = "",
    person: Annotated[str | None, AS] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Sign exactly the action that ``show`` shows. Then: signoff resume RUN."""
    _decide(ballot, "approve", comment, person, as_json=as_json)


@app.command()
def reject(
    ballot: Annotated[str, BALLOT],
    comment: Annotated[str, COMMENT] = "",
    person: Annotated[str | None, AS] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Refuse it. With a comment the run plans again from there."""
    _decide(ballot, "reject", comment, person, as_json=as_json)


@app.command()
def cancel(
    ballot: Annotated[str, BALLOT],
    person: Annotated[str | None, AS] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Withdraw the question: its requester, or any approver. Nothing happens, and the run ends with its work kept."""

    async def work() -> None:
        async with open_house(read_settings()) as house:
            found = await find(house, ballot)
            gone = await house.ballots.cancel(found.id, house.person(person))
        if as_json:
            print_json(report.plain(gone))
        else:
            out().print(f"ballot {gone.id[:8]} is {gone.state}.")

    run_async(work, as_json=as_json)


@app.command()
def edit(
    ballot: Annotated[str, BALLOT],
    message: Annotated[str | None, typer.Option("--message", help="Of a delivery: the new commit message.")] = None,
    command: Annotated[list[str] | None, typer.Option("--command", help="What runs instead; repeat it.")] = None,
    file: Annotated[Path | None, typer.Option("--file", help="The complete edited action as JSON; '-': stdin.")] = None,
    person: Annotated[str | None, AS] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Change what is asked, and so ask anew. Without an option your editor opens on the complete action.

    Examples:
      signoff approvals edit 3f2a --message "Round prices half up"

      signoff approvals edit 3f2a --command "pytest -q tests/test_prices.py"
    """

    async def work() -> None:
        async with open_house(read_settings()) as house:
            found = await find(house, ballot)
            revision = await house.revise(
                found, edited(found.action, message, command, file, editor=house.settings.editor)
            )
            new = await house.ballots.edit(found.id, revision, house.person(person))
        if as_json:
            print_json(report.plain(new))
            return
        render(new, out())
        out().print(f"ballot {found.id[:8]} is superseded; this is {new.id[:8]}. It needs a signature of its own.")

    run_async(work, as_json=as_json)


@app.command()
def grant(
    ballot: Annotated[str, BALLOT],
    uses: Annotated[int, typer.Option("--uses", min=1, max=100, help="How many times.")] = 10,
    minutes: Annotated[int, typer.Option("--minutes", min=1, max=1_440, help="For how long.")] = 60,
    any_edits: Annotated[bool, typer.Option("--any-edits", help="The same commands after other edits, too.")] = False,
    person: Annotated[str | None, AS] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Approve the like of a command for the rest of its run: the same commands on whatever the files are by then.

    It comes on top of your signature on the ballot itself: signoff approvals approve BALLOT.
    """
    left_open = (*Terms().open, "arguments.change") if any_edits else Terms().open
    terms = Terms(open=left_open, uses=uses, seconds=minutes * 60)

    async def work() -> None:
        async with open_house(read_settings()) as house:
            found = await find(house, ballot)
            given = await house.ballots.grant(found.id, terms, house.person(person))
        if as_json:
            print_json(report.plain(given))
        else:
            until = f"{given.expires_at:%H:%M} UTC"
            out().print(f"granted {given.uses_left} times until {until}, in run {given.run} only")

    run_async(work, as_json=as_json)


def _decide(ballot: str, choice: str, comment: str, person: str | None, *, as_json: bool) -> None:
    async def work() -> None:
        async with open_house(read_settings()) as house:
            found = await find(house, ballot)
            decided = await vote(house, found, choice, comment=comment, person=person)
        if as_json:
            print_json(report.plain(decided))
        else:
            out().print(f"ballot {decided.id[:8]} is {decided.state}. Go on:  signoff resume {decided.run}")

    run_async(work, as_json=as_json)
