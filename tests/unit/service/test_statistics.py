import math
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.statistics import mcnemar, paired_difference, pass_at_k, wilson

SHARE = st.floats(0, 1)


@given(st.integers(0, 500), st.integers(0, 500))
def test_the_interval_of_a_share_holds_the_share(good, bad):
    interval = wilson(good, good + bad)
    assert 0 <= interval.low <= interval.value <= interval.high <= 1
    assert wilson(10 * good, 10 * (good + bad)).high - wilson(10 * good, 10 * (good + bad)).low <= (
        interval.high - interval.low + 1e-9
    )


def test_the_interval_is_that_of_the_literature():
    """Newcombe (1998), table I: 81 of 263, and 0 of 20."""
    interval = wilson(81, 263)
    assert (round(interval.low, 4), round(interval.high, 4)) == (0.2553, 0.3662)
    assert round(wilson(0, 20).high, 4) == 0.1611
    assert (wilson(0, 0).low, wilson(0, 0).high) == (0.0, 1.0)


@given(st.integers(0, 300), st.integers(0, 300))
def test_mcnemar_is_a_probability_and_knows_no_order(first, second):
    p = mcnemar(first, second)
    assert 0 < p <= 1
    assert p == mcnemar(second, first)
    assert mcnemar(first, first) == 1.0


def test_mcnemar_is_the_sign_test():
    """Every way in which ten coins can fall, counted."""
    falls = [sum(coins) for coins in product((0, 1), repeat=10)]
    as_extreme = sum(min(heads, 10 - heads) <= 2 for heads in falls)
    assert mcnemar(2, 8) == pytest.approx(as_extreme / len(falls))
    assert mcnemar(0, 4_000) < 1e-300 or math.isclose(mcnemar(0, 4_000), 0.0)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(SHARE, SHARE), min_size=1, max_size=40))
def test_the_bootstrap_holds_the_mean_and_turns_with_its_pairs(pairs):
    interval = paired_difference(pairs)
    assert -1 <= interval.low <= interval.value <= interval.high <= 1
    assert interval == paired_difference(pairs)
    turned = paired_difference([(b, a) for a, b in pairs])
    assert turned.value == pytest.approx(-interval.value)


def test_a_difference_that_is_there_is_seen_and_one_that_is_not_is_not():
    better = paired_difference([(0, 1)] * 30 + [(1, 1)] * 30)
    assert better.low > 0
    even = paired_difference([(0, 1)] * 20 + [(1, 0)] * 20)
    assert even.low < 0 < even.high
    assert (paired_difference([]).low, paired_difference([]).high) == (-1.0, 1.0)


@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n))))
def test_pass_at_k_is_a_chance_that_grows_with_k(numbers):
    attempts, good, k = numbers
    chance = pass_at_k(attempts, good, k)
    assert 0 <= chance <= 1
    assert pass_at_k(attempts, good, 1) == pytest.approx(good / attempts)
    assert k == attempts or chance <= pass_at_k(attempts, good, k + 1) + 1e-12
    assert (chance == 0) == (good == 0)


def test_pass_at_k_takes_no_more_than_was_tried():
    with pytest.raises(ValueError, match="4 of 3"):
        pass_at_k(3, 1, 4)
