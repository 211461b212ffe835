"""What memory saves: the same 20 tasks of one repository in sequence, with each kind of memory and with none.

The repository has ten modules, whose tests only a script of its own can run; each is broken twice. The coder is a
reader by rules: it does what a careful model would do with what stands in its prompt, and knows nothing else. It looks
at the code unless it is shown, reproduces the failure alone, mends it, runs the one test again. The person wants a line
in ``CHANGES.md`` and rejects a delivery without one, saying so. What such a reader saves is what memory has to give; a
real model reads less well. ``python -m benchmarks.memory`` prints the table of docs/memory.md.
"""

import asyncio
import re
import resource
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from domain import Plan, Step, Task
from models import Message, Model, Question, Reply, Role, Scripted
from service.cli.signing import vote
from service.settings import Settings
from service.wiring.application import Application, open_application
from telemetry import logging_as

T = TypeVar("T")
MODULES = ("orders", "stock", "prices", "taxes", "refunds", "carts", "users", "mails", "labels", "routes")
TASKS = 20
ARMS = {"none": "none", "semantic": "semantic", "episodic": "episodic", "procedural": "procedural"}
ARMS["all"] = "episodic,semantic,procedural"
WISH = "Add a line to CHANGES.md for every fix."
GIT = ("git", "-c", "user.name=b", "-c", "user.email=b@example.invalid", "-c", "commit.gpgsign=false")
RUNNER = '''"""Runs test files: python3 tools/check.py tests/test_NAME.py; without a name all of them."""
import pathlib, runpy, sys

sys.path.insert(0, "lib")
failed = False
for path in sys.argv[1:] or sorted(map(str, pathlib.Path("tests").glob("test_*.py"))):
    try:
        for name, case in runpy.run_path(path).items():
            if name.startswith("test_"):
                case()
    except AssertionError:
        failed = True
        print("FAILED", path)
sys.exit(failed)
'''
SKILL = """---
name: one-test
description: How one test is run here, and what a fix needs besides the code.
---

One test: python3 tools/check.py tests/test_NAME.py
A fix has a line in CHANGES.md.
"""
TRIED_FIRST = ("python3 -m pytest -q {test}", "python3 -m unittest {test}")
KNOWN = re.compile(r"One test(?: file is run by)?: (python3 \S{1,80}) tests/test_\w+\.py")


@dataclass
class CarefulCoder:
    """A coder by rules: what it does next follows from its conversation alone."""

    name: str = "careful"
    turns: list[str] = field(default_factory=list)

    async def ask(self, question: Question[T]) -> Reply[T]:
        answer = self._next(question.messages)
        self.turns.append(answer)
        return await Scripted([answer], name=self.name).ask(question)

    def _next(self, messages: Sequence[Message]) -> str:
        said = [message.content for message in messages if message.role == "assistant"]
        seen = "\n".join(message.content for message in messages if message.role != "assistant")
        own = seen[seen.rindex("Task:") :]
        if "Your step (changes)" in own:
            return _done() if said else _changes()
        failing = re.search(r"FAILED tests/test_(\w+)\.py", own)
        assert failing is not None, own
        module = failing[1]
        source, test = f"lib/{module}.py", f"tests/test_{module}.py"
        if f"<file path='{source}" not in seen and not any(source in each for each in said):
            return f"```open\n{source}\n```"
        command, looking = self._command(seen, said, test)
        if command is None:
            return looking
        alone = f"```run\n{command} {test}\n```"
        if not any("<<<<<<< SEARCH" in each for each in said):
            fix = _edit(source, "    return value * 3 - 1", "    return value * 3")
            wished = WISH in seen or "A fix has a line in CHANGES.md." in seen
            return alone if alone not in said else f"{fix}\n{_changes()}" if wished else fix
        return alone if said.count(alone) < 2 else _done()  # before the edit and after it

    def _command(self, seen: str, said: Sequence[str], test: str) -> tuple[str | None, str]:
        """How one test is run, or what is looked at to find out."""
        skill = re.search(r"one-test: .{1,200} \(open (\S+)\)", seen)
        if skill is not None and not any(skill[1] in each for each in said):
            return None, f"```open\n{skill[1]}\n```"
        if (known := KNOWN.search(seen)) is not None:
            return known[1], ""
        runs = [f"```run\n{each.format(test=test)}\n```" for each in TRIED_FIRST]
        for step in (*runs, "```open\nci.sh\n```", "```open\ntools/check.py\n```"):
            if step not in said:
                return None, step
        return "python3 tools/check.py", ""


def _edit(path: str, before: str, after: str) -> str:
    return f"```edit {path}\n<<<<<<< SEARCH\n{before}\n=======\n{after}\n>>>>>>> REPLACE\n```"


def _changes() -> str:
    return _edit("CHANGES.md", "# Changes", "# Changes\n\n- A fix.")


def _done() -> str:
    return "```done\nMend what the test says\n```"


