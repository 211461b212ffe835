"""Charts of a benchmark: bars of text for a terminal, SVG or PNG where matplotlib is installed."""

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from domain import Refused
from service.bench.bench import BenchRow

WIDTH: Final = 30
"""Characters of the longest bar."""


def bars(table: Sequence[BenchRow]) -> str:
    """Solved cases and seconds of each strategy as bars of text."""
    longest = max((row.seconds for row in table), default=0.0) or 1.0
    wide = max((len(row.strategy) for row in table), default=0)
    lines = [
        f"{row.strategy:>{wide}}  {_bar(row.solved / max(1, row.cases)):<{WIDTH}}  {row.solved}/{row.cases} solved\n"
        f"{'':>{wide}}  {_bar(row.seconds / longest, '░'):<{WIDTH}}  {row.seconds:.1f} s"
        for row in table
    ]
    return "\n".join(lines)


def _bar(share: float, sign: str = "█") -> str:
    return sign * round(share * WIDTH)


def draw(table: Sequence[BenchRow], path: Path) -> None:
    """Write success, time and memory of each strategy as a picture.

    Raises:
        Refused: ``chart_impossible``: matplotlib is not installed, or the file cannot be written as that.
    """
    if path.suffix not in {".svg", ".png"}:
        raise Refused(f"{path} is no picture we can draw.", code="chart_impossible", hint="Use .svg or .png.")
    try:
        plt: Any = importlib.import_module("matplotlib.figure")
    except ImportError:
        raise Refused(
            "A picture needs matplotlib, which is not installed.",
            code="chart_impossible",
            hint="pip install matplotlib. The bars above say the same.",
        ) from None
    figure = plt.Figure(figsize=(10, 0.5 * len(table) + 1.5))
    names = [row.strategy for row in table]
    panels = (
        ("cases solved", [row.solved for row in table], "#2f855a"),
        ("seconds in all", [round(row.seconds, 1) for row in table], "#2b6cb0"),
        ("peak memory, MB", [row.peak_mb for row in table], "#b7791f"),
    )
    places = figure.subplots(1, len(panels), sharey=True)
    for axes, (title, values, colour) in zip(places, panels, strict=True):
        drawn = axes.barh(names, values, color=colour)
        axes.bar_label(drawn, padding=3)
        axes.set_title(title)
        axes.margins(x=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    places[0].invert_yaxis()
    figure.tight_layout()
    try:
        # Without its date the same numbers make the same file.
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    except OSError as error:
        raise Refused(
            f"{path} cannot be written: {error}", code="chart_impossible", hint="Choose another place."
        ) from None
