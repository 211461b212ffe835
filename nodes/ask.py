"""Ask for a signature: open the ballot. Asking twice finds the same one, so a crash here asks no person twice."""

from dataclasses import dataclass
from typing import NotRequired, TypedDict

from approvals import Ballots, Request
from domain import Action, Requirement, Risk, Task, Verdict
from domain.masking import Masker
from domain.progress import Pending
from nodes._events import announce
from nodes._masking import Masks


class AskInput(TypedDict):
    run: str
    org: str
    task: Task
    action: Action
    risk: Risk
    requirement: Requirement
    diff: NotRequired[str]
    readable: NotRequired[str]
    """The same for a reader, where it differs: files that are not UTF-8 in their own characters."""
    pending: NotRequired[Pending | None]
    ask_round: NotRequired[int]
    contributors: NotRequired[tuple[str, ...]]


class AskUpdate(TypedDict):
    ballot: str
    verdict: Verdict | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Put the question to the humans the policy names; nobody is asked where it names none."""

    ballots: Ballots
    masks: Masks | None = None
    """None: what is shown is masked by form alone."""

    async def __call__(self, state: AskInput) -> AskUpdate:
        masker = Masker() if self.masks is None else await self.masks(state["run"])
        diff = state.get("readable") or state.get("diff", "")
        # Every new question has a name of its own: after an expiry it is asked again.
        pending, again = state.get("pending"), state.get("ask_round", 0)
        name = "deliver" if pending is None else f"execute.{pending.step}"
        if pending is not None and pending.turn is not None and pending.action.tool == "mcp":
            # The same call in another turn is another call: it may be meant twice.
            name = f"{name}.use.{pending.turn.number}"
        request = Request(
            run=state["run"],
            step=f"{name}.{again + 1}" if again else name,
            action=state["action"],
            risk=state["risk"],
            requirement=state["requirement"],
            requester=state["task"].requester,
            org=state["org"],
            contributors=state.get("contributors", ()),
            diff="" if pending is not None else masker.text(diff),
        )
        ballot = await self.ballots.open(request)
        waiting = ballot.state == "pending"
        announce("ballot_opened", ballot.id, tier=ballot.tier, digest=ballot.action_digest, waiting=waiting)
        return {"ballot": ballot.id, "verdict": None if waiting else ballot.verdict}
