"""How many bugs the built-in repair engine repairs, how fast, and how many repairs are right."""

from collections.abc import Mapping

from benchmarks.repair.measuring import SUITES, attempted, numbers

__all__ = ["measure"]


def measure() -> Mapping[str, float]:
    """Every tenth bug of the three suites, a minute each: some minutes on two quiet cores."""
    return numbers(attempted(SUITES, every=10, seconds=60.0))
