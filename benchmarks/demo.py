"""How long the two demos take once everything is set up."""

import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
EXAMPLES = ("inventory", "billing")


def measure() -> Mapping[str, float]:
    """Seconds from the command to the signed commit, one run each.

    Raises:
        subprocess.CalledProcessError: a demo failed; a time of a failure is no measurement.
    """
    seconds: dict[str, float] = {}
    for name in EXAMPLES:
        started = time.perf_counter()
        subprocess.run([ROOT / "scripts" / "demo.sh", name], check=True, stdin=subprocess.DEVNULL)
        seconds[f"demo.{name}_s"] = round(time.perf_counter() - started, 2)
    return seconds
