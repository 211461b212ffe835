"""Assess an action: what would happen, to the byte, and how risky that is. The model has no say in this."""

import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NotRequired, TypedDict

from opentelemetry.trace import Tracer

from domain import Action, Reason, Requirement, Review, Risk, Task
from domain.evidence import Finding, Proof
from domain.identity import redacted
from domain.masking import Masker
from domain.progress import Attempt, Pending
from domain.work import PublishTarget
from nodes._commands import beside_base
from nodes._models import Require
from nodes.publishing import Publisher, destination
from nodes.rating.rules import denied, rate, ruled
from risk import RiskEngine
from sandbox import Delivered, Pinned, Snapshot, Store

DELIVERED_AS: Mapping[str, Literal["patch", "commit", "branch", "pull_request", "deploy"]] = {
    "patch": "patch",
    "commit": "commit",
    "branch": "branch",
    "pr": "pull_request",
    "deploy": "deploy",
}
"""What a delivery is called as an action."""
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
    review: NotRequired[Review | None]
    target: NotRequired[PublishTarget | None]
    published: NotRequired[Delivered | None]


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
    publisher: Publisher

    async def __call__(self, state: AssessInput) -> AssessUpdate:
        if (pending := state.get("pending")) is not None:
            risk = pending.risk
            return {"action": pending.action, "risk": risk, "requirement": self.require(risk.tier), "verdict": None}
        run, task, proof, findings = state["run"], state["task"], state.get("proof"), state.get("findings", ())
        assert proof is not None  # noqa: S101  review comes before every delivery
        message = commit_message(task, run, state.get("attempts", ()), proof)
        target, published = state.get("target"), state.get("published")
        if target is not None and target.forge and published is not None:
            await self.publisher.ensure_open(target, published)
        review = state.get("review")
        action = delivery_action(
            task,
            state["pinned"],
            run,
            state["snapshot"].tree,
            message,
            target=target,
            published=published,
            summary=review.final_answer_markdown if review else "",
        )
        engine, diff = await ruled(self.engine, self.store, run), state.get("readable") or state.get("diff", "")

        def classify() -> Risk:
            delivery = engine.delivery(
                diff, kind=DELIVERED_AS[task.deliver], target=action.target, tainted=task.outside
            )
            # What the review noticed is shown to the signer at the tier of the delivery: it never lowers that.
            noticed = tuple(
                Reason(rule=f"review.{f.kind}", tier=delivery.tier, message=f"{f.message} {f.path}".strip())
                for f in findings
            )
            return engine.combine(delivery, Risk(tier=delivery.tier, reasons=noticed))

        risk = await rate(self.tracer, classify, tool=action.tool)
        if (refusal := denied(risk)) is not None:
            raise refusal
        return {"action": action, "risk": risk, "requirement": self.require(risk.tier), "verdict": None}


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


def delivery_action(
    task: Task,
    pinned: Pinned,
    run: str,
    tree: str,
    message: str,
    *,
    target: PublishTarget | None = None,
    published: Delivered | None = None,
    summary: str = "",
) -> Action:
    """The canonical form of a delivery (see docs/approvals.md).

    Args:
        task: what was asked for.
        pinned: what it starts from.
        run: whose delivery it is.
        tree: what is delivered.
        message: of the commit.
        target: where it goes beyond this machine.
        published: the delivery that this one refines: it goes on top of that commit, to the same branch.
        summary: what a pull request says in the reviewer's words; they leave this machine, so they are signed, too.
    """
    if task.deliver == "patch":
        return Action(tool="patch", arguments={}, target="the caller", base_commit=pinned.commit, content=tree)
    arguments: dict[str, str | int | bool | list[str] | None] = {"message": message, "parent": pinned.commit}
    if task.deliver == "branch":
        arguments["branch"] = branch_name(task, run)
    if target is not None:
        arguments["parent"] = published.commit if published and target.forge else pinned.commit
        arguments["branch"] = published.ref if published and target.forge else branch_name(task, run)
        if task.deliver == "pr":
            arguments |= {"base": target.base, "summary": Masker().text(redacted(summary))}
            arguments |= {"fork": target.fork} if target.fork else {}
        else:
            arguments["hook"] = target.hook
    return Action(
        tool=DELIVERED_AS[task.deliver],
        arguments=arguments,
        target=destination(pinned, target),
        base_commit=pinned.commit,
        content=tree,
    )
