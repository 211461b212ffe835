"""What a turn of the coder costs beside its model and its commands: it opens a file, 200 times over.

The model is a script that answers at once, the checkpoints lie in SQLite, and every turn has its two nodes, spans,
events and ledgers. Wall and processor time are both kept: the first one is what a person waits for.
"""

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from domain import Budget, Event, Plan, Step, Task
from graphs import coding
from models import Model, Role, Scripted, SelectionContext
from service.cli.server import keep_for_good
from service.settings import Settings
from service.wiring.application import open_application
from service.wiring.models import ModelSelection
from telemetry import logging_as

STEPS, LOOKS = 8, 25
FILES = 40
GIT = ("git", "-c", "user.name=b", "-c", "user.email=b@example.invalid", "-c", "commit.gpgsign=false")


def measure() -> Mapping[str, float]:
    """Medians over ``STEPS * LOOKS`` turns of one run; the size of what was kept for them."""
    with tempfile.TemporaryDirectory(prefix="signoff-bench-") as folder, logging_as(stream=sys.stderr):
        wall, cpu, stored_bytes = asyncio.run(_turns(Path(folder) / "direct", routed=False))
        routed, routed_cpu, _ = asyncio.run(_turns(Path(folder) / "routed", routed=True))
    return {
        "turns.overhead_p50_ms": round(statistics.median(wall), 3),
        "turns.overhead_p95_ms": round(statistics.quantiles(wall, n=20)[-1], 3),
        "turns.overhead_cpu_p50_ms": round(statistics.median(cpu), 3),
        "turns.routed_p50_ms": round(statistics.median(routed), 3),
        "turns.routed_cpu_p50_ms": round(statistics.median(routed_cpu), 3),
        # By processor time: what else the machine does meanwhile is in the other one.
        "turns.last_over_first": round(statistics.median(cpu[-40:]) / statistics.median(cpu[:40]), 2),
        "turns.checkpoints_mb": round(stored_bytes / 1e6, 2),
    }


async def _turns(folder: Path, *, routed: bool) -> tuple[list[float], list[float], int]:
    repo = _repository(folder / "repo")
    steps = tuple(Step(id=f"s{n}", title=f"Step {n}", needs=(f"s{n - 1}",) if n else ()) for n in range(STEPS))
    looks = [f"```open\npart_{n % FILES}.py:{1 + n}-{60 + n}\n```" for n in range(STEPS * LOOKS)]
    answers: list[object] = []
    for n in range(STEPS):
        answers += [*looks[n * LOOKS : (n + 1) * LOOKS], "```done\nNothing\n```"]
    models = {"coder": Scripted(answers), "planner": Scripted([Plan(goal="Look around", steps=steps)])}
    wall, cpu = list[float](), list[float]()
    began = (0.0, 0.0)

    def hear(event: Event) -> None:
        nonlocal began
        if event.kind == "node_started" and event.node == "execute":
            now = time.perf_counter(), time.process_time()
            if began[0]:
                wall.append((now[0] - began[0]) * 1_000)
                cpu.append((now[1] - began[1]) * 1_000)
            began = now
        elif event.kind in {"step_started", "observed"}:
            began = (0.0, 0.0)  # the opening of a step and its end are no turns that only look

    settings = Settings(home=folder / "home", sandbox="unsafe-local", coder_dialect="text")
    async with open_application(settings, models=models) as opened:
        keep_for_good()  # as a server and a worker do
        budget = Budget(max_steps=1_000, max_tokens=100_000_000)
        task = Task(
            text="Look around and change nothing", repo=str(repo), accept="true", deliver="patch", budget=budget
        )
        engine, execute = opened.engine, opened.nodes.execute
        if not routed:
            selection: Any = _Direct(opened.selection, models["coder"])
            execute = replace(execute, roster=selection, loop=replace(execute.loop, roster=selection))
            graph = coding(replace(opened.nodes, execute=execute), checkpointer=engine.graph.checkpointer)
            engine = replace(engine, graph=graph)
        run = await engine.create(task)
        standing = await engine.advance(run.id, hear)
        assert standing.run.status == "nothing_to_do", standing.run.ending
    stored_bytes = sum(file.stat().st_size for file in (folder / "home").rglob("*.db*"))
    return wall, cpu, stored_bytes


class _Direct:
    """A selection of models whose coder is asked without ledgers, quotas, masks and records: the model's own cost."""

    def __init__(self, roster: ModelSelection, coder: Model) -> None:
        self._roster, self._coder = roster, coder

    def __getattr__(self, name: str) -> Any:
        return getattr(self._roster, name)

    async def model(self, role: Role, context: SelectionContext, **chosen: Any) -> Model | None:
        return self._coder if role == "coder" else await self._roster.model(role, context, **chosen)


def _repository(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for n in range(FILES):
        lines = "".join(f"def name_{n}_{line}(value):\n    return value + {line}\n" for line in range(200))
        (folder / f"part_{n}.py").write_text(lines)
    for words in (("init", "-q", "-b", "main"), ("add", "-A"), ("commit", "-q", "-m", "start")):
        subprocess.run([*GIT, "-C", str(folder), *words], check=True, capture_output=True)
    return folder


if __name__ == "__main__":
    print(measure())
