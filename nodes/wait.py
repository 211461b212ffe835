"""Wait for the humans. Nothing else happens here: the node is replayed from its first line on resume.

A resume value carries no authority: it may be a double click, or meant for an earlier question. The
ballot in the database is read again, and only what stands there counts.
"""

from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict

from langgraph.types import interrupt

from approvals import Ballot, Ballots, Voter, interrupt_payload, parse_resume
from domain import Action, Ending, SignoffError, Verdict
from nodes._announce import announce


class WaitInput(TypedDict):
    org: str
    ballot: str


class WaitUpdate(TypedDict):
    verdict: Verdict | None
    ballot: NotRequired[str]
    action: NotRequired[Action]
    ending: NotRequired[Ending]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiter:
    """Pause until the ballot is decided."""

    ballots: Ballots
    voter: Voter | None = None
    """Set only where a LangGraph client's resume *is* the vote of a known person (the development server)."""

    async def __call__(self, state: WaitInput) -> WaitUpdate:
        ballot = await self._current(state["ballot"], state["org"])
        if ballot.state == "pending":
            answer = interrupt(interrupt_payload(ballot))
            await self._vote(ballot, answer)
            ballot = await self._current(ballot.id, state["org"])
        if ballot.state == "pending":
            return {"verdict": None, "ballot": ballot.id}
        announce("ballot_decided", ballot.state, ballot=ballot.id, voters=[v.voter for v in ballot.votes])
        update: WaitUpdate = {"verdict": ballot.verdict, "ballot": ballot.id, "action": ballot.action}
        if ballot.parks or (ballot.state in {"rejected", "cancelled"} and not ballot.feedback):
            what = f"The approval was {ballot.state}. Nothing was delivered."
            hint = "The work is kept: signoff diff RUN shows it."
            update["ending"] = Ending(status="rejected", code=ballot.state, message=what, hint=hint)
        return update

    async def _current(self, ballot: str, org: str) -> Ballot:
        """The ballot that stands for this question now: an edit replaces one by another."""
        found = await self.ballots.get(ballot, org)
        while found.state == "superseded" and found.superseded_by:
            found = await self.ballots.get(found.superseded_by, org)
        return found

    async def _vote(self, ballot: Ballot, answer: Any) -> None:
        decision = parse_resume(answer, ballot)
        if decision is None or self.voter is None:
            return
        try:
            await self.ballots.vote(ballot.id, decision, self.voter)
        except SignoffError as error:
            announce("note", f"The vote does not count: {error.message}", code=error.stable_code)
