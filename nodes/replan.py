"""Replan where the evidence says that the plan is wrong, three times at most."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NotRequired, TypedDict

from domain import Ending, Plan, Review, Spent, Task, Verdict
from domain.coder import CoderTurn
from domain.evidence import Evidence, Finding
from domain.limits import ensure_within
from domain.work import check_plan
from models import Message, PromptSource
from nodes._commands import plain, tail
from nodes._events import announce
from nodes._models import Clock, Roster, as_json, consult, selection, spent_on
from sandbox import Pinned, Snapshot, Workspaces

ROUNDS = 3
PAST_TURNS = 200
"""Turns under earlier plans that are remembered."""


class ReplanInput(TypedDict):
    run: str
    org: str
    task: Task
    pinned: Pinned
    expert: str
    plan: Plan
    planning: tuple[Message, ...]
    evidence: NotRequired[tuple[Evidence, ...]]
    findings: NotRequired[tuple[Finding, ...]]
    review: NotRequired[Review | None]
    verdict: NotRequired[Verdict | None]
    seen: NotRequired[tuple[str, ...]]
    turns: NotRequired[tuple[CoderTurn, ...]]
    past_turns: NotRequired[tuple[CoderTurn, ...]]
    round: int
    snapshot: Snapshot
    good: Snapshot
    spent: Spent


class ReplanUpdate(TypedDict, total=False):
    plan: Plan
    planning: tuple[Message, ...]
    done: tuple[str, ...]
    transcript: tuple[Message, ...]
    turns: tuple[CoderTurn, ...]
    past_turns: tuple[CoderTurn, ...]
    question: None
    snapshot: Snapshot
    round: int
    tries: int
    seen: tuple[str, ...]
    findings: tuple[Finding, ...]
    pending: None
    verdict: None
    spent: Spent
    ending: Ending


@dataclass(frozen=True, slots=True, kw_only=True)
class Replanner:
    """Revise the plan by the kind of failure, or say that it is time to stop."""

    workspaces: Workspaces
    roster: Roster
    prompt: PromptSource
    planner: PromptSource
    clock: Clock

    async def __call__(self, state: ReplanInput) -> ReplanUpdate:
        findings, feedback = _why(state)
        prints = tuple(sorted({f.fingerprint for f in findings}))
        past = state.get("evidence", ())
        failure = past[-1].failure if past else None
        model = await self.roster.model("planner", selection(state, attempt=state["round"] + 2, failure=failure))
        if ending := reason_to_stop(state, prints, feedback, can_plan=model is not None):
            return {"ending": ending}
        # A person's or reviewer's wish builds on the work; a dead end is rolled back to the last good state.
        keep = bool(feedback or state.get("findings"))
        snapshot = state["snapshot"] if keep else state["good"]
        assert model is not None  # noqa: S101  reason_to_stop has seen to it
        task, now = state["task"], self.clock()
        ensure_within(task.budget, state["spent"], started_at=task.received_at, now=now)  # for an attempt to follow it
        messages = await self._messages(state, findings, feedback, keep=keep)
        reply = await consult(
            model,
            messages,
            Plan,
            settings=self.roster.settings("planner"),
            task=task,
            spent=state["spent"],
            now=now,
        )
        plan = replace(check_plan(reply.value), acceptance=task.accept, expert=state["expert"])
        announce("replanned", plan.goal, round=state["round"] + 1, steps=[s.title for s in plan.steps])
        return {
            "plan": plan,
            "planning": (*messages, Message(role="assistant", content=as_json(plan))),
            "done": (),
            "transcript": (),
            "turns": (),
            "past_turns": (*state.get("past_turns", ()), *state.get("turns", ()))[-PAST_TURNS:],
            "question": None,
            "tries": 0,
            "findings": (),
            "pending": None,
            "verdict": None,
            "snapshot": snapshot,
            "round": state["round"] + 1,
            "seen": prints,
            "spent": state["spent"] + spent_on(reply.usage),
        }

    async def _messages(
        self, state: ReplanInput, findings: Sequence[Finding], feedback: str, *, keep: bool
    ) -> tuple[Message, ...]:
        """The planner's conversation so far and what speaks against its plan."""
        run, task, conversation = state["run"], state["task"], state["planning"]
        if not conversation:  # a plan that was made without a model: it is told now as if the planner had said it
            opening = await self.planner.render(
                run,
                expert=self.roster.expert_prompt(state["expert"]),
                base=task.base[:12],
                context="",
                task=task.text,
                accept=task.accept,
                baseline="see below",
            )
            conversation = (*opening, Message(role="assistant", content=as_json(state["plan"])))
        past = state.get("evidence", ())
        # Where the work stays, the finding is about it; the output of an older run would only lead astray.
        runs = past[-1].runs if past and not keep else ()
        question = await self.prompt.render(
            run,
            failure=(past[-1].failure if past else None) or "general",
            findings=[f"{f.kind}: {f.message} {f.path}".strip() for f in findings],
            output=tail(plain(runs[-1])) if runs else "",
            feedback=feedback,
            files_are="as the last attempt left them" if keep else "back to the last state that was good",
        )
        return (*conversation, *question)


def _why(state: ReplanInput) -> tuple[tuple[Finding, ...], str]:
    """What speaks against the plan, and what a human with the say asked for."""
    verdict = state.get("verdict")
    feedback = verdict.feedback if verdict is not None and verdict.state == "rejected" else ""
    last = [] if feedback else [each.findings for each in state.get("evidence", ())[-1:]]
    return state.get("findings", ()) or (last[0] if last else ()), feedback


def reason_to_stop(state: ReplanInput, prints: tuple[str, ...], feedback: str, *, can_plan: bool) -> Ending | None:
    """The ending of a run that should not be planned anew; None where it should.

    Args:
        state: of the run.
        prints: fingerprints of the findings, sorted.
        feedback: what a person asked for; who rejected with words may do so again and again.
        can_plan: there is a model that plans.
    """
    what = "; ".join(f.message for f in _why(state)[0]) or feedback
    if not can_plan:
        return Ending(
            status="failed",
            code="gave_up",
            message=f"No model is configured that could plan anew. {what}",
            hint="Configure a model (see signoff doctor), or do this part by hand.",
        )
    if prints and prints == state.get("seen", ()) and not feedback:
        return Ending(
            status="failed",
            code="same_finding_twice",
            message=f"The same finding came twice: {what}",
            hint="Say more in the task, try a stronger model, or look at: signoff show RUN",
        )
    if state["round"] >= ROUNDS:
        return Ending(
            status="failed",
            code="gave_up",
            message=f"Three revised plans did not work out. {what}",
            hint="Split the task, say more in it, or try a stronger model.",
        )
    return None
