"""A process in which candidates of the coder compete, and that may die in any visit of ``execute``.

A visit is a turn of one of them, or what follows from its end: evidence, crossed tests, the next one or the choice.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar, cast

from domain.change import Scores
from models import Question, Reply, Scripted
from nodes.execute import ExecuteInput
from service.runs.runs import RunState
from service.wiring.application import open_application
from tests.chaos.mortal import AFTER, Counted, Doom
from tests.worlds.house import OK, settings, task
from tests.worlds.quick import employing

T = TypeVar("T")
RUN = "r1"
SUITE = "python3 -m unittest discover -q -s tests -t ."
DONE = "```done\nCount the first price too\n```\n"
RATED = {"scores": [{"candidate": f"candidate-{n}", "score": n} for n in (1, 2, 3)]}


def edit(replacement: str) -> str:
    """An answer that writes the sum anew."""
    return (
        f"```edit shop/prices.py\n<<<<<<< SEARCH\n    return sum(prices[1:])\n=======\n    {replacement}\n"
        ">>>>>>> REPLACE\n```\n"
    )


OWN_TEST = (
    "```edit tests/test_two.py\nimport unittest\n\nfrom shop.prices import total\n\n\nclass Two(unittest.TestCase):\n"
    "    def test_more(self):\n        self.assertEqual(total([1, 2, 3, 4]), 10)\n```\n"
)
ANSWERS: Mapping[float, tuple[str, ...]] = {
    0.2: (edit("return 6 if len(prices) == 3 else 0"), DONE),
    0.5: ("```run\npython3 -m unittest discover -q\n```\n", edit("return sum(prices)"), OWN_TEST, DONE),
    0.8: (edit("return sum(list(prices))"), DONE),
}
"""By the temperature, which tells the candidates apart: one that cheats, one that writes a test, one that is right."""


@dataclass(frozen=True, slots=True)
class Competitors:
    """The coder: answers by whose conversation it is and how far that is. It notes each question before it answers."""

    asked: Path
    name: str = "coder"

    async def ask(self, question: Question[T]) -> Reply[T]:
        turn = sum(message.role == "assistant" for message in question.messages)
        temperature = question.settings.temperature or 0.0
        with self.asked.open("a") as file:
            file.write(f"{temperature} {turn}\n")
        return await Scripted([ANSWERS[temperature][turn]], name=self.name).ask(question)


@dataclass(frozen=True, slots=True)
class Reader:
    """The reviewer: rates candidates, and finds the change right."""

    asked: Path
    name: str = "reviewer"

    async def ask(self, question: Question[T]) -> Reply[T]:
        rates = question.answer is Scores
        with self.asked.open("a") as file:
            file.write("scores\n" if rates else "review\n")
        return await Scripted([RATED if rates else OK], name=self.name).ask(question)


@dataclass(frozen=True, slots=True)
class MortalExecute:
    """``execute``, which notes its visits with their moments, and dies where it is told to."""

    inner: Any
    doom: Doom
    visits: Path

    async def __call__(self, state: ExecuteInput) -> Mapping[str, Any]:
        name = visit_of(state)
        counted = Counted(self.inner(state), name, self.doom)
        update = await counted
        with self.visits.open("a") as file:
            file.write(f"{name} {counted.number}\n")
        self.doom.strike(name, AFTER)
        # A moment that this visit had too few for: it may not go on as if nobody had wanted it to die.
        if self.doom.pending and self.doom.file.read_text().startswith(f"{name} "):
            self.doom.say(name, AFTER)
            self.doom.strike(name, AFTER)
        return update


def visit_of(state: ExecuteInput) -> str:
    """What a visit is called, also when it is made again: turns that were taken, candidates that ended."""
    ended = sum(loop.candidate is not None for loop in state.get("loops") or ())
    return f"visit-{state['spent'].steps}-{ended}"


async def compete(folder: str, *, sandbox: str, doom: Doom) -> None:
    """Make the run, or go on with it; ``ended`` has how it ended."""
    place = Path(folder)
    models = {"coder": Competitors(place / "asked"), "reviewer": Reader(place / "asked")}
    async with open_application(settings(place, coder_dialect="text", sandbox=sandbox), models=models) as opened:
        execute = MortalExecute(opened.nodes.execute, doom, place / "visits")
        application = employing(opened, replace(opened.nodes, execute=cast("Any", execute)))
        engine = application.engine
        if await engine.runs.exactly(RUN, org=application.org) is None:
            await engine.create(task(place / "repo", accept=SUITE, strategy="quality", deliver="patch"), id=RUN)
        standing = await engine.advance(RUN, None)
    (place / "ended").write_text(json.dumps(result_of(standing), indent=1))


def result_of(standing: RunState) -> dict[str, Any]:
    """What the run came to, without anything that differs between two undisturbed runs."""
    values, ending = standing.values, standing.run.ending
    spent = values["spent"]
    return {
        "status": standing.run.status,
        "code": ending.code if ending else "",
        "diff": values.get("diff"),
        "tree": values["snapshot"].tree,
        "choices": [
            (
                choice.winner,
                choice.reason,
                [(c.id, c.tree, c.tokens, c.note, len(c.crossed)) for c in choice.candidates],
            )
            for choice in values.get("choices", ())
        ],
        "spent": (spent.steps, spent.model_calls, spent.tokens_in, spent.tokens_out),
        "loops": len(values.get("loops") or ()),
        "proved": values["proof"].ok if values.get("proof") else None,
    }
