"""Sign at the terminal: show the whole action, then ask. Nothing is hidden, nothing is assumed."""

import sys

from rich.console import Console
from rich.panel import Panel
from rich.prompt import Prompt
from rich.table import Table
from rich.text import Text

from approvals import Ballot, Decision
from domain import Refused
from service import report
from service.engine import Standing
from service.progress import TIERS
from service.terminal import err
from service.wiring import House


async def sign(house: House, standing: Standing, sign_as: str | None) -> bool:
    """Get the signature the run waits for; False when nobody here can or wants to give it.

    Raises:
        Refused: ``sign_as_refused`` in team mode, or any refusal of the vote.
    """
    if standing.ballot is None:
        return False
    ballot = await house.ballots.get(standing.ballot, house.org)
    if sign_as is not None:
        if house.settings.approvals_mode != "solo":
            raise Refused("In team mode nobody signs from the command line of a run.", code="sign_as_refused",
                          hint="Sign as yourself: signoff approvals approve BALLOT")  # fmt: skip
        render(ballot, err())
        await vote(house, ballot, "approve", person=sign_as)
        return True
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    render(ballot, err())
    return await _asked(house, ballot)


async def _asked(house: House, ballot: Ballot) -> bool:
    answer = Prompt.ask("Sign this?", choices=["approve", "reject", "later"], default="later", console=err())
    if answer == "later":
        return False
    comment = (
        Prompt.ask("What should be different (empty: nothing, drop it)", console=err()) if answer == "reject" else ""
    )
    await vote(house, ballot, answer, comment=comment)
    return True


async def vote(house: House, ballot: Ballot, choice: str, *, comment: str = "", person: str | None = None) -> Ballot:
    """Cast the vote of the person at this terminal."""
    voter = house.person(person)
    decision = Decision(choice="approve" if choice == "approve" else "reject", comment=comment,
                        action_digest=ballot.action_digest)  # fmt: skip
    return await house.ballots.vote(ballot.id, decision, voter)


def render(ballot: Ballot, console: Console) -> None:
    """Print the complete canonical action, every reason, and the diff. Control characters are made visible."""
    table = Table(box=None, show_header=False, padding=(0, 1))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    action = ballot.action
    table.add_row("action", Text(visible(action.tool)))
    for name, argument in action.arguments.items():
        table.add_row(visible(name), Text(visible(str(argument))))
    rows = {"target": action.target, "base": action.base_commit, "content": action.content, "folder": action.cwd,
            "image": action.image_digest, "network": action.network}  # fmt: skip
    for name, text in rows.items():
        if text:
            table.add_row(name, Text(visible(text)))
    for reason in ballot.reasons:
        table.add_row("because", Text(visible(f"{reason.message} [{reason.tier}, {reason.rule}]")))
    table.add_row("digest", Text(ballot.action_digest))
    table.add_row("needs", f"{ballot.requirement.humans} signature(s), {ballot.approvals} so far")
    colour = TIERS[ballot.tier]
    title = Text(f"{ballot.tier.upper()}: ballot {ballot.id}")
    if ballot.diff:
        console.print(report.diff_view(visible(ballot.diff)))
    console.print(Panel(table, title=title, title_align="left", border_style=colour))


def visible(text: str) -> str:
    """Escape everything that could hide or reorder what a person reads."""
    return "".join(c if c in "\n\t" or c.isprintable() else f"\\u{ord(c):04x}" for c in text)


__all__ = ["render", "sign", "visible", "vote"]
