"""Whatever an endpoint does, a run ends: with a result of another one, or with a code that says what to do."""

from pathlib import Path
from typing import Any

import pytest

from tests.integration.models.choosing import LONG, catalogue, delivered, opened, saying
from tests.wire.openai_server import OpenAIServer

FAULTS: dict[str, list[dict[str, Any]]] = {
    "storm": [{"status": 429, "headers": {"retry-after": "0"}, "repeat": True}],
    "busy for an hour": [{"status": 429, "headers": {"retry-after": "3600"}, "repeat": True}],
    "500": [{"status": 500, "repeat": True}],
    "silent": [{"answer": "", "hang_after": 0, "repeat": True}],
    "drips": [{"answer": "word " * 3_000, "drip_s": 0.05, "repeat": True}],
    "cut": [{"answer": "word " * 300, "cut_after": 3, "repeat": True}],
    "truncated": [{"answer": '{"goal": "x', "finish": "length", "repeat": True}],
    "garbage": [{"answer": "I would rather not.", "repeat": True}],
    "wrong protocol": [{"raw": "<html>", "content_type": "text/html", "repeat": True}],
    "wrong key": [{"status": 401, "repeat": True}],
    "wrong model": [{"status": 404, "message": "no such model", "repeat": True}],
    "too long": [{"status": 400, "message": "maximum context length is 300 tokens", "repeat": True}],
    "floods": [{"flood_mb": 200, "repeat": True}],
    "hangs up": [{"break": True, "repeat": True}],
}
CODES = {
    "rate_limit_exceeded",
    "llm_unavailable",
    "llm_unreadable",
    "llm_cut_off",
    "llm_endless",
    "llm_unauthorized",
    "llm_unknown_model",
    "context_too_long",
    "llm_bad_request",
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
async def test_whatever_an_endpoint_does_another_one_answers(tmp_path: Path, fault: str) -> None:
    async with (
        OpenAIServer(FAULTS[fault], models=["bad"]) as broken,
        OpenAIServer(saying(), models=["good"]) as server,
    ):
        mine = catalogue(
            tmp_path,
            models=[
                {"id": "bad", "endpoint": broken.base_url, "tier": "advanced"},
                {"id": "good", "endpoint": server.base_url, "tier": "fast"},
            ],
        )
        async with opened(tmp_path, catalogue=mine, model_timeout_s=4) as application:
            standing = await delivered(application, tmp_path, text="Fix the total")
            rows = await application.decisions.latest(application.org, run=standing.run.id)
    outcomes = {row.outcome for row in rows if row.choice == "bad"}
    assert broken.requests
    if standing.run.status == "interrupted":
        assert {row.outcome for row in rows if row.choice == "good"} == {"answered"}
        assert outcomes <= CODES
    else:  # the silent one took all the time there was
        assert standing.run.ending is not None
        assert standing.run.ending.code in CODES


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
async def test_when_nobody_answers_a_run_ends_with_a_code(tmp_path: Path, fault: str) -> None:
    async with (
        OpenAIServer(FAULTS[fault], models=["m"]) as server,
        opened(tmp_path, model_base_url=server.base_url, model="m", model_timeout_s=1.5) as application,
    ):
        standing = await delivered(application, tmp_path, text=LONG, strategy="balanced")
        assert standing.run.ending is not None
        assert standing.run.ending.code in CODES, standing.run.ending
        assert standing.run.ending.hint
        rows = await application.decisions.latest(application.org, run=standing.run.id)
        assert rows
        assert {row.outcome for row in rows} <= CODES


@pytest.mark.slow
async def test_who_is_busy_for_an_hour_is_asked_once(tmp_path: Path) -> None:
    async with (
        OpenAIServer(FAULTS["busy for an hour"], models=["m"]) as server,
        opened(tmp_path, model_base_url=server.base_url, model="m") as application,
    ):
        standing = await delivered(application, tmp_path, text=LONG, strategy="balanced")
    ending = standing.run.ending
    assert ending is not None
    assert (standing.run.status, ending.code, ending.retry_after) == ("paused", "rate_limit_exceeded", 3_600)
    assert "in 60 min" in ending.hint
    assert "signoff resume" in ending.hint
    assert len(server.asked) == 1
