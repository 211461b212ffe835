"""Put what passed in order: the repair that is meant first."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from ..runner.lab import Lab
from .jobs import Jobs
from .settle import Outcomes, settled
from .trials import Trial

_PROBED = 10


def chosen(lab: Lab, jobs: Jobs, plausible: Sequence[Trial], until: float) -> list[Trial]:
    """Until a moment the repairs are asked how they behave where no test looks."""
    trials = sorted(plausible, key=lambda trial: -trial.score)
    seen: list[Outcomes] = [{} for _ in trials]
    root = f"{lab.root}{os.sep}"
    open_ = {
        lab.submit("warm", jobs.probe(trial, root)): place
        for place, trial in enumerate(trials[:_PROBED] if len(trials) > 1 else ())
    }
    while open_ and time.monotonic() < until:
        for place, result in lab.results(open_, 0.3):
            seen[place] = dict(next((line["seen"] for line in result["lines"] if "seen" in line), ()))
    return settled(trials, seen)
