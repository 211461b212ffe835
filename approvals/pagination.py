"""Pagination: where a list goes on, newest first, then by id. Pure."""

from datetime import datetime
from uuid import UUID

from approvals.ballot import Ballot
from approvals.errors import refusal
from database import instant, micros


def after(ballot: Ballot) -> str:
    """The cursor of the page that follows this ballot."""
    return f"{micros(ballot.created_at)}.{ballot.id}"


def place(cursor: str) -> tuple[datetime, str] | None:
    """The ballot a cursor points behind; None for the first page. Raises ``cursor_invalid``."""
    if not cursor:
        return None
    try:
        at, _, id_ = cursor.partition(".")
        # Both parts are parsed and written anew: a cursor is a client's text on its way into a query.
        return instant(int(at)), str(UUID(id_))
    except (ValueError, OverflowError) as error:
        raise refusal("cursor_invalid", "This cursor did not come from a list.") from error


def known(id_: str) -> str:
    """The id in its one spelling; ``approval_missing`` for anything that never was one."""
    try:
        return str(UUID(id_))
    except ValueError:
        raise refusal("approval_missing", "There is no such approval.") from None
