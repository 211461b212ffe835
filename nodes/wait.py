"""Wait for the signers. Nothing else happens here: the node is replayed from its first line on resume.

A resume value carries no authority: it may be a double click, or meant for an earlier question. The
ballot in the database is read again, and only what stands there counts.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NotRequired, TypedDict

from langgraph.types import interrupt

from approvals import Ballot, Ballots, Voter, Voting, bound, interrupt_payload, parse_resume, read_resume
from domain import Action, Ending, Risk, SignoffError, Spent, Verdict
from domain.progress import Pending
from nodes._events import announce
from nodes._models import Clock
from nodes.rating.rules import Reviser, change_of


class WaitInput(TypedDict):
    org: str
    ballot: str
    spent: Spent
    pending: NotRequired[Pending | None]
    contributors: NotRequired[tuple[str, ...]]


class WaitUpdate(TypedDict):
    verdict: Verdict | None
    spent: NotRequired[Spent]
    ballot: NotRequired[str]
    action: NotRequired[Action]
    risk: NotRequired[Risk]
    pending: NotRequired[Pending]
    ending: NotRequired[Ending]
    contributors: NotRequired[tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiter:
    """Pause until the ballot is decided."""

    ballots: Ballots
    clock: Clock
    voter: Voter | None = None
    """Set only where a LangGraph client's resume *is* the vote of a known person (the development server)."""
    revise: Reviser | None = None
    """Rates what such a person edited; without it an edit is no answer."""
    decided: Callable[[Ballot], None] = lambda _: None
    """Hears of a question that people decided, once they did; for the trace."""

    async def __call__(self, state: WaitInput) -> WaitUpdate:
        ballot = await self._current(state["ballot"], state["org"])
        if ballot.state == "pending":
            answer = interrupt(interrupt_payload(ballot))
            if self.voter is not None:
                await self._vote(ballot, answer, self.voter)
            ballot = await self._current(ballot.id, state["org"])
        if ballot.state == "pending":
            return {"verdict": None, "ballot": ballot.id}
        announce("ballot_decided", ballot.state, ballot=ballot.id, voters=[v.voter for v in ballot.votes])
        self.decided(ballot)
        # From the question as it was first put, before any edit: people's time is not the run's.
        asked = await self.ballots.get(state["ballot"], state["org"])
        while asked.supersedes:
            asked = await self.ballots.get(asked.supersedes, state["org"])
        waited_seconds = max(0.0, (self.clock() - asked.created_at).total_seconds())
        update: WaitUpdate = {
            "verdict": ballot.verdict,
            "ballot": ballot.id,
            "action": ballot.action,
            "spent": state["spent"] + Spent(waited_seconds=waited_seconds),
        }
        if ballot.supersedes:
            update["risk"] = ballot.risk
            # What an edited command does becomes part of the change, which its editor must not sign alone later.
            update["contributors"] = tuple(name for name in ballot.shaped_by if name != ballot.requester)
        pending = state.get("pending")
        if pending is not None and ballot.action != pending.action and (change := change_of(ballot.action)) is not None:
            # What runs after an edit is what the edited action says. Where that cannot be read nothing changes here,
            # and the signature will match nothing.
            update["pending"] = replace(pending, change=change, action=ballot.action, risk=ballot.risk)
        if (ending := ending_of(ballot)) is not None:
            update["ending"] = ending
        return update

    async def _current(self, ballot: str, org: str) -> Ballot:
        """The ballot that stands for this question now: an edit replaces one by another."""
        current = await self.ballots.get(ballot, org)
        while current.state == "superseded" and current.superseded_by:
            current = await self.ballots.get(current.superseded_by, org)
        return current

    async def _vote(self, ballot: Ballot, answer: Any, voter: Voter) -> None:
        """Take a resume of a known person for their vote; what cannot count is announced, and the run waits on."""
        try:
            resume, voting = read_resume(answer), Voting(ballots=self.ballots, clock=self.clock)
            if resume.edited is not None and self.revise is not None:
                bound(resume, [ballot])
                new = await voting.edit(ballot, await self.revise(ballot, resume.edited), voter)
                announce("ballot_opened", new.id, tier=new.tier, digest=new.action_digest, waiting=True)
            elif (decision := parse_resume(answer, ballot)) is not None:
                await voting.vote(ballot, decision, voter, like=resume.grant)
        except SignoffError as error:
            announce("note", f"The answer does not count: {error.message}", code=error.stable_code)


def ending_of(ballot: Ballot) -> Ending | None:
    """How a run ends whose question was decided; None where it goes on: signed, or rejected with words."""
    if ballot.parks:
        return Ending(
            status="rejected",
            code="rejected_three_times",
            message="Three proposals were rejected.",
            hint="The run waits for you to say what you want: signoff refine RUN WISH",
        )
    if ballot.state in {"rejected", "cancelled"} and not ballot.feedback:
        what = f"The approval was {ballot.state}. Nothing was delivered."
        return Ending(
            status="rejected", code=ballot.state, message=what, hint="The work is kept: signoff diff RUN shows it."
        )
    return None
