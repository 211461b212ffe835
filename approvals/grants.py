"""A yes to this and to the like of it: one vote, and a grant that rests on it."""

from datetime import datetime

from approvals.ballot import Ballot, Decision, Terms, Voter
from approvals.contract import Ballots
from approvals.grants import offered


async def approve_the_like(
    ballots: Ballots, ballot: Ballot, decision: Decision, terms: Terms, voter: Voter, *, now: datetime
) -> Ballot:
    """Vote yes, and grant the like for the rest of the run. What cannot be granted is not voted for either.

    Raises:
        Refused: as ``Ballots.vote`` and ``Ballots.grant`` do.
    """
    offered(ballot, terms, voter, now=now)
    voted = await ballots.vote(ballot.id, decision, voter)
    if voted.state == "approved":
        await ballots.grant(ballot.id, terms, voter)
    return voted
