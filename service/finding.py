"""Find a ballot by the beginning of its id, as people type it."""

from approvals import Ballot
from domain import Refused
from service.wiring import House


async def find(house: House, ballot: str) -> Ballot:
    """Return the ballot whose id is, or starts with, ``ballot``.

    Raises:
        Refused: ``approval_missing`` or ``ballot_ambiguous``.
    """
    if len(ballot) >= 36:  # noqa: PLR2004 - a whole uuid
        return await house.ballots.get(ballot, house.org)
    cursor, found = "", list[Ballot]()
    while True:
        page = await house.ballots.list(house.org, cursor=cursor, limit=200)
        found += [b for b in page.items if ballot and b.id.startswith(ballot)]
        cursor = page.next_cursor
        if not cursor:
            break
    if len(found) == 1:
        return found[0]
    if found:
        raise Refused(f"Several ballots start with {ballot!r}.", code="ballot_ambiguous", hint="Give more of the id.")
    raise Refused(f"There is no ballot {ballot!r}.", code="approval_missing", hint="See: signoff approvals list --all")
