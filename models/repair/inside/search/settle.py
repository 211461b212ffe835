"""Patch ranking: which of several plausible repairs is meant, the one that behaves like most on inputs no test gives.

Overfitting (Smith et al., 2015) is the danger: tests that all pass do not prove that a repair is right.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from math import log2

from ..runner.hosts import HostPool
from .jobs import Jobs
from .trials import Trial

_BROKEN = frozenset(("hung", "RecursionError", "NameError", "UnboundLocalError", "MemoryError"))
_AGREEMENT = 0.3
_DISTRUST = 0.15
_LOSSY = ("deleted", "unwrapped", "part dropped", "comparison dropped", "call dropped", "branch alone")
"""Ends of the kinds of edits that take something away."""
_LOSS = 0.75
"""Their worth beside that of others: tests that do not look at something do not prove that it is not needed."""

Outcomes = dict[str, str]
"""What each call came to."""


def settled(trials: Sequence[Trial], seen: Sequence[Outcomes]) -> list[Trial]:
    """Best first: what was proved, then by prior, by how many behave alike, and by how seldom it breaks.

    ``seen`` holds what each trial was seen to do; empty where it could not be seen.
    """
    keys = [key for key in next((s for s in seen if s), {}) if all(key in s for s in seen if s)]
    groups: dict[tuple[str, ...], list[int]] = {}
    for place, outcomes in enumerate(seen):
        # What was not seen to behave like anything is a group of its own.
        sign = tuple(outcomes[key] for key in keys) if outcomes else (f"unseen {place}",)
        groups.setdefault(sign, []).append(place)
    # A call that breaks with every repair breaks by the program, or the input makes no sense.
    least = min((_broken(sign) for sign in groups if keys), default=0)
    rank: dict[int, float] = {}
    for sign, members in groups.items():
        trust = 1 / (1 + _DISTRUST * max(0, _broken(sign) - least))
        worth = max(_prior(trials[place]) for place in members) * (1 + _AGREEMENT * log2(len(members))) * trust
        rank.update(dict.fromkeys(members, worth))

    def order(place: int) -> tuple[bool, float, int, float, int]:
        trial = trials[place]
        # Rounded, or the priors of two operators would decide where the size of the change says more.
        change = abs(trial.growth) if trial.kind.endswith(_LOSSY) else trial.growth
        return not trial.sure, -round(rank[place], 1), change, -_prior(trial), place

    return [trials[place] for place in sorted(range(len(trials)), key=order)]


def _prior(trial: Trial) -> float:
    return trial.score * (_LOSS if trial.kind.endswith(_LOSSY) else 1.0)


def _broken(sign: Sequence[str]) -> int:
    return sum(outcome in _BROKEN for outcome in sign)


_PROBED = 10


def chosen(pool: HostPool, jobs: Jobs, plausible: Sequence[Trial], until: float) -> list[Trial]:
    """Until a moment the repairs are asked how they behave where no test looks."""
    trials = sorted(plausible, key=lambda trial: -trial.score)
    seen: list[Outcomes] = [{} for _ in trials]
    root = f"{pool.root}{os.sep}"
    open_ = {
        pool.submit("warm", jobs.probe(trial, root)): place
        for place, trial in enumerate(trials[:_PROBED] if len(trials) > 1 else ())
    }
    while open_ and time.monotonic() < until:
        for place, result in pool.results(open_, 0.3):
            seen[place] = dict(next((line["seen"] for line in result["lines"] if "seen" in line), ()))
    return settled(trials, seen)
