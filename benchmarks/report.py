"""Keep what was measured, and hold it against its goal.

``python -m benchmarks.report`` prints the table of ``results/latest.json`` and draws ``results/latest.svg``.
"""

import json
import os
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parent / "results"
LATEST = RESULTS / "latest.json"
ABOUT = "about"


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What a number should be."""

    what: str
    unit: str
    wanted: Literal["at most", "at least"]
    bound: float

    def met(self, value: float) -> bool:
        return value <= self.bound if self.wanted == "at most" else value >= self.bound

    def share(self, value: float) -> float:
        """How much of the allowance is used: 1.0 is exactly the goal, more misses it."""
        if self.wanted == "at most" and not self.bound:
            return 0.0 if value <= 0 else 1.0 + value
        if self.wanted == "at most":
            return value / self.bound
        return self.bound / value if value else float("inf")


GOALS: Mapping[str, Goal] = {
    "graph.node_overhead_ratio": Goal(
        what="a node of ours against a bare LangGraph node", unit="×", wanted="at most", bound=2.0
    ),
    "graph.noop_run_p50_ms": Goal(what="a whole run that does nothing, p50", unit="ms", wanted="at most", bound=60.0),
    "turns.overhead_p50_ms": Goal(
        what="a turn that opens a file, beside its model, p50", unit="ms", wanted="at most", bound=5.0
    ),
    "console.first_page_p50_ms": Goal(
        what="the first page of the console, p50", unit="ms", wanted="at most", bound=100.0
    ),
    "console.first_page_kb": Goal(
        what="the first page with all that it loads", unit="kB", wanted="at most", bound=200.0
    ),
    "console.runs_10k_page_p50_ms": Goal(
        what="a page of the list of 10,000 runs, p50", unit="ms", wanted="at most", bound=100.0
    ),
    "console.consoles_50_core_share": Goal(
        what="fifty open consoles that follow a run", unit="cores", wanted="at most", bound=0.2
    ),
    "service.ready_s": Goal(what="signoff serve answers, from nothing", unit="s", wanted="at most", bound=3.0),
    "service.wait_faster_than_dev": Goal(
        what="a wait (p50, one client) beside langgraph dev, SQLite against memory",
        unit="×",
        wanted="at least",
        bound=10.0,
    ),
    "service.runs_over_dev": Goal(
        what="runs a second (16 at once) beside langgraph dev", unit="×", wanted="at least", bound=2.0
    ),
    "service.pg_wait_beside_aegra": Goal(
        what="a wait (p50, one client) on PostgreSQL beside Aegra's local mode", unit="×", wanted="at most", bound=1.0
    ),
    "service.pg_runs_over_aegra": Goal(
        what="runs a second on PostgreSQL beside Aegra's local mode", unit="×", wanted="at least", bound=2.0
    ),
    "service.pg_decision_to_resume_p50_ms": Goal(
        what="from a decision to the next node's first line on PostgreSQL, p50", unit="ms", wanted="at most", bound=40.0
    ),
    "service.paused_runs_10k_rss_mb": Goal(
        what="memory that 10,000 paused runs cost the server", unit="MB", wanted="at most", bound=50.0
    ),
    "service.paused_runs_10k_resume_p50_ms": Goal(
        what="decision to resume with 10,000 paused runs, p50", unit="ms", wanted="at most", bound=100.0
    ),
    "service.decision_to_resume_p50_ms": Goal(
        what="from a decision over HTTP to the next node's first line, p50", unit="ms", wanted="at most", bound=100.0
    ),
    "models.route_p50_us": Goal(what="choosing a model, p50", unit="µs", wanted="at most", bound=100.0),
    "models.wrapper_overhead_ms": Goal(
        what="all wrappers around a call, in memory, p50", unit="ms", wanted="at most", bound=1.0
    ),
    "models.fallback_ms": Goal(
        what="from a dead endpoint to the answer of another", unit="ms", wanted="at most", bound=250.0
    ),
    "retrieval.recall_at_5": Goal(
        what="docstrings whose function is among the first five, held half", unit="", wanted="at least", bound=0.85
    ),
    "retrieval.commits_regions": Goal(
        what="regions of real commits found within 6,000 tokens, held half", unit="", wanted="at least", bound=0.6
    ),
    "retrieval.commits_files": Goal(
        what="files of real commits found within 6,000 tokens, held half", unit="", wanted="at least", bound=0.75
    ),
    "risk.classify_p50_us": Goal(what="rating a command, p50", unit="µs", wanted="at most", bound=1_000.0),
    "risk.dangerous_rated_low": Goal(what="dangerous commands rated low", unit="", wanted="at most", bound=0.0),
    "risk.harmless_overrated_pct": Goal(
        what="everyday commands rated too high", unit="%", wanted="at most", bound=10.0
    ),
    "demo.inventory_s": Goal(what="make demo, after set-up", unit="s", wanted="at most", bound=30.0),
    "demo.billing_s": Goal(what="make demo-2, after set-up", unit="s", wanted="at most", bound=60.0),
    "models.prefix_cache_share": Goal(
        what="prompt tokens from vLLM's cache, a run's ten turns", unit="", wanted="at least", bound=0.85
    ),
    "models.prefix_cache_whole_run_share": Goal(
        what="prompt tokens from a prefix cache, whole runs of 10 to 30 turns", unit="", wanted="at least", bound=0.85
    ),
    "models.nbest_speedup": Goal(
        what="four candidates side by side, beside one after the other", unit="×", wanted="at least", bound=1.5
    ),
    "repair.solved_share": Goal(what="bugs of our own suite repaired", unit="", wanted="at least", bound=0.6),
    "sandbox.exec_p50_ms": Goal(what="a command in a sandbox, p50", unit="ms", wanted="at most", bound=2.0),
    "sandbox.exec_faster_than_cli": Goal(what="the same beside docker exec", unit="×", wanted="at least", bound=40.0),
    "sandbox.take_p50_ms": Goal(what="a warm lease to its first result, p50", unit="ms", wanted="at most", bound=5.0),
    "sandbox.cold_share_of_run": Goal(
        what="a cold lease to its first result beside docker run", unit="", wanted="at most", bound=1.0
    ),
    "sandbox.snapshot_ms": Goal(what="a snapshot after a small change, 10 MB", unit="ms", wanted="at most", bound=50.0),
    "sandbox.restore_ms": Goal(
        what="100 MB with 500 changed files, back after a lease", unit="ms", wanted="at most", bound=1_000.0
    ),
    "sandbox.concurrent_max": Goal(what="sandboxes alive at once", unit="", wanted="at least", bound=100.0),
    "sandbox.attacks_held_share": Goal(what="attacks that were held", unit="", wanted="at least", bound=1.0),
}


def latest(path: Path = LATEST) -> dict[str, Any]:
    """Everything measured so far, each number from the last time it was measured."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def record(measured: Mapping[str, float | str], *, path: Path = LATEST, now: datetime | None = None) -> dict[str, Any]:
    """Merge new numbers into the file; those that were not measured now stay, with their date."""
    known = latest(path)
    about = known.pop(ABOUT, {})
    stamp = {"measured_at": (now or datetime.now(UTC)).isoformat(timespec="seconds"), **machine()}
    known.update(measured)
    about.update(dict.fromkeys(measured, stamp))
    merged = {**dict(sorted(known.items())), ABOUT: dict(sorted(about.items()))}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(merged, indent=2) + "\n", encoding="utf-8")
    return merged


