"""The sequential test of canaries: its promise as algebra for every count, and as simulated canaries."""

import math
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.prompts.sequential import ALPHA, ArmCounts, is_worse, log_evidence

few = st.integers(0, 60)
counts = st.builds(
    ArmCounts, candidate_successes=few, candidate_failures=few, current_successes=few, current_failures=few
)
shares = st.floats(0.01, 0.9)
rates = st.floats(0.0, 1.0)


def expected_next(now: ArmCounts, share: float, candidate: float, current: float) -> float:
    """The expectation of the next e-value by the present one, where a run succeeds with these chances."""
    nexts = (
        (share * candidate, replace(now, candidate_successes=now.candidate_successes + 1)),
        (share * (1 - candidate), replace(now, candidate_failures=now.candidate_failures + 1)),
        ((1 - share) * current, replace(now, current_successes=now.current_successes + 1)),
        ((1 - share) * (1 - current), replace(now, current_failures=now.current_failures + 1)),
    )
    before = log_evidence(now, share)
    return sum(chance * math.exp(log_evidence(each, share) - before) for chance, each in nexts)


@given(counts, shares, rates, rates)
def test_no_evidence_is_to_be_expected_against_a_candidate_that_is_no_worse(
    now: ArmCounts, share: float, one: float, other: float
) -> None:
    assert expected_next(now, share, max(one, other), min(one, other)) <= 1 + 1e-9


@given(shares)
def test_before_the_first_run_nothing_is_known(share: float) -> None:
    assert log_evidence(ArmCounts(), share) == pytest.approx(0.0)


@given(counts, shares)
def test_a_failure_of_the_candidate_and_a_success_of_the_current_one_speak_against_it(
    now: ArmCounts, share: float
) -> None:
    before = log_evidence(now, share)
    assert log_evidence(replace(now, candidate_failures=now.candidate_failures + 1), share) > before
    assert log_evidence(replace(now, candidate_successes=now.candidate_successes + 1), share) < before
    assert log_evidence(replace(now, current_failures=now.current_failures + 1), share) < before
    assert log_evidence(replace(now, current_successes=now.current_successes + 1), share) > before


def stopped_after(draw: random.Random, *, share: float, candidate: float, current: float, runs: int) -> int | None:
    """Simulate a canary that is looked at after every run; None: it was never stopped."""
    now = ArmCounts()
    for number in range(1, runs + 1):
        arm = "candidate" if draw.random() < share else "current"
        succeeded = draw.random() < (candidate if arm == "candidate" else current)
        name = f"{arm}_{'successes' if succeeded else 'failures'}"
        now = replace(now, **{name: getattr(now, name) + 1})
        if is_worse(now, share):
            return number
    return None


@pytest.mark.parametrize(("rate", "share"), [(0.15, 0.1), (0.6, 0.5), (0.95, 0.1), (0.85, 0.9)])
def test_an_equal_version_is_not_stopped_more_often_than_alpha(rate: float, share: float) -> None:
    draw, canaries = random.Random(7), 300
    stopped = sum(
        stopped_after(draw, share=share, candidate=rate, current=rate, runs=150) is not None for _ in range(canaries)
    )
    # Three standard deviations above what the bound allows; the bound itself is the property above.
    assert stopped / canaries <= ALPHA + 3 * math.sqrt(ALPHA * (1 - ALPHA) / canaries)


@pytest.mark.parametrize(
    ("candidate", "current", "share", "runs"), [(0.1, 0.9, 0.1, 150), (0.5, 0.9, 0.1, 400), (0.6, 0.8, 0.5, 500)]
)
def test_a_worse_version_is_stopped(candidate: float, current: float, share: float, runs: int) -> None:
    draw, canaries = random.Random(11), 60
    stops = [stopped_after(draw, share=share, candidate=candidate, current=current, runs=runs) for _ in range(canaries)]
    assert sum(each is not None for each in stops) >= 0.9 * canaries


def test_a_day_on_which_everything_fails_says_nothing() -> None:
    """An outage hits both arms by their shares: the test compares within the day, and is not misled by a bad one."""
    assert not is_worse(ArmCounts(candidate_failures=10, current_failures=90, candidate_successes=9), 0.1)
    assert not is_worse(ArmCounts(candidate_failures=10, current_failures=90), 0.1)


def test_what_it_takes_with_a_tenth_of_the_runs() -> None:
    """As docs/prompts.md says it."""
    current = ArmCounts(current_successes=27, current_failures=3)
    assert not is_worse(replace(current, candidate_failures=1), 0.1)
    assert is_worse(replace(current, candidate_failures=3), 0.1)
