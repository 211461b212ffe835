"""Write tests/long.txt, what ``make check`` leaves to ``make quick``.

``make quick ARGS=--durations=0 | .venv/bin/python scripts/long_tests.py``
A test function is long when all its cases together take more than ``LONG_S`` seconds, set-up included.
"""

import re
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

LONG_S = 0.25
PAGE = Path(__file__).parents[1] / "tests" / "long.txt"
_LINE = re.compile(r"^(?P<seconds>[\d.]+)s (?:call|setup|teardown) +(?P<test>[^\[\s]+)")


def long_tests(lines: Iterable[str]) -> list[str]:
    """Names of test functions, from what ``pytest --durations=0`` prints."""
    seconds: defaultdict[str, float] = defaultdict(float)
    for line in lines:
        if match := _LINE.match(line):
            seconds[match["test"]] += float(match["seconds"])
    return sorted(test for test, taken in seconds.items() if taken > LONG_S)


if __name__ == "__main__":
    names = long_tests(sys.stdin)
    if not names:
        sys.exit("no durations on standard input: run pytest with --durations=0")
    PAGE.write_text("\n".join(names) + "\n", encoding="utf-8")
    print(f"{len(names)} long tests")
