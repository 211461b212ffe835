"""``python -m benchmarks.agents``: run the trials that are missing, then print the table."""

import argparse
import asyncio
import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.agents.agents import TURNS, Agent, Work, agents
from benchmarks.agents.cases import Case, cases, lay_out, passes
from benchmarks.agents.metering import metered
from benchmarks.report import RESULTS

OUT = RESULTS / "agents.jsonl"
KINDS = ("bug", "feature", "untested")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.agents", description=__doc__)
    parser.add_argument("--endpoint", help="OpenAI-compatible endpoint; left out: only the table is printed")
    parser.add_argument("--model", help="model at that endpoint")
    parser.add_argument("--only", nargs="*", default=[], help="agents by name; left out: all")
    parser.add_argument("--cases", type=int, default=99, help="so many tasks at most")
    parser.add_argument("--jobs", type=int, default=4, help="trials at the same time")
    parser.add_argument("--minutes", type=float, default=15.0, help="what one trial may take")
    parser.add_argument("--until", type=float, default=0.0, help="start no trial after so many minutes; 0: no end")
    parser.add_argument("--keep", type=Path, help="folder that keeps what each trial left")
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    if given.endpoint:
        asyncio.run(_all(given))
    show(rows(given.out))


def rows(file: Path) -> Sequence[Mapping[str, Any]]:
    """What was measured so far, a document a trial."""
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []


async def _all(given: argparse.Namespace) -> None:
    done = {(row["agent"], row["case"], row["model"]) for row in rows(given.out)}
    chosen = [agent for agent in agents() if not given.only or agent.name in given.only]
    trials = [(agent, case) for case in cases()[: given.cases] for agent in chosen]
    left = [trial for trial in trials if (trial[0].name, trial[1].id, given.model) not in done]
    began, slots = time.monotonic(), asyncio.Semaphore(given.jobs)
    async with metered(given.endpoint, calls=2 * TURNS) as proxy:

        async def one(agent: Agent, case: Case) -> None:
            async with slots:
                if given.until and time.monotonic() - began > given.until * 60:
                    return
                trial = f"{agent.name.replace(' ', '').replace('+', '-')}-{case.id}"
                with tempfile.TemporaryDirectory(prefix="signoff-agents-") as temporary:
                    folder = given.keep / trial if given.keep else Path(temporary)
                    repo, scratch = folder / "repo", folder / "scratch"
                    scratch.mkdir(parents=True)
                    lay_out(case, repo)
                    started = time.monotonic()
                    seconds = given.minutes * 60
                    work = Work(
                        case=case, repo=repo, scratch=scratch, url=proxy.url(trial), model=given.model, seconds=seconds
                    )
                    report = await agent(work)
                    took = time.monotonic() - started
                    solved = await asyncio.to_thread(passes, case, repo)
                meter = proxy.meters[trial]
                row = {
                    "agent": agent.name,
                    "case": case.id,
                    "kind": case.kind,
                    "model": given.model,
                    "solved": solved,
                    "ended": report.ended,
                    "calls": meter.calls,
                    "tokens_in": meter.tokens_in,
                    "tokens_out": meter.tokens_out,
                    "minutes": round(took / 60, 2),
                    "edits": report.edits,
                    "applied": report.applied,
                }
                with given.out.open("a", encoding="utf-8") as out:
                    out.write(json.dumps(row) + "\n")
                print(json.dumps(row), flush=True)

        async with asyncio.TaskGroup() as group:
            for agent, case in left:
                group.create_task(one(agent, case))


def show(measured: Iterable[Mapping[str, Any]]) -> None:
    """The table: what each agent solved of each kind, and what that took."""
    by_agent: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in measured:
        by_agent[row["agent"]].append(row)
    table = Table("agent", "trials", *KINDS, "solved", "calls", "tokens in", "tokens out", "minutes", "edits applied")
    for agent, trials in by_agent.items():
        kinds = [[row for row in trials if row["kind"] == kind] for kind in KINDS]
        edits, applied = sum(row["edits"] for row in trials), sum(row["applied"] for row in trials)
        table.add_row(
            agent,
            str(len(trials)),
            *(f"{sum(row['solved'] for row in kind)}/{len(kind)}" for kind in kinds),
            f"{sum(row['solved'] for row in trials)}",
            *(f"{sum(row[key] for row in trials) / len(trials):.1f}" for key in ("calls",)),
            *(f"{sum(row[key] for row in trials) / len(trials):,.0f}" for key in ("tokens_in", "tokens_out")),
            f"{sum(row['minutes'] for row in trials) / len(trials):.1f}",
            f"{applied}/{edits}" if edits else "–",
        )
    Console(width=130).print(table)


if __name__ == "__main__":
    main()
