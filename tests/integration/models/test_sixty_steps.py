"""A run of sixty steps through the real nodes ends on an endpoint with 8k as on one with 32k (B9)."""

from pathlib import Path
from typing import Any

import pytest

from tests.integration.models.choosing import LONG, delivered, opened
from tests.wire.openai_server import OpenAIServer
from tests.worlds.house import FIX, OK

STEPS, TRIES = 20, 3
PAGE = "A line of a page that nobody needs, number {}, and it goes on for a while.\n"
PLAN = {
    "goal": "Work through all of it",
    "steps": [{"id": f"s{n}", "title": f"Step {n}", "needs": [f"s{n - 1}"] if n else []} for n in range(STEPS)],
}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def attempts() -> list[dict[str, Any]]:
    """Two attempts at each step fail after writing a long page; the third does what its command looks for."""
    found: list[dict[str, Any]] = []
    for step in range(STEPS):
        for attempt in range(1, TRIES + 1):
            page = "".join(PAGE.format(f"{step}.{attempt}.{n}") for n in range(110))
            change = {
                "files_to_create": [{"path": f"pages/{step}-{attempt}.txt", "content": page}],
                "cmd_instructions": [f"test -f pages/{step}-{TRIES}.txt"],
            }
            found.append({"when": "code_change", "answer": change})
    found[-1]["answer"] = {**found[-1]["answer"], **FIX}
    return found


@pytest.mark.parametrize("served", [8_192, 32_768])
async def test_sixty_steps(tmp_path: Path, served: int) -> None:
    script = [{"when": "plan", "answer": PLAN}, *attempts(), {"when": "review", "answer": OK, "repeat": True}]
    budget = {"max_steps": 80, "max_tokens": 5_000_000, "max_minutes": 120, "max_sandbox_seconds": 5_000}
    async with (
        OpenAIServer(script, models=["m"], max_model_len=served, tokenizer=1.0) as server,
        opened(tmp_path, model_base_url=server.base_url, model="m", model_cache="off") as application,
    ):
        standing = await delivered(application, tmp_path, text=LONG, strategy="low_ram", budget=budget)
        assert standing.run.status == "interrupted", standing.run.ending
        assert standing.values["spent"].steps == STEPS * TRIES
        rows = await application.decisions.latest(application.org, run=standing.run.id, limit=200)
    assert [row.outcome for row in rows] == ["answered"] * len(rows), "no prompt was refused"
    coding = [request.body["messages"] for request in server.asked if request.form == "code_change"]
    assert len(coding) == STEPS * TRIES
    shortened = [n for n, said in enumerate(coding) if any("left out" in message["content"] for message in said)]
    assert bool(shortened) == (served < 10_000)
    # The task and the step stand first in every prompt, the newest evidence last.
    assert all("The total" in said[1]["content"] or LONG[:20] in said[1]["content"] for said in coding)
    assert all("exit code 1" in coding[n][-1]["content"] for n in range(len(coding)) if n % TRIES)
