"""The confirm page: everything about one approval, readable on a phone, without JavaScript. Pure rendering."""

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from approvals.ballot import Ballot, Terms
from approvals.rendering import canonical_text, diff_lines, parts, pieces, visible

PAGE_HEADERS = {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}
"""To be sent with the page: it loads nothing, posts only home, and cannot be framed."""

_TITLES = {
    "pending": "May this happen?",
    "approved": "Approved",
    "rejected": "Rejected",
    "expired": "Nobody answered in time",
    "cancelled": "Withdrawn",
    "superseded": "Replaced by an edited action",
    "consumed": "Approved, and running",
    "executed": "Approved, and done",
    "failed": "Approved, and it failed",
    "stale": "Approved, but not used in time",
}


def render_page(
    ballot: Ballot, *, action: str, viewer: str = "", csrf: str = "", message: str = "", bad: bool = False
) -> str:
    """The page of a ballot. Without ``csrf`` (nobody logged in, or already decided) it has no form.

    ``action`` is the path the form posts to: ``decision`` (approve | reject), ``action_digest``,
    ``comment``, ``csrf``.
    """
    shown: dict[str, Any] = {
        "title": _TITLES[ballot.state],
        "ballot": ballot,
        "parts": parts(ballot.action),
        "diff": diff_lines(ballot.diff),
        "canonical": canonical_text(ballot.action),
        "hidden": hidden_in(ballot),
        "viewer": viewer,
        "grantable": Terms() if ballot.action.tool == "shell" and ballot.tier == "high" else None,
        "csrf": csrf if ballot.state == "pending" else "",
        "message": message,
        "bad": bad,
        "action": action,
    }
    return _environment().get_template("page.html.j2").render(shown)


def hidden_in(ballot: Ballot) -> int:
    """How many characters of the action and its diff had to be spelled out."""
    lines = [line for _, part in parts(ballot.action) for line in part] + list(diff_lines(ballot.diff))
    return sum(piece.escaped for line in lines for piece in line.pieces)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("approvals.channels", ""),
        autoescape=select_autoescape(("html", "j2")),
        undefined=StrictUndefined,
    )
    environment.filters["shown"] = visible
    return environment


def escaped(text: str) -> bool:
    """Whether any character of this text had to be spelled out."""
    return any(piece.escaped for piece in pieces(text))
