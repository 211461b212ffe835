from datetime import UTC, datetime, timedelta
from decimal import Decimal

from domain import CommandRun, Review, Spent, Verdict
from domain.decision import Vote
from domain.evidence import Proof, TestReport
from telemetry.langfuse import scores_of

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def vote(choice: str, comment: str = "", minutes: int = 0) -> Vote:
    at = NOW + timedelta(minutes=minutes)
    return Vote(voter="ana", choice=choice, action_digest="d", voted_at=at, comment=comment)  # type: ignore[arg-type]


def test_everything_that_is_known_becomes_a_score() -> None:
    proof = Proof(
        command="pytest", tree="t", run=CommandRun(command="pytest", ended="exit", code=0), report=TestReport(passed=7)
    )
    verdict = Verdict(ballot="b1", state="consumed", action_digest="d", votes=(vote("approve", "good", 3),))
    scores = scores_of(
        "r1", at=NOW, verdict=verdict, proof=proof, review=Review(status="ok"), spent=Spent(cost=Decimal("0.5"))
    )
    assert [(s.name, s.value, s.comment) for s in scores] == [
        ("human_approval", 1.0, "good"),
        ("tests_passed", 1.0, "7 passed, 0 failed, 0 errors"),
        ("review_verdict", "ok", ""),
        ("cost_usd", 0.5, ""),
    ]
    assert (scores[0].id, scores[0].at) == ("b1", NOW + timedelta(minutes=3))


def test_one_no_is_a_no() -> None:
    verdict = Verdict(ballot="b1", state="rejected", action_digest="d", votes=(vote("approve"), vote("reject", "why?")))
    assert [(s.value, s.comment) for s in scores_of("r1", at=NOW, verdict=verdict)] == [(0.0, "why?")]


def test_silence_is_no_decision_and_nothing_known_is_no_score() -> None:
    assert scores_of("r1", at=NOW, verdict=Verdict(ballot="b1", state="expired", action_digest="d")) == ()
    assert scores_of("r1", at=NOW) == ()
