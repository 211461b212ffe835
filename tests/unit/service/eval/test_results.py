import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import Refused
from domain.progress import Attempt
from models import Message
from service.eval.attempts import is_refusal, why_undelivered
from service.eval.compare import compared
from service.eval.evaluation import CostCap
from service.eval.results import APART, MEANING, AttemptResult, Manifest, ResultsFolder, read_predictions, summary
from service.eval.tables import comparison_table, draw, summary_table

MANIFEST = Manifest(dataset="d", digest="1", cases=("a", "b"), k=2, begun_at=datetime(2026, 1, 1, tzinfo=UTC))


def result(case: str, outcome: str = "resolved", attempt: int = 1, **more: object) -> AttemptResult:
    return AttemptResult(
        case=case, outcome=outcome, attempt=attempt, **{"seconds": 2.0, "cost": Decimal("0.5"), **more}
    )


def test_what_ended_is_there_again_after_a_kill_and_half_a_line_is_not(tmp_path):
    folder = ResultsFolder(tmp_path / "e")
    folder.begin(MANIFEST)
    folder.add(result("a"), "diff a", "m")
    folder.add(result("a", "wrong", attempt=2), "diff a2", "m")
    # A kill between the two files, and one in the middle of a line.
    with (folder.path / "predictions.jsonl").open("a") as file:
        file.write('{"instance_id":"b","model_name_or_path":"m","model_patch":"lost"}\n')
    with (folder.path / "results.jsonl").open("a") as file:
        file.write('{"case":"b","outc')
    again = folder.begin(MANIFEST)
    assert again.begun_at == MANIFEST.begun_at
    assert [(each.case, each.attempt) for each in folder.results()] == [("a", 1), ("a", 2)]
    assert {case: each.model_patch for case, each in read_predictions(folder.path / "predictions.jsonl").items()} == {
        "a": "diff a"
    }
    folder.add(result("b"), "diff b", "m")
    assert len(folder.results()) == 3


@pytest.mark.parametrize("field", ["digest", "strategy", "model", "predictions"])
def test_a_folder_holds_one_evaluation(tmp_path, field):
    folder = ResultsFolder(tmp_path)
    folder.begin(MANIFEST)
    with pytest.raises(Refused) as caught:
        folder.begin(replace(MANIFEST, **{field: "other"}))
    assert caught.value.stable_code == "evaluation_differs"


def test_a_folder_without_an_evaluation_is_said(tmp_path):
    with pytest.raises(Refused) as caught:
        ResultsFolder(tmp_path).manifest()
    assert caught.value.stable_code == "evaluation_missing"


def test_predictions_are_read_as_lines_and_as_a_list(tmp_path):
    (tmp_path / "p.json").write_text('[{"instance_id": "a", "model_patch": null, "model_name_or_path": "m"}]')
    assert read_predictions(tmp_path / "p.json")["a"].model_patch == ""
    (tmp_path / "p.jsonl").write_text('{"instance_id": "a", "model_patch": "x"}\n[1]\n')
    with pytest.raises(Refused, match="line 2") as caught:
        read_predictions(tmp_path / "p.jsonl")
    assert caught.value.stable_code == "predictions_invalid"


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(sorted(MEANING))), max_size=30))
def test_a_summary_counts_everything_once_and_rates_only_what_was_judged(pairs):
    results = [result(case, outcome, attempt=n) for n, (case, outcome) in enumerate(pairs, 1)]
    total = summary(MANIFEST, results)
    assert sum(total.outcomes.values()) == total.attempts == len(pairs)
    assert total.judged == sum(outcome not in APART for _, outcome in pairs)
    assert 0 <= total.low <= total.rate <= total.high <= 1
    assert total.cost == Decimal("0.5") * len(pairs)
    assert summary_table(total).row_count >= 6


def test_pass_at_k_is_over_cases_with_every_attempt():
    results = [result("a"), result("a", "wrong", 2), result("b", "wrong"), result("b", "wrong", 2), result("c")]
    assert summary(MANIFEST, results).at_k == {"1": 0.25, "2": 0.5}


