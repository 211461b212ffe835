"""Sequential test of a canary: an e-process over the arms of the runs that ended, valid whenever one looks. Pure.

A run's arm is drawn by its id: the candidate with the share ``s``, the current version otherwise. So where the
candidate is no worse, a run that failed is one of the candidate's with a chance of at most ``s``, and one that
succeeded with at least ``s``, however hard the tasks of that day were and whatever else failed. The product below has
then an expectation of at most 1 after any number of runs, and by Ville's inequality it ever reaches ``1/alpha`` with a
chance of at most ``alpha``: one may look after every run, and stop.

Sources: Wald, Sequential tests of statistical hypotheses (1945); Ville, Étude critique de la notion de collectif
(1939); Ramdas, Grünwald, Vovk and Shafer, Game-theoretic statistics and safe anytime-valid inference (2023).
"""

import math
from typing import Final

from domain import value

ALPHA: Final = 0.05
"""The chance that a canary which is no worse is ever stopped."""
_CURRENT: Final = (0.3, 0.5, 0.7, 0.9, 0.97)
_OF_CURRENT: Final = (0.05, 0.25, 0.5, 0.75, 0.9)
ALTERNATIVES: Final = tuple((current, current * share) for current in _CURRENT for share in _OF_CURRENT)
"""Success rates of the current version and of a worse candidate that the test looks for, each as likely as another."""


@value
class ArmCounts:
    """Runs of a canary that ended, by arm and outcome."""

    candidate_successes: int = 0
    candidate_failures: int = 0
    current_successes: int = 0
    current_failures: int = 0

    @property
    def candidate(self) -> int:
        return self.candidate_successes + self.candidate_failures

    @property
    def current(self) -> int:
        return self.current_successes + self.current_failures


def log_evidence(counts: ArmCounts, share: float) -> float:
    """Return the logarithm of the e-value that the candidate is worse; 0.0 before the first run.

    Args:
        counts: the runs that ended.
        share: the chance with which a run was given the candidate, strictly between 0 and 1.
    """
    logs: list[float] = []
    for current, candidate in ALTERNATIVES:
        # By how much rarer or more common an outcome is with the candidate, were this alternative true.
        of_failure, of_success = (1 - candidate) / (1 - current), candidate / current
        logs.append(
            counts.candidate_failures * math.log(of_failure)
            + counts.candidate_successes * math.log(of_success)
            - (counts.candidate_failures + counts.current_failures) * math.log(share * of_failure + 1 - share)
            - (counts.candidate_successes + counts.current_successes) * math.log(share * of_success + 1 - share)
        )
    largest = max(logs)
    return largest + math.log(sum(math.exp(each - largest) for each in logs) / len(logs))


def is_worse(counts: ArmCounts, share: float, *, alpha: float = ALPHA) -> bool:
    """Whether the candidate is worse beyond chance: asked after every run, wrong with a chance of at most ``alpha``."""
    return log_evidence(counts, share) >= -math.log(alpha)
