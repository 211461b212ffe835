"""``python -m benchmarks.repair``: a table of bugs, and the numbers kept in ``results/latest.json``."""

import argparse
import json

from benchmarks import report
from benchmarks.repair.measuring import JUDGING, SUITES, attempted, numbers
from benchmarks.repair.trial import Verdict


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.repair", description=__doc__)
    parser.add_argument(
        "--suite", choices=(*SUITES, JUDGING), help=f"one suite only; {JUDGING} is for judging, and in no other"
    )
    parser.add_argument("--half", choices=("tuned", "held"), default="", help="one half of each suite only")
    parser.add_argument("--name", default="", help="only cases whose name contains this")
    parser.add_argument("--every", type=int, default=1, help="every n-th case")
    parser.add_argument("--limit", type=int, help="at most so many cases of each suite")
    parser.add_argument("--seconds", type=float, default=60.0, help="time for each case")
    parser.add_argument(
        "--jobs", type=int, default=0, help="cases side by side, each with its share of the cores (all)"
    )
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON, no table")
    parser.add_argument("--keep", action="store_true", help="write the numbers to results/latest.json")
    options = parser.parse_args()
    verdicts = attempted(
        (options.suite,) if options.suite else SUITES,
        half=options.half,
        name=options.name,
        every=options.every,
        limit=options.limit,
        seconds=options.seconds,
        jobs=options.jobs,
        seen=None if options.json else show,
    )
    numbers_ = numbers(verdicts)
    if options.keep:
        report.record(numbers_)
    print(json.dumps(numbers_, indent=2) if options.json else "\n".join(f"{k:40} {v}" for k, v in numbers_.items()))


def show(verdict: Verdict) -> None:
    """One line: solved, right, seconds, processor seconds, candidates tried, how many passed, which bug."""
    marks = f"{'solved' if verdict.solved else '  —   '} {'right' if verdict.right else '  —  '}"
    case = verdict.case
    took = f"{verdict.seconds:6.1f} s {verdict.cpu_s:6.1f} cpu {verdict.tried:6} {verdict.passing:3}"
    print(f"{marks} {took}  {case.name:22} {case.bug[:90]!r}", flush=True)


if __name__ == "__main__":
    main()
