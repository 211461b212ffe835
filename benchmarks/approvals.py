"""How soon a signed run goes on, and how often a run asks.

The way from the vote to the first event of the next node goes through the embedded engine, with nobody
doing anything: the vote's own transaction, the run's lease, the checkpoint, the ballot read again.
"""

import asyncio
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.demo import EXAMPLES, ROOT
from benchmarks.idle import TASK, nodes
from domain import Action, Event, Requirement, Risk, Task
from graphs import Nodes, coding
from nodes.ask import Asker
from nodes.assess import AssessInput
from nodes.wait import Waiter
from service.cli.signing import vote
from service.settings import Settings
from service.wiring.application import open_application
from telemetry import tracing

WARM_UP, ROUNDS = 5, 40


def measure() -> Mapping[str, float]:
    """The median of ``ROUNDS`` decisions, and the mean over the two examples, which run in Docker."""
    with tempfile.TemporaryDirectory(prefix="signoff-bench-") as folder:
        took = asyncio.run(_decisions(Path(folder) / "idle"))
        prompts = asyncio.run(_prompts(Path(folder) / "examples"))
    return {
        "approvals.decision_to_resume_p50_ms": round(statistics.median(took), 2),
        "approvals.prompts_per_run": round(statistics.mean(prompts), 2),
    }


class _Assessor:
    """A signature is always due."""

    async def __call__(self, state: AssessInput) -> Mapping[str, Any]:
        action = Action(
            tool="branch", arguments={"message": "m", "branch": "b"}, target="/nowhere", content=state["run"]
        )
        requirement = Requirement(tier="high", humans=1, allow_self=True)
        return {"action": action, "risk": Risk(tier="high"), "requirement": requirement, "verdict": None}


async def _decisions(home: Path) -> list[float]:
    """Milliseconds from casting a vote to the first event of the node after the pause."""
    async with (
        open_application(Settings(home=home, sandbox="unsafe-local"), models={}) as application,
        tracing(folder=home) as spans,
    ):
        idle: Any = nodes(spans.tracer)
        asking: Nodes = replace(
            idle,
            assess=_Assessor(),
            ask=Asker(ballots=application.ballots),
            wait=Waiter(ballots=application.ballots, clock=application.engine.clock),
        )
        graph = coding(asking, checkpointer=application.engine.graph.checkpointer)  # pyright: ignore[reportArgumentType]
        signing = replace(application, engine=replace(application.engine, graph=graph))
        begun: list[float] = []

        def listen(event: Event) -> None:
            if event.kind == "node_started" and event.node not in {"wait", "ask", "assess"}:
                begun.append(time.perf_counter())

        took: list[float] = []
        for _ in range(WARM_UP + ROUNDS):
            begun.clear()
            run = await signing.engine.create(TASK)
            standing = await signing.engine.advance(run.id, None)
            assert standing.ballot is not None, "a run that does not ask is no measurement"
            ballot = await signing.ballots.get(standing.ballot, signing.org)
            started = time.perf_counter()
            await vote(signing, ballot, "approve", person="ann")
            standing = await signing.engine.advance(run.id, listen)
            assert standing.run.status == "delivered", "a run that does not end is no measurement"
            took.append((begun[0] - started) * 1_000)
    return took[WARM_UP:]


async def _prompts(home: Path) -> list[int]:
    """Ballots that waited for a person, in one run of each example, by the repair engine in Docker."""
    prompts: list[int] = []
    async with open_application(Settings(home=home, repair_seconds=180), models={}) as application:
        for name in EXAMPLES:
            example, repo = ROOT / "examples" / name, home / f"{name}-repo"
            await asyncio.to_thread(_repository, example, repo)
            text = (example / "TASK.md").read_text(encoding="utf-8")
            run = await application.engine.create(Task(text=text, repo=str(repo), requester="ann"))
            standing = await application.engine.advance(run.id, None)
            prompts.append(0)
            while standing.ballot is not None:
                prompts[-1] += 1
                ballot = await application.ballots.get(standing.ballot, application.org)
                await vote(application, ballot, "approve", person="ann")
                standing = await application.engine.advance(run.id, None)
            assert standing.run.status == "delivered", f"{name}: {standing.run.ending}"
    return prompts


def _repository(example: Path, repo: Path) -> None:
    """The example as a stranger's repository, without the task, as ``scripts/demo.sh`` makes it."""
    shutil.copytree(example, repo, ignore=shutil.ignore_patterns("TASK.md", "__pycache__", ".pytest_cache"))
    who = ["-c", "user.name=Demo", "-c", "user.email=demo@example.invalid", "-c", "commit.gpgsign=false"]
    for words in (["init", "-q", "-b", "main"], ["add", "--all"], [*who, "commit", "-q", "-m", "The example"]):
        subprocess.run(["git", "-C", str(repo), *words], check=True)
