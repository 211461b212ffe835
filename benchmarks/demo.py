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
    return {f"demo.{name}_s": _seconds(name) for name in EXAMPLES}


def _seconds(example: str) -> float:
    started = time.perf_counter()
    subprocess.run([ROOT / "scripts" / "demo.sh", example], check=True, stdin=subprocess.DEVNULL)
    return round(time.perf_counter() - started, 2)
