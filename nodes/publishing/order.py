"""Order to publish: one signed delivery, as the action says it, and the evidence that goes with it. Pure."""

from dataclasses import dataclass
from datetime import datetime

from approvals import Ballot
from domain import Action, Spent, Task
from domain.evidence import Proof
from domain.work import PublishTarget
from forges import CommitStatus, PullRequestEvidence, pull_request_body
from nodes._commands import beside_base
from sandbox import Delivered, Pinned

STATUS_CHARS = 140
TITLE_CHARS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishOrder:
    """One signed delivery: what the action says, and the evidence that goes with it."""

    run: str
    tree: str
    action: Action
    ballot: Ballot
    proof: Proof
    spent: Spent
    at: datetime
    task: Task
    published: Delivered | None = None
    """What this one comes on top of."""

    @property
    def branch(self) -> str:
        return str(self.action.arguments["branch"])

    @property
    def message(self) -> str:
        return str(self.action.arguments["message"])

    @property
    def title(self) -> str:
        return self.message.splitlines()[0][:TITLE_CHARS]

    def body(self, commit: str, kind: str, target: PublishTarget) -> str:
        """The text of the pull request: signed words first, then what was seen."""
        risk = self.ballot.risk
        return pull_request_body(
            str(self.action.arguments["summary"]),
            PullRequestEvidence(
                run=self.run,
                proof=self.proof,
                base_notes=tuple(beside_base(self.proof)),
                commit=commit,
                tree=self.tree,
                cost=self.spent.cost,
                model_calls=self.spent.model_calls,
                tier=risk.tier,
                reasons=tuple(f"{reason.tier}: {reason.message}" for reason in risk.reasons),
                signed_by=signers(self.ballot),
                digest=self.ballot.action_digest,
                ballot=self.ballot.id,
                issue=issue_of(self.task, target, kind),
            ),
        )

    def status(self, url: str, summary: str) -> CommitStatus:
        """What stands beside the commit once it is delivered."""
        counts = f" ({self.proof.report.summary})" if self.proof.report else ""
        text = f"{self.proof.command} → exit code {self.proof.run.code}{counts}"
        return CommitStatus(state="success", description=text[:STATUS_CHARS], url=url, summary=summary)


def destination(pinned: Pinned, target: PublishTarget | None) -> str:
    """Where a delivery acts, as its signature names it."""
    return str(target) if target is not None and target.forge else pinned.repo


def signers(ballot: Ballot) -> tuple[str, ...]:
    """Who approved it, in the order in which they did."""
    return tuple(dict.fromkeys(vote.voter for vote in ballot.votes if vote.choice == "approve"))


def issue_of(task: Task, target: PublishTarget, kind: str) -> str:
    """How a forge of this kind links the issue that a task came from; empty where it came from none of that forge."""
    origin = task.origin
    if origin is None or origin.forge != target.forge:
        return ""
    sign = "!" if kind == "gitlab" and origin.subject == "pull_request" else "#"
    within = "" if origin.repository == target.repository else origin.repository
    return f"{within}{sign}{origin.number}"
