"""``signoff approvals``: read what waits for a signature, edit it, and give or refuse it."""

import json
import shlex
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import TypeAdapter, ValidationError
from rich.table import Table

from approvals import Ballot, Terms, canonical, refusal
from domain import Action, Refused
from service import report
from service.cli.signing import render, vote
from service.cli.terminal import JSON, out, print_json
from service.cli.terminal import run as run_async
from service.settings import read_settings
from service.wiring.application import Application, open_application


async def find(application: Application, ballot: str) -> Ballot:
    """Return the ballot whose id is, or starts with, ``ballot``.

    Raises:
        Refused: ``approval_missing`` or ``ballot_ambiguous``.
    """
    if len(ballot) >= 36:  # noqa: PLR2004 - a whole uuid
        return await application.ballots.get(ballot, application.org)
    cursor, matches = "", list[Ballot]()
    while True:
        page = await application.ballots.list(application.org, cursor=cursor, limit=200)
        matches += [b for b in page.items if ballot and b.id.startswith(ballot)]
        cursor = page.next_cursor
        if not cursor:
            break
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise Refused(f"Several ballots start with {ballot!r}.", code="ballot_ambiguous", hint="Give more of the id.")
    raise Refused(f"There is no ballot {ballot!r}.", code="approval_missing", hint="See: signoff approvals list --all")


_ACTION = TypeAdapter(Action)


def edited(
    action: Action, message: str | None, commands: list[str] | None, file: Path | None, *, editor: str
) -> Action:
    """Return the action as the person wants it.

    Raises:
        Refused: ``action_invalid`` when nothing was changed, or what was written is no action.
    """
    arguments: dict[str, Any] = dict(action.arguments)
    if message is not None:
        arguments["message"] = message
    if commands:
        arguments["commands"] = list(commands)
    if message is not None or commands:
        return replace(action, arguments=arguments)
    try:
        return _ACTION.validate_json(_text(file) if file is not None else _in_editor(action, editor))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise refusal("action_invalid", f"This is no complete action: {where}: {first['msg']}") from error


def _text(file: Path) -> str:
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise refusal("action_invalid", f"{file} cannot be read: {error}") from error


def _in_editor(action: Action, editor: str) -> str:
    """Open the editor on the complete action, and return what was saved."""
    if not sys.stdin.isatty():
        raise refusal("action_invalid", "There is no terminal to edit at: give --message, --command or --file.")
    text = json.dumps(json.loads(canonical(action)), indent=2, ensure_ascii=True)
    with tempfile.TemporaryDirectory(prefix="signoff-edit-") as folder:
        file = Path(folder) / "action.json"
        file.write_text(f"{text}\n", encoding="utf-8")
        try:
            subprocess.run([*shlex.split(editor), str(file)], check=True)
        except (OSError, ValueError, subprocess.CalledProcessError) as error:
            raise refusal("action_invalid", f"The editor {editor!r} did not end well: {error}") from error
        return _text(file)


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
        async with open_application(read_settings()) as application:
            page = await application.ballots.list(application.org, state=None if every else "pending")
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
        async with open_application(read_settings()) as application:
            current = await find(application, ballot)
        if as_json:
            print_json(report.plain(current))
        else:
            render(current, out())
            for cast in current.votes:
                own = " (self-approved)" if cast.self_approved else ""
                out().print(f"{cast.choice} by {cast.voter}{own} at {cast.voted_at:%Y-%m-%d %H:%M} {cast.comment}")
            out().print(f"state: {current.state}")

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
        async with open_application(read_settings()) as application:
            current = await find(application, ballot)
            gone = await application.voting.cancel(current.id, application.person(person))
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
        async with open_application(read_settings()) as application:
            current = await find(application, ballot)
            revision = await application.revise(
                current, edited(current.action, message, command, file, editor=application.settings.editor)
            )
            new = await application.voting.edit(current, revision, application.person(person))
        if as_json:
            print_json(report.plain(new))
            return
        render(new, out())
        out().print(f"ballot {current.id[:8]} is superseded; this is {new.id[:8]}. It needs a signature of its own.")

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
    # Of a command its edits are the part that may differ; what runs stays exactly what was signed.
    left_open = (*Terms().open, "arguments.change") if any_edits else Terms().open
    terms = Terms(open=left_open, uses=uses, seconds=minutes * 60)

    async def work() -> None:
        async with open_application(read_settings()) as application:
            current = await find(application, ballot)
            granted = await application.ballots.grant(current.id, terms, application.person(person))
        if as_json:
            print_json(report.plain(granted))
        else:
            until = f"{granted.expires_at:%H:%M} UTC"
            out().print(f"granted {granted.uses_left} times until {until}, in run {granted.run} only")

    run_async(work, as_json=as_json)


def _decide(ballot: str, choice: str, comment: str, person: str | None, *, as_json: bool) -> None:
    async def work() -> None:
        async with open_application(read_settings()) as application:
            current = await find(application, ballot)
            decided = await vote(application, current, choice, comment=comment, person=person)
        if as_json:
            print_json(report.plain(decided))
        else:
            out().print(f"ballot {decided.id[:8]} is {decided.state}. Go on:  signoff resume {decided.run}")

    run_async(work, as_json=as_json)
