"""A small fixed slice with scripted answers, in every run of the tests: what was resolved stays resolved.

The answers are fixed, so a drop is ours: an edit that does not apply any more, a proof that is no longer found, a
question to people that was not there before.
"""

from pathlib import Path

from service.eval.dataset import read_dataset
from service.eval.evaluation import manifest_of
from service.eval.results import summary
from tests.worlds.evaluations import evaluated

SLICE = Path(__file__).parents[2] / "corpus" / "quality_slice.jsonl"
WANTED = {"slice-double": "resolved", "slice-median": "resolved", "slice-words": "resolved", "slice-clamp": "wrong"}
"""The last answer is wrong on purpose, and passes its docstring's example: a slice that cannot fail shows nothing."""


def answer(body: str) -> dict[str, object]:
    stub = "    raise NotImplementedError\n"
    return {"files_to_update": [{"path": "solution.py", "search": stub, "replace": body}], "commit_message": "Write it"}


async def test_what_was_resolved_stays_resolved(tmp_path: Path):
    cases = read_dataset(SLICE).cases
    answers = [
        answer("    return 2 * x\n"),
        answer(
            "    ordered = sorted(numbers)\n    half = len(ordered) // 2\n"
            "    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2\n"
        ),
        answer("    return max(text.split(), key=len, default='')\n"),
        answer("    return min(x, high)\n"),
    ]
    results, left_out = await evaluated(tmp_path, cases, {"coder": list(answers)})
    assert left_out == 0
    assert {case: result.outcome for case, result in results.items()} == WANTED
    total = summary(manifest_of("slice", "", cases, k=1, strategy="balanced", model=""), list(results.values()))
    # A change of one function needs no person before its delivery.
    assert total.prompts_per_run == 0
    assert total.turns_per_run == 1
