"""What became of a run reaches Langfuse, and nothing hangs on it."""

import socket
from datetime import UTC, datetime
from decimal import Decimal

from structlog.testing import capture_logs

from domain import Review, Spent
from telemetry.langfuse import ScoreClient, ScoreReporter

NOW = datetime(2026, 1, 2, tzinfo=UTC)
VALUES = {
    "review": Review(status="ok"),
    "spent": Spent(cost=Decimal("0.5")),
    "verdict": None,
    "proof": "of another kind",
}


def keeper(url: str) -> ScoreReporter:
    return ScoreReporter(scores=ScoreClient(host=url, public_key="pk", secret_key="sk"))  # noqa: S106 a test


async def test_the_last_state_of_a_run_becomes_scores(receiver) -> None:
    receiver.statuses, receiver.answer = [202], b'{"message": "Accepted"}'
    assert await keeper(receiver.url).keep("r1", VALUES, at=NOW)
    assert [(s["name"], s["value"]) for s in receiver.requests[0].json()] == [
        ("review_verdict", "ok"),
        ("cost_usd", 0.5),
    ]


async def test_a_langfuse_that_is_down_is_logged_and_nothing_more() -> None:
    with socket.socket() as unused, capture_logs() as logs:
        unused.bind(("127.0.0.1", 0))
        assert not await keeper(f"http://127.0.0.1:{unused.getsockname()[1]}").keep("r1", VALUES, at=NOW)
    assert [(line["event"], line["code"], line["run"]) for line in logs] == [
        ("scores not sent", "langfuse_unavailable", "r1")
    ]
