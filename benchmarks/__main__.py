"""``python -m benchmarks [PART …]``: measure, keep, compare with the goals."""

import importlib
import sys

from benchmarks import report

PARTS = (
    "graph",
    "turns",
    "team",
    "risk",
    "sandbox",
    "repair",
    "demo",
    "approvals",
    "service",
    "console",
    "clients",
    "paused",
    "models",
    "prefix",
)


def main(parts: list[str]) -> None:
    for part in parts or PARTS:
        print(f"measuring {part} …", flush=True)
        report.record(importlib.import_module(f"benchmarks.{part}").measure())
    report.main()


if __name__ == "__main__":
    main(sys.argv[1:])
