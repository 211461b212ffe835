"""Ballots as values, for what only reads them."""

from datetime import UTC, datetime

from approvals import Ballot
from domain import Action, Reason, Requirement, Risk

NOW = datetime(2026, 1, 1, tzinfo=UTC)
COMMIT = Action(tool="commit", arguments={"message": "Fix it", "parent": "c" * 40}, target="/repo")


def ballot(action: Action, *rules: str) -> Ballot:
    reasons = tuple(Reason(rule=rule, tier="high", message=rule) for rule in rules)
    return Ballot(
        id="b1",
        org="local",
        run="r1",
        step="execute.change",
        action=action,
        action_digest="d",
        context_digest="c",
        nonce="n",
        risk=Risk(tier="high", reasons=reasons),
        requirement=Requirement(tier="high", humans=1),
        requester="ann",
        created_at=NOW,
        expires_at=NOW,
    )
