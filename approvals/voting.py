"""Voting: the one operation by which every surface answers a question, and which wakes the run once it is decided.

The answer is stored first, and only what is stored counts. Waking decides nothing: where it fails, the answer stands,
and the maintenance loop of a server finds the run by its rows.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from approvals.ballot import Ballot, Decision, Revision, Terms, Voter
from approvals.contract import Ballots, Clock
from approvals.errors import refusal
from approvals.grants import offered

Wake = Callable[[Ballot], Awaitable[None]]
"""Has the run of a decided ballot go on. Never raises: the answer counts, whatever becomes of this."""


async def _already_awake(_: Ballot) -> None:
    """Nothing to wake: who answers goes on with the run in the same step (a terminal, a resume, a node)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Voting:
    """Answers ballots, and wakes their runs."""

    ballots: Ballots
    clock: Clock
    wake: Wake = _already_awake

    async def vote(self, ballot: Ballot, decision: Decision, voter: Voter, *, like: Terms | None = None) -> Ballot:
        """Record one human's answer. ``like``: a yes also covers the like of it, for the rest of the run.

        What cannot be granted is not voted for either.

        Raises:
            Refused: as ``Ballots.vote`` and ``Ballots.grant`` do.
        """
        if like is None:
            return await self._answered(await self.ballots.vote(ballot.id, decision, voter))
        if decision.choice != "approve":
            raise refusal("grant_refused", "Only an approval covers the like.")
        # Tried before the vote is cast: a vote that was meant with its grant must not stand alone.
        offered(ballot, like, voter, now=self.clock())
        voted = await self.ballots.vote(ballot.id, decision, voter)
        if voted.state == "approved":
            # Before the run is awake: the next question it asks may be one that this covers.
            await self.ballots.grant(ballot.id, like, voter)
        return await self._answered(voted)

    async def vote_all(self, decisions: Sequence[tuple[str, Decision]], voter: Voter) -> tuple[Ballot, ...]:
        """Record one human's answers to several ballots: all of them count, or none. Raises as ``vote_all`` does."""
        return tuple([await self._answered(each) for each in await self.ballots.vote_all(decisions, voter)])

    async def edit(self, ballot: Ballot, revision: Revision, voter: Voter) -> Ballot:
        """Replace the question; returns the new one. Raises as ``Ballots.edit`` does."""
        return await self._answered(await self.ballots.edit(ballot.id, revision, voter))

    async def cancel(self, id: str, voter: Voter) -> Ballot:  # noqa: A002 - it is the id
        """Withdraw the question. Raises as ``Ballots.cancel`` does."""
        return await self._answered(await self.ballots.cancel(id, voter))

    async def _answered(self, ballot: Ballot) -> Ballot:
        if ballot.state not in {"pending", "superseded"}:
            await self.wake(ballot)
        return ballot
