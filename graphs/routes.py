"""Routes: every conditional edge of the graph, as a pure function of the state."""

from collections.abc import Awaitable, Callable
from typing import Literal, TypeVar

from domain.limits import LOOP, TURNS_SPENT
from domain.progress import working
from domain.work import ready
from graphs.state import State

Where = TypeVar("Where", bound=str)

PATIENCE = 3
"""Attempts at one step before the plan itself is in doubt."""


def ended(state: State) -> bool:
    """True once some node said how the run ended."""
    return state.get("ending") is not None


def shared(state: State) -> bool:
    """True while workers of a team do the steps of the plan: one step leaves nothing to share."""
    return state.get("team") is not None and len(state["plan"].steps) > 1


def after_plan(state: State) -> Literal["execute", "team"]:
    """One coder, or several."""
    return "team" if shared(state) else "execute"


def after_team(state: State) -> Literal["approve", "replan", "review", "team", "__end__"]:
    """Another visit, until every branch landed or none can go on."""
    team = state.get("team")
    if ended(state) or team is None:
        return "__end__"
    if state.get("pending") is not None:
        return "approve"
    if team.outcome == "":
        return "team"
    return "review" if team.outcome == "landed" else "replan"


def after_observe(state: State) -> Literal["approve", "execute", "replan", "review", "team", "__end__"]:
    """Where evidence leads."""
    if ended(state):
        return "__end__"
    if state.get("pending") is not None:
        return "approve"
    # ``execute`` puts the question itself, before it does anything else, and is replayed with the answer.
    if state.get("question") is not None:
        return "team" if state.get("worker") else "execute"
    # Each end of a candidate is a visit of ``execute``, too: there the next one begins, or one is chosen.
    if working(state.get("loops", ())) is not None:
        return "execute"
    evidence, plan = state.get("evidence", ()), state["plan"]
    left = ready(plan, state["done"])
    if not left:
        return "review"
    attempts, turns = state.get("attempts", ()), state.get("turns", ())
    by_turns = attempts[-1].turn is not None if attempts else bool(turns)
    if by_turns:  # turn by turn: evidence is older than the turn, mostly
        return "replan" if turns and turns[-1].code in {LOOP, TURNS_SPENT} else "execute"
    last = evidence[-1] if evidence else None
    failed = last is not None and not last.ok
    loops = last is not None and any(f.kind == "loop" for f in last.findings)
    worn_out = state.get("tries", 0) >= PATIENCE
    return "replan" if failed and (worn_out or loops) else "execute"


def after_replan(state: State) -> Literal["execute", "team", "__end__"]:
    """A revised plan is carried out at once."""
    return "__end__" if ended(state) else after_plan(state)


def after_review(state: State) -> Literal["approve", "replan", "__end__"]:
    """A finding goes back to the planner, a clean review goes to the signer."""
    if ended(state):
        return "__end__"
    return "replan" if any(f.blocking for f in state.get("findings", ())) else "approve"


def after_ask(state: State) -> Literal["wait", "__end__"]:
    """Nobody has to sign: the subgraph is done."""
    return "__end__" if state.get("verdict") is not None else "wait"


def after_wait(state: State) -> Literal["wait", "__end__"]:
    """A wake-up without a decision waits again."""
    return "__end__" if state.get("verdict") is not None else "wait"


def after_approve(state: State) -> Literal["execute", "team", "deliver", "replan", "__end__"]:
    """Signed: do it. Rejected with words: plan anew, or tell the worker who wanted it. Anything else ends the run."""
    verdict = state.get("verdict")
    if ended(state) or verdict is None:
        return "__end__"
    pending = state.get("pending") is not None
    worded = verdict.state == "rejected" and bool(verdict.feedback)
    if pending and state.get("worker") and (verdict.state == "approved" or worded):
        return "team"
    if verdict.state == "approved":
        return "execute" if pending else "deliver"
    return "replan" if worded else "__end__"


def at_once(route: Callable[[State], Where]) -> Callable[[State], Awaitable[Where]]:
    """The same route as a coroutine: LangGraph takes a plain function to a thread, which costs more than asking it."""

    async def asked(state: State) -> Where:
        return route(state)

    asked.__name__ = route.__name__
    return asked
