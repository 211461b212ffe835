"""A repository with work for several, and a coder that answers by the step that it is asked about."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from domain import Budget, Task
from models import Question, Reply, Scripted
from tests.worlds.house import OK, task

T = TypeVar("T")
SUITE = "python3 -m unittest discover -q -s tests -t ."
DONE = "```done\nMake the parts right\n```\n"
TALK = "I think about it."
_STEP = re.compile(r"^Your step \(([^)]+)\)", re.MULTILINE)


def files(parts: int, *, shared: bool = False) -> dict[str, str]:
    """So many modules that are each wrong, and a test for each; ``shared``: all functions are in one module."""
    texts = {"tests/__init__.py": "", "shop/__init__.py": ""}
    for n in range(1, parts + 1):
        wrong = f'def part{n}():\n    """The part {n}."""\n    return 0\n'
        name = "parts" if shared else f"part{n}"
        texts[f"shop/{name}.py"] = texts.get(f"shop/{name}.py", "") + wrong + ("\n\n" if shared and n < parts else "")
        texts[f"tests/test_part{n}.py"] = (
            f"import unittest\n\nfrom shop.{name} import part{n}\n\n\nclass Part{n}(unittest.TestCase):\n"
            f"    def test_part(self):\n        self.assertEqual(part{n}(), {n})\n"
        )
    return texts


def edit(n: int, *, module: str = "", to: str = "") -> str:
    """An answer that makes a part right."""
    return (
        f'```edit shop/{module or f"part{n}"}.py\n<<<<<<< SEARCH\n    """The part {n}."""\n    return 0\n=======\n'
        f'    """The part {n}."""\n    return {to or n}\n>>>>>>> REPLACE\n```\n'
    )


def write(path: str, text: str) -> str:
    """An answer that writes a whole file."""
    return f"```edit {path}\n{text}```\n"


def plan(*steps: Mapping[str, Any] | str) -> dict[str, Any]:
    """A plan; a step by its id alone needs nothing."""
    whole = [{"id": each} if isinstance(each, str) else dict(each) for each in steps]
    return {"goal": "Make all parts right", "steps": [{"title": f"Do {each['id']}", **each} for each in whole]}


@dataclass
class Teammates:
    """The coder of a team: answers by the step and by how far its conversation is.

    ``gates``: an answer of a step waits for its gate. ``think_s``: how long each takes. ``meet``: nobody gets a first
    answer before so many conversations have begun.
    """

    answers: Mapping[str, Sequence[str]]
    gates: Mapping[str, asyncio.Event] = field(default_factory=dict[str, asyncio.Event])
    think_s: float = 0.0
    meet: int = 1
    notes: Path | None = None
    name: str = "coder"
    asked: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    at_once: int = 0
    most_at_once: int = 0
    last: dict[str, Sequence[Any]] = field(default_factory=dict[str, Sequence[Any]])
    met: asyncio.Event = field(default_factory=asyncio.Event)

    async def ask(self, question: Question[T]) -> Reply[T]:
        text = "\n".join(message.content for message in question.messages)
        step = _STEP.findall(text)[0]
        key = f"{step}/2" if "Another one tried this step before you" in text else step
        turn = sum(message.role == "assistant" for message in question.messages)
        self.asked.append((key, turn))
        self.last[key] = question.messages
        if self.notes is not None:
            with self.notes.open("a") as file:
                file.write(f"{key} {turn}\n")
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if sum(turn == 0 for _, turn in self.asked) >= self.meet:
                self.met.set()
            await self.met.wait()
            if key in self.gates:
                await self.gates[key].wait()
            await asyncio.sleep(self.think_s)
        finally:
            self.at_once -= 1
        said = self.answers[key]
        return await Scripted([said[min(turn, len(said) - 1)]], name=self.name).ask(question)


def models(coder: Teammates, plans: Sequence[Mapping[str, Any]], reviews: Sequence[Mapping[str, Any]] = (OK,)) -> Any:
    """The roles of a run with a team."""
    return {"coder": coder, "planner": Scripted([*plans]), "reviewer": Scripted([*reviews])}


def team_task(repo: Path, size: int = 8, **given: Any) -> Task:
    """A task for a team."""
    fields = {"accept": SUITE, "deliver": "patch", "team": size, "budget": Budget(max_steps=200), **given}
    return task(repo, text="Make all the parts right", **fields)
