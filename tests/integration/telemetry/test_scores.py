"""Scores on the wire, sent by the real SDK."""

import base64
import json
import socket
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from langfuse import LangfuseOtelSpanAttributes

from domain import Refused, SignoffError, Transient
from telemetry import Redactor, trace_id
from telemetry.langfuse import DatasetClient, ExperimentItem, RunScore, ScoreClient, item_id

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
KEY = "sk-lf-0000"
ACCEPTED = b'{"message": "Accepted"}'


def scores(url: str, **more: Any) -> ScoreClient:
    return ScoreClient(host=url, public_key="pk-lf-1", secret_key=KEY, redactor=Redactor(("hunter2!",)), **more)


async def test_people_tests_review_and_cost_become_scores_of_the_trace(receiver) -> None:
    receiver.statuses, receiver.answer = [202], ACCEPTED
    await scores(receiver.url).send(
        [
            RunScore.human_approval("r1", ballot="ballot-9", choice="approve", at=NOW, comment="fine, hunter2!"),
            RunScore.tests_passed("r1", passed=False, at=NOW),
            RunScore.review_verdict("r1", status="changes_requested", at=NOW),
            RunScore.cost_usd("r1", cost=Decimal("0.125"), at=NOW),
        ]
    )
    (request,) = receiver.requests
    assert request.path == "/api/public/scores"
    assert base64.b64decode(request.headers["authorization"].removeprefix("Basic ")) == b"pk-lf-1:sk-lf-0000"
    sent = request.json()
    assert {score["traceId"] for score in sent} == {f"{trace_id('r1'):032x}"}
    assert [(s["id"], s["name"], s["value"], s["dataType"]) for s in sent] == [
        ("ballot-9", "human_approval", 1, "BOOLEAN"),
        ("tests_passed-r1", "tests_passed", 0, "BOOLEAN"),
        ("review_verdict-r1", "review_verdict", "changes_requested", "CATEGORICAL"),
        ("cost_usd-r1", "cost_usd", 0.125, "NUMERIC"),
    ]
    assert sent[0]["comment"] == "fine, [redacted]"
    assert sent[0]["timestamp"].startswith("2026-01-02T03:04:05")


async def test_nothing_to_say_is_not_sent(receiver) -> None:
    await scores(receiver.url).send([])
    assert not receiver.requests


async def test_wrong_keys_are_refused_with_what_to_check(receiver) -> None:
    receiver.statuses, receiver.answer = [401], b'{"message": "no"}'
    with pytest.raises(Refused) as refused:
        await scores(receiver.url).send([RunScore.tests_passed("r1", passed=True, at=NOW)])
    assert refused.value.stable_code == "langfuse_refused"
    assert "LANGFUSE_SECRET_KEY" in refused.value.hint


async def test_a_rejected_score_is_reported_in_langfuses_words(receiver) -> None:
    receiver.statuses = [207]
    receiver.answer = b'{"accepted": 0, "rejected": 1, "errors": [{"message": "no such config"}]}'
    with pytest.raises(Refused, match="rejected 1 of 1") as refused:
        await scores(receiver.url).send([RunScore.tests_passed("r1", passed=True, at=NOW)])
    assert refused.value.hint == "no such config"


async def test_a_langfuse_that_is_down_can_be_tried_again() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(Transient) as away:
            await scores(f"http://127.0.0.1:{unused.getsockname()[1]}").send(
                [RunScore.tests_passed("r1", passed=True, at=NOW)]
            )
    assert away.value.stable_code == "langfuse_unavailable"


@pytest.mark.parametrize(
    ("status", "answer", "code"),
    [
        (200, b"[1]", "langfuse_unavailable"),
        (200, b"<html>", "langfuse_refused"),  # some other server: its hint says to check LANGFUSE_HOST
        (502, b"<html>", "langfuse_unavailable"),
        (429, b"{}", "langfuse_unavailable"),
    ],
)
async def test_an_answer_that_makes_no_sense_has_a_code_too(receiver, status: int, answer: bytes, code: str) -> None:
    receiver.statuses, receiver.answer = [status], answer
    with pytest.raises(SignoffError) as told:
        await scores(receiver.url).send([RunScore.tests_passed("r1", passed=True, at=NOW)])
    assert told.value.stable_code == code


async def test_without_the_extra_it_says_how_to_get_it() -> None:
    def load(name: str) -> Any:
        raise ModuleNotFoundError(f"No module named {name!r}")

    with pytest.raises(Refused) as refused:
        await scores("http://127.0.0.1:1", load=load).send([RunScore.tests_passed("r1", passed=True, at=NOW)])
    assert refused.value.stable_code == "langfuse_missing"
    assert "signoff[langfuse]" in refused.value.hint


def test_the_secret_key_is_not_shown() -> None:
    assert KEY not in repr(scores("http://127.0.0.1:1"))


async def test_cases_become_items_of_a_dataset(receiver) -> None:
    said = {"id": "d1", "name": "shop", "projectId": "p", "createdAt": "2026-01-01T00:00:00Z", "metadata": None}
    said |= {"updatedAt": "2026-01-01T00:00:00Z", "inputSchema": None, "expectedOutputSchema": None}
    item = {"status": "ACTIVE", "datasetId": "d1", "datasetName": "shop", "input": None, "expectedOutput": None}
    item |= {"sourceTraceId": None, "sourceObservationId": None, "description": None, "mediaReferences": []}
    receiver.answer = json.dumps(said | item).encode()
    assert await DatasetClient(scores(receiver.url)).put("shop", {"case-1": {"digest": "x"}}) == "d1"
    dataset, one = (request.json() for request in receiver.requests)
    assert dataset["name"] == "shop"
    assert (one["id"], one["datasetName"], one["input"]) == (item_id("shop", "case-1"), "shop", {"case": "case-1"})
    receiver.statuses = [401]
    with pytest.raises(Refused) as refused:
        await DatasetClient(scores(receiver.url)).put("shop", {})
    assert refused.value.stable_code == "langfuse_refused"


def test_what_answered_an_item_is_said_by_the_attributes_that_the_sdk_uses() -> None:
    item = ExperimentItem(experiment="balanced qwen", dataset_id="d1", item=item_id("shop", "case-1"))
    names = {value for name, value in vars(LangfuseOtelSpanAttributes).items() if name.startswith("EXPERIMENT_")}
    assert set(item.attributes("0" * 16)) <= names
    assert item_id("shop", "case-1") != item_id("other", "case-1")
