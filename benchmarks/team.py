"""A team beside one worker: eight steps that do not need each other, by a script that thinks as long as a model does.

Each worker asks three times and runs a test in its sandbox. Wall time is what a person waits for; sandbox seconds are
what the commands took, all together.
"""

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from benchmarks.turns import GIT
from domain import Budget, Plan, Spent, Step, Task
from models import Question, Reply, Scripted
from service.settings import Settings
from service.wiring.application import open_application
from telemetry import logging_as

T = TypeVar("T")
STEPS = 8
THINKS_S = 8.0
"""For one answer: what a model of 30 billion parameters takes on one GPU for some hundred tokens."""
ACCEPT = "python3 -m unittest discover -q -s tests -t ."


@dataclass
class Thinking:
    """Answers by the step that it is asked about, after a while."""

    name: str = "coder"

    async def ask(self, question: Question[T]) -> Reply[T]:
        """See ``Model.ask``."""
        await asyncio.sleep(THINKS_S)
        text = "\n".join(message.content for message in question.messages)
        number = text.rpartition("Your step (s")[2].partition(")")[0]
        turn = sum(message.role == "assistant" for message in question.messages)
        lines = f"<<<<<<< SEARCH\n    return 0\n=======\n    return {number}\n>>>>>>> REPLACE\n"
        edit = f"```edit shop/part{number}.py\n{lines}```\n"
        test = f"```run\npython3 -m unittest -q tests.test_part{number}\n```\n"
        return await Scripted([(edit, test, "```done\nMake it right\n```\n")[turn]]).ask(question)


def measure() -> Mapping[str, float]:
    """Both, in one sitting, in Docker."""
    with logging_as(stream=sys.stderr):
        one, spent_one = asyncio.run(_run(1))
        eight, spent_eight = asyncio.run(_run(8))
    return {
        "team.one_worker_s": round(one, 1),
        "team.eight_workers_s": round(eight, 1),
        "team.times_sooner": round(one / eight, 1),
        "team.one_worker_sandbox_s": round(spent_one.sandbox_seconds, 1),
        "team.eight_workers_sandbox_s": round(spent_eight.sandbox_seconds, 1),
    }


async def _run(size: int) -> tuple[float, Spent]:
    plan = Plan(
        goal="Make all parts right", steps=tuple(Step(id=f"s{n}", title=f"Part {n}") for n in range(1, STEPS + 1))
    )
    with tempfile.TemporaryDirectory(prefix="signoff-bench-") as folder:
        repo = await asyncio.to_thread(_repository, Path(folder) / "repo")
        settings = Settings(home=Path(folder) / "home", coder_dialect="text")
        models = {"coder": Thinking(), "planner": Scripted([plan])}
        async with open_application(settings, models=models) as opened:
            task = Task(
                text="Make all parts right",
                repo=str(repo),
                accept=ACCEPT,
                deliver="patch",
                team=size,
                budget=Budget(max_minutes=120, max_sandbox_seconds=7_200),
            )
            created = await opened.engine.create(task)
            started = time.perf_counter()
            standing = await opened.engine.advance(created.id, None)
            seconds = time.perf_counter() - started
    if standing.run.status != "delivered":
        raise RuntimeError(f"The run ended as {standing.run.status}: {standing.run.ending}")
    return seconds, standing.values["spent"]


def _repository(folder: Path) -> Path:
    for name, text in {
        "tests/__init__.py": "",
        "shop/__init__.py": "",
        **{f"shop/part{n}.py": f"def part{n}():\n    return 0\n" for n in range(1, STEPS + 1)},
        **{
            f"tests/test_part{n}.py": (
                f"import unittest\n\nfrom shop.part{n} import part{n}\n\n\nclass Part(unittest.TestCase):\n"
                f"    def test_it(self):\n        self.assertEqual(part{n}(), {n})\n"
            )
            for n in range(1, STEPS + 1)
        },
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for words in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "start"]):
        subprocess.run([*GIT, "-C", str(folder), *words], check=True, capture_output=True)
    return folder
