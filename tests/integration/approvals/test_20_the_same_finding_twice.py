"""20. The reviewer returns the same finding twice: the run stops and says so, and nothing is signed or delivered."""

from pathlib import Path

from domain import Plan, Step
from tests.worlds.house import FIX, application, repository, start, story, task

PLAN = Plan(goal="Sum all prices", steps=(Step(id="sum", title="Sum all prices"),))
NO = {"status": "changes_requested", "issues": [{"path": "shop/prices.py", "message": "There is no test for this."}]}
OTHER = {"status": "changes_requested", "issues": [{"path": "shop/prices.py", "message": "The docstring is wrong."}]}
WORDS = [
    {"files_to_update": [{"path": "shop/prices.py", "search": before, "replace": after}]}
    for before, after in (("Sum of all prices.", "The sum of all prices."), ("The sum of", "The total of"))
]


async def test_20_the_same_finding_twice_stops_the_run(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo")
    answers = {"coder": [FIX, *WORDS], "planner": [PLAN, PLAN], "reviewer": [NO, NO]}
    async with application(tmp_path, answers) as opened:  # type: ignore[arg-type]
        standing, events = await start(opened, task(repo))
        lines = story(events)
        assert standing.run.ending is not None
        assert (standing.run.status, standing.run.ending.code) == ("failed", "same_finding_twice")
        assert "There is no test for this." in standing.run.ending.message
        assert "signoff show" in standing.run.ending.hint
        assert lines.count("→ review") == 2
        assert not [line for line in lines if "ballot_opened" in line or "delivered" in line]


async def test_20_another_finding_is_worked_on(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo")
    answers = {"coder": [FIX, *WORDS], "planner": [PLAN, PLAN], "reviewer": [NO, OTHER, {"status": "ok"}]}
    async with application(tmp_path, answers) as opened:  # type: ignore[arg-type]
        standing, _ = await start(opened, task(repo, deliver="patch"))
        assert standing.run.status == "delivered"
