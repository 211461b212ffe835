"""How many bugs the built-in repair engine repairs, how fast, and how many repairs are right."""

from collections.abc import Mapping

from benchmarks.repair.measuring import attempted, numbers

__all__ = ["measure"]


def measure() -> Mapping[str, float]:
    """Every third bug of both suites, a minute each: about half an hour on two quiet cores."""
    return numbers(attempted(("classics", "libraries"), every=3, seconds=60.0))