def machine() -> dict[str, str | int]:
    """Where the numbers come from, without naming the machine."""
    git = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip()
    return {"commit": commit, "cores": os.cpu_count() or 1, "python": platform.python_version()}


def table(known: Mapping[str, Any]) -> Table:
    """Every number, its goal, and whether it is met."""
    grid = Table(title="Measured", title_justify="left")
    for column, justify in (("number", "left"), ("value", "right"), ("goal", "right"), ("", "left"), ("what", "left")):
        grid.add_column(column, justify=justify)  # type: ignore[arg-type]
    for name, value in known.items():
        if name == ABOUT:
            continue
        goal = GOALS.get(name)
        if goal is None:
            grid.add_row(name, value if isinstance(value, str) else f"{value:,.4g}", "", "", "")
            continue
        shown = f"{goal.wanted} {goal.bound:g} {goal.unit}".strip()
        mark = "met" if goal.met(value) else "MISSED"
        grid.add_row(name, f"{value:,.4g} {goal.unit}".strip(), shown, mark, goal.what)
    return grid


def plot(known: Mapping[str, Any], path: Path) -> None:
    """Draw how much of each goal's allowance is used, as SVG."""
    import matplotlib as mpl  # noqa: PLC0415  # heavy, and only needed here

    mpl.use("svg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    names = [name for name in GOALS if name in known]
    shares = [GOALS[name].share(known[name]) for name in names]
    colours = ["#2f855a" if share <= 1 else "#c53030" for share in shares]
    figure, axes = plt.subplots(figsize=(8, 0.6 * len(names) + 1.2))
    axes.barh(names, shares, color=colours)
    axes.axvline(1.0, color="#1a202c", linewidth=1, linestyle="--")
    for row, name in enumerate(names):
        axes.text(0.01, row, f" {known[name]:,.4g} {GOALS[name].unit}", va="center", color="white", fontsize=9)
    axes.set_xlabel("share of the goal's allowance (1.0 = the goal, less is better)")
    axes.invert_yaxis()
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def main() -> None:
    known = latest()
    Console(width=120).print(table(known))
    plot(known, RESULTS / "latest.svg")


if __name__ == "__main__":
    main()
