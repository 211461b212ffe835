"""The model's own books about ballots: what may happen, by rules written down a second time."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from approvals import Ballot, Voter
from approvals.ballot import Grant
from approvals.testing.rehearsal import Stage
from domain import TIERS, Refused, Requirement

PEOPLE = ["rita", "vera", "wanda", "xena"]
ROLES: list[tuple[str, ...]] = [("approver",), ("approver", "critical_approver"), ("operator",), ()]
COMMANDS = ["make release", "make publish"]
CONTENTS = ["tree:1", "tree:2"]
TIER = st.sampled_from(["low", "medium", "high", "high", "high", "critical", "critical"])
MOSTLY = st.sampled_from([True] * 5 + [False])
MODE = st.sampled_from(["team", "team", "solo"])
VOTERS = st.tuples(
    st.sampled_from(PEOPLE),
    st.sampled_from(["human"] * 8 + ["bot", "api_key", "service"]),
    st.sampled_from(["http", "http", "http", "terminal", "hook"]),
    st.sampled_from([1, 1, 1, 9, 11, -1]),
    st.sampled_from([True, True, True, False]),
)


@dataclass
class Book:
    """What the model knows of one ballot."""

    action_digest: str
    tool_and_command: tuple[Any, ...]
    content: str
    run: str
    tier: str
    requirement: Requirement
    involved: set[str]
    expires_at: datetime
    yes: set[str] = field(default_factory=set)
    no: set[str] = field(default_factory=set)
    vetoed: bool = False
    dead: bool = False
    """Cancelled, superseded, killed."""
    approved_at: datetime | None = None
    consumed: bool = False


class Bookkeeping:
    """What the play knows, and how it acts."""

    on: Stage

    def open_books(self) -> None:
        self.runner = asyncio.Runner()
        self.books: dict[str, Book] = {}
        self.grants: list[tuple[Grant, Book, int]] = []
        self.killed: set[str] = set()

    def attempt(self, call: Awaitable[Any]) -> Any:
        """The result, or None when it was refused."""

        async def run() -> Any:
            try:
                return await call
            except Refused:
                return None

        return self.runner.run(run())

    def voter(self, name: str, kind: str, surface: str, minutes: int, mfa: bool) -> Voter:
        roles = self.on.people.members.get(("acme", name), ())
        since = None if minutes < 0 else self.on.clock() - timedelta(minutes=minutes)
        return Voter(
            subject=name, kind=kind, roles=tuple(roles), org="acme", session_started_at=since, mfa=mfa, surface=surface
        )

    def note(self, ballot: Ballot) -> None:
        """Write a ballot into the books."""
        if ballot.id in self.books:
            return
        shown = (ballot.action.tool, ballot.action.arguments["command"], ballot.action.cwd, ballot.action.target)
        self.books[ballot.id] = Book(
            action_digest=ballot.action_digest,
            tool_and_command=shown,
            content=ballot.action.content,
            run=ballot.run,
            tier=ballot.tier,
            requirement=ballot.requirement,
            involved={ballot.requester, ballot.editor} - {""},
            expires_at=ballot.expires_at,
            vetoed=ballot.state == "rejected",
        )
        if ballot.state == "approved":
            self.books[ballot.id].approved_at = self.on.clock()
            assert ballot.requirement.humans == 0 or self.covered(ballot)

    def covered(self, ballot: Ballot) -> bool:
        """Whether some grant really allows this, by the model's own reading."""
        book = self.books[ballot.id]
        for index, (grant, source, left) in enumerate(self.grants):
            fits = (
                grant.id == ballot.grant
                and source.run == book.run
                and source.tool_and_command == book.tool_and_command
                and TIERS.index(book.tier) <= TIERS.index(source.tier)
                and book.tier != "critical"
                and self.on.clock() < grant.expires_at
                and (grant.granted_by not in book.involved or book.requirement.allow_self)
                and left > 0
            )
            if fits:
                self.grants[index] = (grant, source, left - 1)
                return True
        return False
