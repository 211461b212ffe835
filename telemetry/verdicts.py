"""What people, tests and the reviewer made of a run, as scores. Pure."""

from datetime import datetime

from domain import Proof, Review, Spent, Verdict
from telemetry.langfuse import Score


def scores_of(
    run: str,
    *,
    at: datetime,
    verdict: Verdict | None = None,
    proof: Proof | None = None,
    review: Review | None = None,
    spent: Spent | None = None,
) -> tuple[Score, ...]:
    """Return a score for everything that is known of a run that ended ``at``.

    A question that nobody answered is not a decision of a person, and gives none.
    """
    scores: list[Score] = []
    if verdict is not None and verdict.votes:
        said = "\n".join(vote.comment for vote in verdict.votes if vote.comment)[:10_000]
        choice = "reject" if any(vote.choice == "reject" for vote in verdict.votes) else "approve"
        last = max(vote.voted_at for vote in verdict.votes)
        scores.append(Score.human_approval(run, ballot=verdict.ballot, choice=choice, at=last, comment=said))
    if proof is not None:
        report = proof.report
        counts = f"{report.passed} passed, {report.failed} failed, {report.errors} errors" if report else ""
        scores.append(Score.tests_passed(run, passed=proof.ok, at=at, comment=counts))
    if review is not None:
        scores.append(Score.review_verdict(run, status=review.status, at=at))
    if spent is not None:
        scores.append(Score.cost_usd(run, cost=spent.cost, at=at))
    return tuple(scores)
