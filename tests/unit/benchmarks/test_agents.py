"""Tasks that agents are compared on: each is unsolved as it is given, and solved by its own solution."""

import asyncio
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.agents.cases import Case, cases, lay_judge, lay_out, passes, write
from benchmarks.agents.metering import Meter


def test_there_are_tasks_of_three_kinds() -> None:
    tasks = cases()
    assert Counter(case.kind for case in tasks) == {"bug": 12, "feature": 6, "untested": 6}
    assert len({case.id for case in tasks}) == 24


def test_a_part_of_the_tasks_has_each_kind() -> None:
    assert {case.kind for case in cases()[:6]} == {"bug", "feature", "untested"}


def test_usage_is_counted_where_an_answer_has_one() -> None:
    meter = Meter()
    meter.count({"usage": {"prompt_tokens": 3, "completion_tokens": 2}})
    meter.count({"usage": None})
    meter.count([])
    assert (meter.tokens_in, meter.tokens_out) == (3, 2)


@pytest.mark.slow
@pytest.mark.parametrize("case", cases(), ids=lambda case: case.id)
def test_each_task_is_solved_by_its_solution_alone(case: Case, tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    repo.mkdir()
    lay_out(case, repo)

    def judged(name: str) -> bool:
        copy = tmp_path / name
        ended = subprocess.run(
            [sys.executable, *lay_judge(case, repo, copy)], cwd=copy, capture_output=True, check=False
        )
        return ended.returncode == 0

    assert not judged("given")
    write(repo, case.solution)
    assert judged("solved")


@pytest.mark.docker
@pytest.mark.slow
async def test_judging_is_done_in_the_image(tmp_path: Path) -> None:
    case, repo = cases()[0], tmp_path / "repo"
    repo.mkdir()
    lay_out(case, repo)
    # Neither what decides which tests run nor the tests themselves count as the agent left them.
    write(repo, {"conftest.py": "raise SystemExit(0)\n", case.tests[0]: "def test_nothing(): pass\n"})
    assert not await asyncio.to_thread(passes, case, repo)