def test_two_evaluations_are_compared_over_what_both_have_judged(tmp_path):
    first = [result("a"), result("b", "wrong"), result("c", "error"), result("d", prompts=2)]
    second = [result("a"), result("b"), result("c"), result("d", "refused", prompts=1), result("e")]
    comparison = compared(first, second)
    assert (comparison.cases, comparison.left_out) == (3, ("c", "e"))
    assert [(each.case, each.second_outcomes) for each in comparison.differences] == [
        ("b", ("resolved",)),
        ("d", ("refused",)),
    ]
    assert (comparison.only_first, comparison.only_second, comparison.p_value) == (1, 1, 1.0)
    assert comparison.difference.low < 0 < comparison.difference.high
    assert comparison_table(comparison, ["x", "y"]).row_count == 5
    totals = [("x", summary(MANIFEST, first)), ("y", summary(MANIFEST, second))]
    for name in ("one.svg", "two.svg"):
        draw(totals, tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    with pytest.raises(Refused) as caught:
        compared(first, [result("z")])
    assert caught.value.stable_code == "nothing_to_compare"


@pytest.mark.parametrize(
    ("answer", "refuses"),
    [
        ("I'm sorry, but I can't help with that.", True),
        ("I cannot assist with this request.", True),
        ("Sorry, I am unable to comply.", True),
        ("As an AI language model, I won\u2019t help with malware.", True),
        ("I can't find the function yet, let me search.", False),
        ("I will open prices.py. Then I cannot help but notice the bug.", False),
        ("", False),
    ],
)
def test_a_model_that_refuses_is_known_by_how_it_begins(answer, refuses):
    assert is_refusal(answer) is refuses


async def test_no_more_money_is_out_than_there_is():
    cap = CostCap(Decimal(10), Decimal(2))
    assert await cap.take(Decimal(5)) == 5
    assert await cap.take(Decimal(5)) == 3
    waiting = asyncio.create_task(cap.take(Decimal(5)))
    await asyncio.sleep(0)
    assert not waiting.done()
    await cap.settle(Decimal(5), Decimal(1))
    assert await waiting == 4
    await cap.settle(Decimal(4), Decimal(4))
    await cap.settle(Decimal(3), Decimal(3))
    assert await cap.take(Decimal(1)) is None
    assert await CostCap(None).take(Decimal(5)) == 5


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9)), max_size=25), st.integers(0, 40))
def test_whatever_is_taken_and_used_the_cap_holds(attempts, limit):
    async def work() -> Decimal:
        cap = CostCap(Decimal(limit))

        async def attempt(wanted: int, used: int) -> None:
            taken = await cap.take(Decimal(wanted))
            if taken is not None:
                await asyncio.sleep(0)
                await cap.settle(taken, min(taken, Decimal(used)))

        async with asyncio.TaskGroup() as group:
            for wanted, used in attempts:
                group.create_task(attempt(wanted, used))
        return cap.spent

    assert asyncio.run(work()) <= limit


SORRY = Message(role="assistant", content="I'm sorry, but I can't help with that.")


@pytest.mark.parametrize(
    ("status", "code", "values", "outcome"),
    [
        ("failed", "gave_up", {"attempts": (Attempt(step="s", code="llm_content_filter"),)}, "refused"),
        ("failed", "gave_up", {"transcript": (Message(role="user", content="do"), SORRY)}, "refused"),
        ("failed", "gave_up", {"loop_transcripts": ((SORRY,),)}, "refused"),
        ("failed", "gave_up", {"attempts": (Attempt(step="s", code="edit_does_not_apply"),)}, "undelivered"),
        ("failed", "llm_unavailable", {}, "model_error"),
        ("failed", "gave_up", {"attempts": (Attempt(step="s", code="llm_unreadable"),)}, "model_error"),
        ("paused", "rate_limit_exceeded", {}, "model_error"),
        ("paused_budget", "budget_spent", {}, "budget"),
        ("interrupted", "", {}, "waits"),
        ("failed", "image_missing", {}, "image_missing"),
    ],
)
def test_why_nothing_was_delivered(status, code, values, outcome):
    assert why_undelivered(status, code, values) == outcome
