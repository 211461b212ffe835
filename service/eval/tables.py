"""Tables and charts of evaluations: for a terminal, and as a picture where matplotlib is installed."""

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from domain import Refused
from service.eval.compare import EvaluationComparison
from service.eval.judged import JudgedEvaluation
from service.eval.results import APART, MEANING, Summary
from service.statistics import Interval


def percent(share: float) -> str:
    return f"{share * 100:.1f} %"


def summary_table(total: Summary) -> Table:
    """What an evaluation came to."""
    table = Table("", "", "", box=None, show_header=False)
    rate = f"{percent(total.rate)}  ({percent(total.low)} to {percent(total.high)} at 95 %)"
    table.add_row("resolved", f"{total.resolved} of {total.judged}", rate)
    for outcome, meaning in MEANING.items():
        if outcome != "resolved" and (count := total.outcomes.get(outcome)):
            table.add_row(outcome, str(count), f"{meaning}{', counted apart' if outcome in APART else ''}")
    if total.unreadable:
        table.add_row("unreadable", str(total.unreadable), "lines of the dataset, counted apart")
    if total.k > 1:
        for k, share in total.at_k.items():
            table.add_row(f"pass@{k}", percent(share), "of the cases with every attempt")
    runs = max(1, total.attempts)
    table.add_row("cost", f"{total.cost:.4f}", f"{total.cost / runs:.4f} a run, {total.tokens:,} tokens in all")
    table.add_row("prompts", f"{total.prompts_per_run:.2f}", "to people, a run")
    table.add_row("turns", f"{total.turns_per_run:.1f}", "a run")
    table.add_row("seconds", f"{total.seconds_per_run:.1f}", f"a run; the harness {percent(total.harness_share)} of it")
    table.add_row("memory", f"{total.peak_mb:.0f} MB", "at most, of this process")
    return table


def comparison_table(comparison: EvaluationComparison, names: Sequence[str]) -> Table:
    """How two evaluations differ."""
    first, second = names
    table = Table("", first, second, f"{second} less {first}", "at 95 %", box=None)
    rates = percent(comparison.first), percent(comparison.second)
    table.add_row("resolved", *rates, f"{comparison.difference.value * 100:+.1f} points", _range(comparison.difference))
    better = str(comparison.only_first), str(comparison.only_second)
    table.add_row("better on", *better, f"p = {comparison.p_value:.3f}", "McNemar, exact")
    for name in ("cost", "seconds", "prompts"):
        interval: Interval = getattr(comparison, name)
        bounds = f"{interval.low:+.3f} to {interval.high:+.3f}"
        table.add_row(f"{name} a case", "", "", f"{interval.value:+.3f}", bounds)
    return table


def judge_table(judged: JudgedEvaluation) -> Table:
    """Scores of a judge, never without how far it can be believed."""
    table, told = Table("", "", "", box=None, show_header=False), judged.report
    mean = "none" if judged.mean_score is None else f"{judged.mean_score:.2f}"
    table.add_row("mean score", mean, f"of 5, over {len(judged.changes)} changes; it decides nothing")
    note = "of the coder's own family" if told.same_family else "of another family than the coder"
    table.add_row("judge", told.model, note)
    agreement = f"{percent(told.agreement.low)} to {percent(told.agreement.high)} at 95 %, kappa {told.kappa:.2f}"
    table.add_row("agrees with evidence", percent(told.agreement.value), agreement)
    table.add_row("said good, was bad", str(told.false_good), f"and {told.false_bad} the other way round")
    table.add_row("would not judge", f"{told.refused} of {told.judged}", "pairs, or it contradicted itself")
    position = f"{told.position_bias.low:+.2f} to {told.position_bias.high:+.2f}; {percent(told.flips)} of votes turn"
    table.add_row("for position A", f"{told.position_bias.value:+.2f}", position)
    length = f"{told.length_bias.low:+.2f} to {told.length_bias.high:+.2f}, with comments added"
    table.add_row("for length", f"{told.length_bias.value:+.2f}", length)
    if judged.left_out:
        table.add_row("left out", str(judged.left_out), "for the cost cap")
    return table


def _range(interval: Interval) -> str:
    return f"{interval.low * 100:+.1f} to {interval.high * 100:+.1f} points"


def draw(totals: Sequence[tuple[str, Summary]], path: Path) -> None:
    """Draw rate with its interval, cost, prompts and seconds of evaluations, in their order.

    Raises:
        Refused: ``chart_impossible``: matplotlib is not installed, or the file cannot be written as that.
    """
    if path.suffix not in {".svg", ".png"}:
        raise Refused(f"{path} is no picture we can draw.", code="chart_impossible", hint="Use .svg or .png.")
    try:
        matplotlib: Any = importlib.import_module("matplotlib")
        plt: Any = importlib.import_module("matplotlib.figure")
    except ImportError:
        raise Refused(
            "A picture needs matplotlib, which is not installed.",
            code="chart_impossible",
            hint="pip install matplotlib. The table says the same.",
        ) from None
    names = [name for name, _ in totals]
    panels: tuple[tuple[str, list[float], str], ...] = (
        ("resolved, %", [total.rate * 100 for _, total in totals], "#2f855a"),
        ("cost a run", [float(total.cost) / max(1, total.attempts) for _, total in totals], "#b7791f"),
        ("prompts a run", [total.prompts_per_run for _, total in totals], "#6b46c1"),
        ("seconds a run", [total.seconds_per_run for _, total in totals], "#2b6cb0"),
    )
    figure = plt.Figure(figsize=(12, 0.5 * len(totals) + 1.5))
    places = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for number, (axes, (title, values, colour)) in enumerate(zip(places, panels, strict=True)):
        drawn = axes.barh(names, values, color=colour)
        if number == 0:
            below = [(total.rate - total.low) * 100 for _, total in totals]
            above = [(total.high - total.rate) * 100 for _, total in totals]
            axes.errorbar(values, names, xerr=[below, above], fmt="none", ecolor="#1a202c", capsize=3)
            axes.set_xlim(0, 100)
        else:
            axes.bar_label(drawn, fmt="%.3g", padding=3)
            axes.margins(x=0.3)
        axes.set_title(title)
        axes.spines[["top", "right"]].set_visible(False)
    places[0].invert_yaxis()
    figure.tight_layout()
    try:
        # Without its date, and with ids that do not come from chance, the same numbers make the same file.
        with matplotlib.rc_context({"svg.hashsalt": "signoff"}):
            figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    except OSError as error:
        raise Refused(
            f"{path} cannot be written: {error}", code="chart_impossible", hint="Choose another place."
        ) from None
