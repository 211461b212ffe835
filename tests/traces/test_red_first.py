"""What a change's proof is worth: its tests fail without it, and a suite that is red already does not block it."""

from pathlib import Path

from domain import Plan, Step
from tests.worlds.house import BUGGY, OK, application, repository, start, task

EDIT = (
    "```edit shop/prices.py\n<<<<<<< SEARCH\n    return sum(prices[1:])\n=======\n    return sum(prices)\n"
    ">>>>>>> REPLACE\n```\n"
)
DONE = "```done\nCount the first price too\n```\n"
SOUND = {**BUGGY, "shop/prices.py": "def total(prices):\n    return sum(prices)\n"}
PYTEST = "python3 -m pytest -q -p no:cacheprovider"
PLAN = Plan(goal="More", steps=(Step(id="more", title="More"),))
MEAN = (
    "```edit shop/mean.py\ndef mean(prices):\n    return sum(prices) / len(prices)\n```\n"
    "```edit tests/test_mean.py\nfrom shop.mean import mean\n\n\ndef test_mean():\n    assert mean([1, 3]) == 2\n```\n"
)
ELSEWHERE = {"tests/test_other.py": "def test_other():\n    assert False\n"}


async def test_a_command_that_failed_before_proves_the_change(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo")
    async with application(tmp_path, {"coder": [EDIT, DONE], "reviewer": [OK]}, coder_dialect="text") as opened:
        standing, _ = await start(opened, task(repo, deliver="patch"))
        proof = standing.values["proof"]
        assert (proof.base_with, proof.base.code, proof.red_first) == ("nothing", 1, True)
        assert "On the base exit code 1" in standing.run.ending.answer_markdown  # type: ignore[union-attr]


async def test_the_tests_of_a_feature_fail_without_it_and_both_runs_are_in_the_proof(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo", SOUND)
    answers = {"planner": [PLAN], "coder": [MEAN, DONE], "reviewer": [OK]}
    async with application(tmp_path, answers, coder_dialect="text") as opened:
        standing, _ = await start(opened, task(repo, text="Add a mean", deliver="patch", accept=PYTEST))
        assert standing.run.status == "delivered", standing.run.ending
        proof = standing.values["proof"]
        assert (proof.base_with, proof.base.ok, proof.run.ok, proof.red_first) == ("tests", False, True, True)
        assert not [f for f in standing.values["findings"] if f.kind == "unproved"]
        assert "only the change's tests" in standing.run.ending.answer_markdown  # type: ignore[union-attr]


async def test_a_change_that_nothing_proves_is_said_to_be_one(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo", SOUND)
    alone = MEAN.partition("```edit tests")[0]
    answers = {"planner": [PLAN], "coder": [alone, DONE], "reviewer": [OK]}
    async with application(tmp_path, answers, coder_dialect="text") as opened:
        standing, _ = await start(opened, task(repo, text="Add a mean", deliver="patch", accept=PYTEST))
        assert standing.run.status == "delivered", standing.run.ending
        (finding,) = standing.values["findings"]
        assert (finding.kind, finding.blocking) == ("unproved", False)
        assert "Nothing proves the change" in standing.run.ending.answer_markdown  # type: ignore[union-attr]


async def test_what_failed_before_and_is_not_asked_for_does_not_block(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo", {**BUGGY, **ELSEWHERE})
    answers = {"coder": [EDIT, DONE, DONE], "reviewer": [OK]}
    async with application(tmp_path, answers, coder_dialect="text") as opened:
        standing, events = await start(opened, task(repo, deliver="patch", accept=PYTEST))
        assert standing.run.status == "delivered", standing.run.ending
        coder = opened.board.registry.models["coder"]
        assert "All that fails now failed before" in coder.asked[2][-1].content  # type: ignore[attr-defined]
        proof = standing.values["proof"]
        assert proof.still_failing == ("tests/test_other.py::test_other",)
        assert proof.fixed == ("tests/test_prices.py::test_total",)
        answer = standing.run.ending.answer_markdown  # type: ignore[union-attr]
        assert "Still failing as before: tests/test_other.py::test_other" in answer
        assert [e.data["code"] for e in events if e.kind == "coder_turn"] == ["", "still_failing", ""]


async def test_a_red_suite_in_which_nothing_is_fixed_blocks(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo", {**BUGGY, **ELSEWHERE})
    nothing = "```edit NOTES.md\nHello.\n```\n"
    answers = {"coder": [nothing, DONE, DONE, EDIT, DONE, DONE], "planner": [PLAN], "reviewer": [OK]}
    async with application(tmp_path, answers, coder_dialect="text") as opened:
        standing, events = await start(opened, task(repo, deliver="patch", accept=PYTEST))
        assert [e.message for e in events if e.kind == "reviewed"] == ["changes_requested", "ok"]
        assert standing.run.status == "delivered", standing.run.ending


async def test_what_the_task_names_has_to_pass(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo", {**BUGGY, **ELSEWHERE})
    answers = {"coder": [EDIT, DONE, DONE, DONE], "planner": [], "reviewer": [OK]}
    async with application(tmp_path, answers, coder_dialect="text") as opened:
        wanted = task(repo, text="Fix the total and make test_other pass", deliver="patch", accept=PYTEST)
        standing, events = await start(opened, wanted)
        assert standing.run.status == "failed"
        assert {e.data["code"] for e in events if e.kind == "coder_turn" and e.data["action"] == "done"} >= {
            "acceptance_failed"
        }
