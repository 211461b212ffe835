"""Several candidates in a whole run over real endpoints: who wins, why, and what a small budget leaves of them."""

from pathlib import Path
from typing import Any

import pytest

from service import report
from service.wiring.application import Application
from tests.integration.models.choosing import asked, catalogue, delivered, opened, saying
from tests.wire.openai_server import OpenAIServer
from tests.worlds.house import FIX

pytestmark = pytest.mark.slow
COUNTED = """python3 -c '
from shop.prices import total
bad = [name for name, ok in (("sum", total([1, 2, 3]) == 6), ("nothing", total([]) == 0)) if not ok]
print(*(f"FAILED t.py::{name} - wrong" for name in bad), sep="\\n")
print(f"{len(bad)} failed, {2 - len(bad)} passed in 0.01s")
raise SystemExit(len(bad))'"""


def edit(line: str) -> dict[str, Any]:
    return {"files_to_update": [{**FIX["files_to_update"][0], "replace": f"    {line}"}]}


def both(folder: Path, one: OpenAIServer, two: OpenAIServer) -> Path:
    """Two coders for every change; the first of them reviews."""
    return catalogue(
        folder,
        models=[
            {"id": "one", "endpoint": one.base_url, "tier": "advanced"},
            {"id": "two", "endpoint": two.base_url, "tier": "fast", "roles": ["coder"]},
        ],
        strategies={
            "both": {"providers": ["one", "two"], "candidates": 2, "spares": ["planner"], "last_resort": False},
        },
    )


async def run(folder: Path, first: str, second: str, **budget: Any) -> tuple[dict[str, Any], dict[str, list[str]], Any]:
    """A run with two candidates, of whom the reviewer likes the second more."""
    scores = {
        "scores": [
            {"candidate": "candidate-1-1", "score": 3, "reason": "guesses"},
            {"candidate": "candidate-1-2", "score": 8, "reason": "sums all of them"},
        ]
    }
    judging = {"when": "scores", "answer": scores, "repeat": True}
    async with (
        OpenAIServer([judging, *saying(change=edit(first))], models=["one"]) as one,
        OpenAIServer(saying(change=edit(second)), models=["two"]) as two,
        opened(folder, catalogue=both(folder, one, two)) as application,
    ):
        standing = await delivered(
            application, folder, text="Fix the total", strategy="both", accept=COUNTED, budget=budget
        )
        return (
            report.as_json(standing),
            await asked(application, standing.run.id),
            await spans(application, standing.run.id),
        )


async def spans(application: Application, run_id: str) -> dict[str, Any]:
    found = await application.spans(run_id)
    return next((b["attributes"] for b in _all(found.to_json()) if b["name"] == "n_best"), {})


def _all(branch: dict[str, Any]) -> list[dict[str, Any]]:
    return [branch, *(each for child in branch.get("children", ()) for each in _all(child))]


async def test_the_reviewer_s_score_is_reported_and_traced(tmp_path: Path) -> None:
    told, who, span = await run(tmp_path, "return sum(prices[1:]) + 0", "return sum(prices[2:])", max_steps=1)
    assert [(c["provider"], c["review"]) for c in told["candidates"]] == [("two", 0.8), ("one", 0.3)]
    assert told["candidates"][0]["note"] == "Reviewer: sums all of them"
    assert told["choices"][0]["winner"] == "candidate-1-2"
    assert told["choices"][0]["reason"].endswith("the reviewer rates it higher.")
    assert span["app.winner"] == "candidate-1-2"
    assert list(span["app.review"]) == ["candidate-1-2 0.8", "candidate-1-1 0.3"]
    assert (who["reviewer"], sorted(who["coder"])) == (["one"], ["one", "two"])


async def test_a_candidate_that_passes_everything_needs_no_reviewer_to_win(tmp_path: Path) -> None:
    told, who, _ = await run(tmp_path, "return sum(prices[1:]) + 0", "return sum(prices)")
    assert (told["status"], told["candidates"][0]["provider"]) == ("interrupted", "two")
    assert [c["review"] for c in told["candidates"]] == [None, None]
    assert len(who["reviewer"]) == 1, "the review of the whole"


async def test_a_small_token_budget_asks_fewer_instead_of_nobody(tmp_path: Path) -> None:
    told, who, _ = await run(tmp_path, "return sum(prices)", "return sum(prices)", max_tokens=12_000)
    assert (told["status"], told["candidates"], who["coder"]) == ("interrupted", [], ["one"])


def whole(total: str) -> dict[str, Any]:
    """A change that fits whatever was done before."""
    content = f"def total(prices):\n    return {total}\n"
    return {"files_to_create": [{"path": "shop/prices.py", "content": content}]}


async def test_every_attempt_s_candidates_are_told(tmp_path: Path) -> None:
    """Not only those of the last one: who won each time, and why the others did not."""
    garbage = [{"answer": "I would rather not.", "repeat": True}]
    wrong = [{"when": "code_change", "answer": whole(f"sum(prices[{n}:])")} for n in (2, 3)]
    async with (
        OpenAIServer([*wrong, *saying(change=whole("sum(prices)"))], models=["one"]) as one,
        OpenAIServer(garbage, models=["two"]) as two,
        opened(tmp_path, catalogue=both(tmp_path, one, two)) as application,
    ):
        standing = await delivered(application, tmp_path, text="Fix the total", strategy="both", accept=COUNTED)
    told = report.as_json(standing)
    assert told["status"] == "interrupted"
    attempts = [(each["step"], each["attempt"], each["provider"]) for each in told["choices"]]
    assert attempts == [("change", n, "one") for n in (1, 2, 3)]
    assert all(each["winner"] == "candidate-1-1" and each["reason"] for each in told["choices"])
    listed = [(each["attempt"], each["provider"]) for each in told["candidates"]]
    assert listed == [(n, who) for n in (1, 2, 3) for who in ("one", "two")]
    assert [each["reproduction_passed"] for each in told["candidates"][::2]] == [False, False, True]
    failed = told["candidates"][1::2]
    assert all("did not answer with a code_change" in each["note"] or "Stopped" in each["note"] for each in failed)
    assert failed[0]["tokens"] > 0, "an answer that could not be read was paid for"
