"""Say exactly what wants to happen, and how risky it is. The model has no say in this."""

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import NotRequired, TypedDict

from opentelemetry.trace import Tracer

from domain import Action, Attempt, Finding, Pending, Proof, Reason, Requirement, Risk, Task, redacted
from nodes._commands import beside_base
from nodes._models import Require
from nodes._rating import denied, rate, ruled
from risk import RiskEngine
from sandbox import Pinned, Snapshot, Store

SUBJECT = 72
"""Characters of a commit's first line."""


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


def branch_name(task: Task, run: str) -> str:
    """``signoff/<words of the task>-<run>``, made of characters that every tool likes."""
    words = re.sub(r"[^a-z0-9]+", "-", task.text.splitlines()[0].lower()).strip("-")[:40].strip("-")
    return f"signoff/{words or 'change'}-{re.sub('[^A-Za-z0-9]', '', run)[-8:]}"


def commit_message(task: Task, run: str, attempts: Sequence[Attempt], proof: Proof) -> str:
    """The coder's own words, or the task's, and below them what proves the change."""
    own = next((a.change.commit_message.strip() for a in reversed(attempts) if a.change.commit_message.strip()), "")
    subject, _, body = (own or task.text.strip()).partition("\n")
    if len(subject) > SUBJECT:
        subject, body = f"{subject[: SUBJECT - 1].rstrip()}…", f"{subject}\n{body}".strip()
    if own and not body.strip():
        body = textwrap.fill(" ".join(task.text.split())[:2_000], SUBJECT)
    report = proof.report
    counts = f" ({report.summary})" if report else ""
    lines = [
        subject,
        "",
        body.strip(),
        "",
        "; ".join((f"Proved by: {proof.command} → exit code {proof.run.code}{counts}", *beside_base(proof))),
        f"Signoff-Run: {run}",
    ]
    return redacted(re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()) + "\n"


def delivery_action(task: Task, pinned: Pinned, run: str, tree: str, message: str) -> Action:
    """The canonical form of a delivery (see docs/approvals.md)."""
    if task.deliver == "patch":
        return Action(tool="patch", arguments={}, target="the caller", base_commit=pinned.commit, content=tree)
    arguments: dict[str, str | int | bool | list[str] | None] = {"message": message, "parent": pinned.commit}
    if task.deliver == "branch":
        arguments["branch"] = branch_name(task, run)
    tool = "branch" if task.deliver == "branch" else "commit"
    return Action(tool=tool, arguments=arguments, target=pinned.repo, base_commit=pinned.commit, content=tree)
