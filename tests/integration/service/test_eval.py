"""An evaluation with scripted models: what counts as solved, and what is counted apart."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from database import now
from domain import Refused
from domain.errors import Unavailable
from service.eval.attempts import AttemptLimits, Attempts, EvalAttempt
from service.eval.dataset import EvalCase
from service.eval.evaluation import gold
from service.eval.results import Prediction, ResultsFolder, read_predictions
from service.wiring.application import open_application
from tests.worlds.evaluations import FIX, RIGHT, WRONG, added, cases, evaluated
from tests.worlds.house import settings

HARNESS_SHARE, NOISE_S = 0.05, 0.2
WEAK = "python3 -c 'import shop.prices, sys; sys.exit(not shop.prices.total([1, 2, 3]) == 6)'"


async def test_a_change_is_resolved_when_tests_pass_that_the_agent_did_not_see(tmp_path: Path):
    results, _ = await evaluated(tmp_path, cases(tmp_path, {}), {"coder": [FIX]})
    one = results["case-1"]
    assert (one.outcome, one.hidden_passed, one.mended, one.to_mend, one.kept) == ("resolved", True, 1, 1, 1)
    assert (one.proof_code, one.tests_code) == (0, 0)
    assert one.tree != one.base
    assert one.tokens_in > 0
    assert one.models == ("coder",)
    assert one.patch_lines == 2
    # Less than a twentieth of the time is the harness's own; of a run of a second, on a machine that is busy, it is not
    # told apart from noise.
    assert one.harness_seconds < max(HARNESS_SHARE * one.seconds, NOISE_S)
    kept = ResultsFolder(tmp_path / "evaluation")
    prediction = read_predictions(kept.path / "predictions.jsonl")["case-1"]
    assert "+    return sum(prices)" in prediction.model_patch
    assert "hidden.py" not in prediction.model_patch


async def test_a_proof_of_its_own_is_no_solution_when_the_hidden_tests_fail(tmp_path: Path):
    wrong = {"files_to_update": [{"path": "shop/prices.py", "search": "sum(prices[1:])", "replace": "6"}]}
    results, _ = await evaluated(tmp_path, cases(tmp_path, {"accept": WEAK}), {"coder": [wrong]})
    one = results["case-1"]
    assert (one.outcome, one.proof_code, one.failing) == ("wrong", 0, ("none",))


async def test_what_the_agent_does_to_the_files_of_the_hidden_tests_does_not_count(tmp_path: Path):
    cheat = {
        "files_to_create": [{"path": "tests/hidden.py", "content": "print('PASSED all')\n"}],
        "files_to_update": [{"path": "shop/prices.py", "search": "sum(prices[1:])", "replace": "6"}],
    }
    results, _ = await evaluated(tmp_path, cases(tmp_path, {"accept": WEAK}), {"coder": [cheat]})
    assert results["case-1"].outcome == "wrong"


async def test_every_other_end_is_counted_apart(tmp_path: Path):
    selected = cases(
        tmp_path,
        {"instance_id": "patch", "test_patch": added("shop/prices.py", "x = 1\n")},
        {"instance_id": "endless", "test_cmd": "sleep 600"},
        {"instance_id": "nothing", "test_cmd": "no-such-runner"},
    )
    limits = AttemptLimits(tests_s=1.0)
    results, _ = await evaluated(tmp_path, selected, {"coder": [FIX, FIX, FIX]}, limits=limits)
    assert {case: result.outcome for case, result in results.items()} == {
        "patch": "patch_failed",
        "endless": "timeout",
        "nothing": "environment",
    }
    assert "already exists" in results["patch"].message


async def test_a_model_that_refuses_is_said_to_refuse(tmp_path: Path):
    filtered = Refused("The answer was withheld.", code="llm_content_filter")
    # Nothing that the repair engine could mend in the model's place.
    selected = cases(tmp_path, {"accept": "python3 -c 'import shop.vat'"})
    results, _ = await evaluated(tmp_path, selected, {"coder": [filtered] * 5}, limits=AttemptLimits(steps=1))
    assert results["case-1"].outcome == "refused"


async def test_predictions_of_others_are_judged_and_one_that_does_not_apply_is_said(tmp_path: Path):
    selected = cases(tmp_path, {}, {}, {})
    predictions = {
        **gold(selected[:1]),
        "case-2": Prediction(instance_id="case-2", model_name_or_path="m", model_patch=RIGHT.replace("sum", "max")),
        "case-3": Prediction(instance_id="case-3", model_name_or_path="m", model_patch=""),
    }
    results, _ = await evaluated(tmp_path, selected, predictions=predictions)
    assert [results[case.id].outcome for case in selected] == ["resolved", "change_failed", "wrong"]
    # It brings a file of the hidden tests along, which is left out.
    forged = replace(predictions["case-3"], model_patch=added("tests/hidden.py", 'print("PASSED all")\n'))
    again, _ = await evaluated(tmp_path / "b", selected, predictions={"case-3": forged})
    assert again["case-3"].outcome == "wrong"


async def test_what_ended_is_not_done_again_and_what_the_endpoint_failed_at_is(tmp_path: Path):
    selected = cases(tmp_path, {}, {})
    await evaluated(tmp_path, selected[:1], {"coder": [FIX]})
    results, _ = await evaluated(tmp_path, selected, {"coder": [FIX]})
    assert [results[case.id].outcome for case in selected] == ["resolved", "resolved"]


async def test_k_attempts_are_k_runs_and_the_cost_cap_leaves_the_rest(tmp_path: Path):
    selected = cases(tmp_path, {})
    results, left_out = await evaluated(tmp_path, selected, {"coder": [FIX, WRONG, FIX]}, k=2, jobs=1)
    assert results["case-1"].run != results["case-1#2"].run
    assert left_out == 0
    none, left_out = await evaluated(tmp_path / "b", selected, {"coder": [FIX]}, max_cost=Decimal(0))
    assert (none, left_out) == ({}, 1)


async def test_attempts_that_begin_together_and_ids_that_look_alike_have_repositories_that_are_whole(tmp_path: Path):
    files = {f"shop/{number}.py": "x = 1\n" for number in range(20)}
    alike = [
        EvalCase(id=id_, kind="bug", text="Fix it", files={**files, "id": id_}, test_command="true")
        for id_ in ("a b", "a-b", "..")
    ]
    async with open_application(settings(tmp_path)) as opened:
        attempts = Attempts.on(opened, tmp_path / "repositories", strategy="balanced")
        attempted = [EvalAttempt.of("e", case, number) for case in alike for number in range(1, 5)]
        limits = AttemptLimits(minutes=1, steps=1)
        results = await asyncio.gather(*(attempts.judge(each, "", limits) for each in attempted))
        assert {each.outcome for each in results} == {"resolved"}
    laid_out = sorted(path.read_text() for path in (tmp_path / "repositories").glob("*/id"))
    assert laid_out == ["..", "a b", "a-b"]


async def test_a_run_that_an_endpoint_ended_is_tried_again_and_both_count_for_the_cap(tmp_path: Path):
    refused = Refused("The key is wrong.", code="llm_unauthorized")
    selected = cases(tmp_path, {"accept": "python3 -c 'import shop.vat'"})
    right = {**FIX, "files_to_create": [{"path": "shop/vat.py", "content": "x = 1\n"}]}
    first, _ = await evaluated(tmp_path, selected, {"coder": [refused] * 5}, limits=AttemptLimits(steps=1))
    assert first["case-1"].outcome == "model_error"
    assert first["case-1"].status == "failed"
    again, _ = await evaluated(tmp_path, selected, {"coder": [right]}, limits=AttemptLimits(steps=5))
    assert again["case-1"].outcome == "resolved", again["case-1"]
    assert again["case-1"].run != first["case-1"].run
    costs = ResultsFolder(tmp_path / "evaluation").costs()
    assert costs.keys() == {first["case-1"].run, again["case-1"].run}


async def test_what_a_run_had_cost_counts_when_it_cannot_be_gone_on_with_and_is_in_what_it_may_cost(tmp_path: Path):
    away = Unavailable("It does not answer.")
    selected = cases(tmp_path, {"accept": "python3 -c 'import shop.vat'"})
    first, _ = await evaluated(tmp_path, selected, {"coder": [WRONG, away, away, away, away, away, away]})
    one = first["case-1"]
    assert (one.outcome, one.status) == ("model_error", "paused")
    assert one.tokens_in > 0
    home = ResultsFolder(tmp_path / "evaluation").home
    async with open_application(settings(tmp_path).model_copy(update={"home": home})) as opened:
        runs = opened.engine.runs
        lease = await runs.claim(one.run, "another", now=now(), lease_for=timedelta(minutes=1))
        busy, _ = await evaluated(tmp_path, selected, {"coder": [FIX]}, max_cost=Decimal(3))
        assert busy["case-1"].code == "run_busy"
        assert (busy["case-1"].tokens_in, busy["case-1"].cost) == (one.tokens_in, one.cost)
        assert (await runs.get(one.run, org=opened.org)).task.budget.max_cost == 3
        await runs.settle(one.run, lease, "paused", now=now())
