"""Signing at the terminal: show the whole action, then ask. Nothing is hidden, nothing is assumed."""

import sys
from collections.abc import Mapping
from typing import Final

from rich.console import Console
from rich.prompt import Prompt
from rich.text import Text

from approvals import Ballot, Decision, ShownLine, diff_lines, one_line, parts
from domain import Refused
from service.cli.progress import TIERS
from service.cli.terminal import err
from service.runs.runs import RunState
from service.wiring.application import Application

_DIFF: Final[Mapping[str, str]] = {"added": "green", "removed": "red", "hunk": "cyan", "file": "bold"}


async def sign(application: Application, standing: RunState, sign_as: str | None) -> bool:
    """Get the signature the run waits for; False when nobody here can or wants to give it.

    Raises:
        Refused: ``sign_as_refused`` in team mode, or any refusal of the vote.
    """
    if standing.ballot is None:
        return False
    ballot = await application.ballots.get(standing.ballot, application.org)
    if sign_as is not None:
        if application.people.mode != "solo":
            raise Refused(
                "In team mode nobody signs from the command line of a run.",
                code="sign_as_refused",
                hint="Sign as yourself: signoff approvals approve BALLOT",
            )
        render(ballot, err())
        await vote(application, ballot, "approve", person=sign_as)
        return True
    # The question is put on standard error and read from standard input: both have to be a person's.
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    render(ballot, err())
    answer = Prompt.ask("Sign this?", choices=["approve", "reject", "later"], default="later", console=err())
    if answer == "later":
        return False
    comment = (
        Prompt.ask("What should be different (empty: nothing, drop it)", console=err()) if answer == "reject" else ""
    )
    await vote(application, ballot, answer, comment=comment)
    return True


async def vote(
    application: Application, ballot: Ballot, choice: str, *, comment: str = "", person: str | None = None
) -> Ballot:
    """Cast the vote of the person at this terminal."""
    voter = application.person(person)
    decision = Decision(
        choice="approve" if choice == "approve" else "reject", comment=comment, action_digest=ballot.action_digest
    )
    return await application.voting.vote(ballot, decision, voter)


def render(ballot: Ballot, console: Console) -> None:
    """Print the whole question: the diff, every part of the action that is digested, every reason.

    Nothing is left out, shortened or wrapped away, and what would not be seen for what it is is spelled out.
    """
    for shown in diff_lines(ballot.diff):
        _line(console, shown, _DIFF.get(shown.kind, ""))
    colour = TIERS[ballot.tier]
    console.rule(style=colour)
    console.print(Text(f"{ballot.tier.upper()}: ballot {ballot.id}", style=colour), soft_wrap=True)
    for name, lines in parts(ballot.action):
        if len(lines) == 1:
            text = _text(lines[0])
            _row(console, name, text if text.plain else Text("empty", style="dim"))
            continue
        _row(console, name, "")
        for line in lines:  # the bar at the left keeps a value from starting a row of its own
            _line(console, line, before=Text("  │ ", style="dim"))
    for reason in ballot.reasons:
        _row(console, "because", f"{one_line(reason.message)} [{reason.tier}, {one_line(reason.rule)}]")
    roles = [("requester", ballot.requester), ("editor", ballot.editor)]
    for name, who in (*roles, *(("contributor", who) for who in ballot.contributors)):
        if who:
            _row(console, name, one_line(who))
    _row(console, "digest", ballot.action_digest)
    _row(console, "needs", f"{ballot.requirement.humans} signature(s), {ballot.approvals} so far")
    _row(console, "until", f"{ballot.expires_at:%Y-%m-%d %H:%M:%S} UTC")
    console.rule(style=colour)


def _row(console: Console, name: str, shown: Text | str) -> None:
    text = shown if isinstance(shown, Text) else Text(shown)
    console.print(Text.assemble((f"{name:<12} ", "dim"), text), soft_wrap=True)


def _line(console: Console, line: ShownLine, style: str = "", *, before: Text | None = None) -> None:
    console.print(Text.assemble(before or "", _text(line, style)), soft_wrap=True)


def _text(line: ShownLine, style: str = "") -> Text:
    return Text.assemble(*((piece.text, "reverse red" if piece.escaped else style) for piece in line.pieces))


__all__ = ["render", "sign", "vote"]