class WillingPlanner:
    """Plans one step for what a person wants."""

    name = "planner"

    async def ask(self, question: Question[T]) -> Reply[T]:
        plan = Plan(goal="What the person wants", steps=(Step(id="changes", title=WISH),))
        return await Scripted([plan], name=self.name).ask(question)


def measure() -> Mapping[str, float]:
    """Sums over 20 tasks, for each kind of memory."""
    results: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="signoff-bench-") as folder, logging_as(stream=sys.stderr):
        for arm, kinds in ARMS.items():
            sums = asyncio.run(_sequence(Path(folder) / arm, kinds, skill=arm == "procedural"))
            results |= {f"memory.{arm}_{name}": number for name, number in sums.items()}
    return results


async def _sequence(folder: Path, kinds: str, *, skill: bool) -> dict[str, float]:
    repo = _repository(folder / "repo", skill=skill)
    coder = CarefulCoder()
    models: dict[Role, Model] = {"coder": coder, "planner": WillingPlanner()}
    settings = Settings(home=folder / "home", sandbox="unsafe-local", coder_dialect="text", memory=kinds)
    began, sums = _cpu_seconds(), {"turns": 0.0, "tokens": 0.0, "rejections": 0.0}
    async with open_application(settings, models=models) as opened:
        for number in range(TASKS):
            module = MODULES[number % len(MODULES)]
            _break(repo, module)
            task = Task(
                text=f"The {module} are wrong by one since the last change.",
                repo=str(repo),
                accept="sh ci.sh",
                deliver="commit",
                requester="ann",
            )
            values, rejected = await _signed(opened, task)
            spent = values["spent"]
            sums["turns"] += spent.steps
            sums["tokens"] += spent.tokens_in + spent.tokens_out
            sums["rejections"] += rejected
    return {**sums, "cpu_seconds": round(_cpu_seconds() - began, 1)}


def _cpu_seconds() -> float:
    """Of this process and of the commands that it ran: another process on the machine does not count."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in both)


async def _signed(opened: Application, task: Task) -> tuple[dict[str, Any], int]:
    """A run until it is delivered; the person signs what has its line in CHANGES.md, and says what is missing."""
    standing, rejected = await opened.engine.advance((await opened.engine.create(task)).id, None), 0
    while standing.ballot is not None:
        ballot = await opened.ballots.get(standing.ballot, opened.org)
        fine = "CHANGES.md" in ballot.diff
        rejected += not fine
        await vote(opened, ballot, "approve" if fine else "reject", comment="" if fine else WISH, person="ann")
        standing = await opened.engine.advance(standing.run.id, None)
    assert standing.run.status == "delivered", standing.run.ending
    return standing.values, rejected


def _repository(folder: Path, *, skill: bool) -> Path:
    files = {
        "README.md": "# Shop\n\nTen modules in lib.\n",
        "CHANGES.md": "# Changes\n",
        "ci.sh": "exec python3 tools/check.py\n",
        "tools/check.py": RUNNER,
        **{f"lib/{name}.py": _source(name, broken=False) for name in MODULES},
        **{
            f"tests/test_{name}.py": f"from {name} import total\n\n\ndef test_total():\n    assert total(2) == 6\n"
            for name in MODULES
        },
        **({".signoff/skills/one-test/SKILL.md": SKILL} if skill else {}),
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    subprocess.run([*GIT, "-C", str(folder), "init", "-q", "-b", "main"], check=True)
    subprocess.run([*GIT, "-C", str(folder), "add", "-A"], check=True)
    subprocess.run([*GIT, "-C", str(folder), "commit", "-q", "-m", "start"], check=True)
    return folder


def _source(name: str, *, broken: bool) -> str:
    filler = "".join(f"\n\ndef {name}_{n}(value):\n    return value + {n}\n" for n in range(40))
    less = " - 1" if broken else ""
    return f'"""The {name} of the shop."""\n\n\ndef total(value):\n    return value * 3{less}\n{filler}'


def _break(repo: Path, module: str) -> None:
    """Commit a bug, on top of what was delivered."""
    subprocess.run([*GIT, "-C", str(repo), "reset", "-q", "--hard", "main"], check=True)
    (repo / f"lib/{module}.py").write_text(_source(module, broken=True))
    subprocess.run([*GIT, "-C", str(repo), "commit", "-q", "-am", f"Change {module}"], check=True)


def table(results: Mapping[str, float]) -> str:
    """The table of docs/memory.md."""
    rows = ["| shown | turns | tokens | rejections by the person | processor minutes |", "|---|---|---|---|---|"]
    for arm in ARMS:
        turns, tokens, rejections, seconds = (
            results[f"memory.{arm}_{name}"] for name in ("turns", "tokens", "rejections", "cpu_seconds")
        )
        rows.append(f"| {arm} | {turns:.0f} | {tokens:,.0f} | {rejections:.0f} | {seconds / 60:.1f} |")
    return "\n".join(rows)


if __name__ == "__main__":
    print(table(measure()))
