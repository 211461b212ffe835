"""Say exactly what wants to happen, and how risky it is. The model has no say in this."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import NotRequired, TypedDict

from opentelemetry.trace import Tracer

from domain import Action, Attempt, Finding, Pending, Proof, Reason, Requirement, Risk, Task
from nodes._colleagues import Require
from nodes._delivery import commit_message, delivery_action
from nodes._rating import rate
from nodes._rules import denied, ruled
from risk import RiskEngine
from sandbox import Pinned, Snapshot, Store


class AssessInput(TypedDict):
    run: str
    task: Task
    pinned: Pinned
    snapshot: Snapshot
    pending: NotRequired[Pending | None]
    attempts: NotRequired[tuple[Attempt, ...]]
    proof: NotRequired[Proof]
    findings: NotRequired[tuple[Finding, ...]]
    diff: NotRequired[str]
    readable: NotRequired[str]
    """The same for a reader, where it differs: files that are not UTF-8 in their own characters."""


class AssessUpdate(TypedDict):
    action: Action
    risk: Risk
    requirement: Requirement
    verdict: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessor:
    """Rate a waiting action, or the delivery."""

    engine: RiskEngine
    store: Store
    require: Require
    tracer: Tracer

    async def __call__(self, state: AssessInput) -> AssessUpdate:
        pending = state.get("pending")
        if pending is not None:
            action, risk = pending.action, pending.risk
        else:
            action, engine = _action(state), await ruled(self.engine, self.store, state["run"])
            risk = await rate(self.tracer, partial(_rated, engine, state, action), tool=action.tool)
            if (no := denied(risk)) is not None:
                raise no
        return {"action": action, "risk": risk, "requirement": self.require(risk.tier), "verdict": None}


def _rated(engine: RiskEngine, state: AssessInput, action: Action) -> Risk:
    task = state["task"]
    rated = engine.delivery(
        (state.get("readable") or state.get("diff", "")), kind=task.deliver, target=action.target, tainted=task.outside
    )
    return engine.combine(rated, _noticed(rated, state.get("findings", ())))


def _action(state: AssessInput) -> Action:
    task, proof = state["task"], state.get("proof")
    assert proof is not None  # noqa: S101  review comes before every delivery
    message = commit_message(task, state["run"], state.get("attempts", ()), proof)
    return delivery_action(task, state["pinned"], state["run"], state["snapshot"].tree, message)


def _noticed(rated: Risk, findings: Sequence[Finding]) -> Risk:
    """What the review noticed is shown to the signer; it never lowers the tier."""
    reasons = tuple(
        Reason(rule=f"review.{f.kind}", tier=rated.tier, message=f"{f.message} {f.path}".strip()) for f in findings
    )
    return Risk(tier=rated.tier, reasons=reasons)
