"""From a ballot that was edited to the one that took its place."""

from approvals.ballot import Ballot
from approvals.contract import Ballots


async def latest(ballots: Ballots, id_: str, org: str) -> Ballot:
    """The ballot that stands now, after any number of edits. Raises ``approval_missing``."""
    ballot = await ballots.get(id_, org)
    while ballot.state == "superseded":
        ballot = await ballots.get(ballot.superseded_by, org)
    return ballot
