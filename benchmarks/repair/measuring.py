"""Run suites and count."""

import asyncio
import os
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import islice

from benchmarks.repair import classics, libraries, projects, releases
from benchmarks.repair.case import Case
from benchmarks.repair.trial import Verdict, attempt

SUITES = ("classics", "projects", "libraries")
JUDGING = "releases"
"""Apart from the suites: nothing of it informs the engine, and its numbers are not mixed with theirs."""


def chosen(suite: str, *, half: str = "", name: str = "", every: int = 1, limit: int | None = None) -> Iterator[Case]:
    """The cases of one suite that were asked for, in a fixed order."""
    suites = {"classics": classics.cases, "projects": projects.cases, JUDGING: releases.cases}
    cases = suites.get(suite, lambda: libraries.cases(half))()
    matching = (case for case in cases if half in ("", case.half) and name in case.name)
    return islice(matching, 0, None if limit is None else limit * every, every)


def attempted(
    suites: Sequence[str],
    *,
    half: str = "",
    name: str = "",
    every: int = 1,
    limit: int | None = None,
    seconds: float = 60.0,
    jobs: int = 0,
    seen: Callable[[Verdict], None] | None = None,
) -> list[Verdict]:
    """Try every chosen case; a bug that no visible test notices is no case.

    ``jobs`` cases run side by side, as many as there are cores when it is 0. Each has its share of the cores for the
    whole of its time, so nothing is repaired here that would not be repaired alone.
    """
    cores = os.cpu_count() or 1
    jobs = jobs or cores
    cases = (case for suite in suites for case in chosen(suite, half=half, name=name, every=every, limit=limit))
    verdicts: list[Verdict] = []
    with ProcessPoolExecutor(jobs) as pool:
        for verdict in pool.map(partial(_tried, seconds=seconds, workers=max(1, cores // jobs)), cases):
            if verdict.code != "no_failing_test":
                verdicts.append(verdict)
                if seen is not None:
                    seen(verdict)
    return verdicts


def _tried(case: Case, *, seconds: float, workers: int) -> Verdict:
    return asyncio.run(attempt(case, seconds=seconds, workers=workers))


def numbers(verdicts: Sequence[Verdict]) -> Mapping[str, float]:
    """All suites together, then each of them and each of its halves. Times are of solved cases, in seconds.

    Cases for judging alone have their own numbers, and are in no other.
    """
    result = dict(_part("repair", [verdict for verdict in verdicts if verdict.case.suite != JUDGING]))
    result |= _part(f"repair.{JUDGING}", [verdict for verdict in verdicts if verdict.case.suite == JUDGING])
    for suite in SUITES:
        own = [verdict for verdict in verdicts if verdict.case.suite == suite]
        result |= _part(f"repair.{suite}", own)
        for half in ("tuned", "held"):
            result |= _part(f"repair.{suite}.{half}", [verdict for verdict in own if verdict.case.half == half])
    return result


def _part(name: str, verdicts: Sequence[Verdict]) -> Mapping[str, float]:
    solved = [verdict for verdict in verdicts if verdict.solved]
    if not verdicts:
        return {}
    return {
        f"{name}.total": len(verdicts),
        f"{name}.solved": len(solved),
        f"{name}.solved_share": round(len(solved) / len(verdicts), 3),
        f"{name}.right_share": round(sum(v.right for v in solved) / len(solved), 3) if solved else 0.0,
        f"{name}.median_s": round(statistics.median(v.seconds for v in solved), 2) if solved else 0.0,
        f"{name}.median_cpu_s": round(statistics.median(v.cpu_s for v in solved), 2) if solved else 0.0,
        f"{name}.median_tried": statistics.median(v.tried for v in solved) if solved else 0,
    }
