from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import Broken
from domain.evidence import Candidate, Crossing, TestCase, TestReport
from models import best, compared, passes_everything, tied
from models.ranking import agreeing, best_loop, tied_loops


def candidates(min_size=1):
    made = st.builds(
        Candidate,
        id=st.text("abc", min_size=1, max_size=3),
        provider=st.sampled_from(["model", "repair"]),
        builds=st.booleans(),
        reproduction_passed=st.booleans(),
        regression_passed=st.booleans(),
        score=st.floats(0, 1),
        diff_lines=st.integers(0, 100),
        tokens=st.integers(0, 1_000),
    )
    return st.lists(made, min_size=min_size, max_size=6, unique_by=lambda c: c.id)


@given(candidates(), st.randoms())
def test_the_order_is_a_permutation_and_does_not_depend_on_the_order_of_arrival(found, random):
    ranked = best(found)
    assert sorted(c.id for c in ranked.order) == sorted(c.id for c in found)
    assert ranked.winner == ranked.order[0]
    assert ranked.reason
    random.shuffle(found)
    assert best(found) == ranked


@given(candidates(min_size=2))
def test_evidence_comes_before_opinion(found):
    winner = best(found).winner
    for other in found:
        if other.builds and not winner.builds:
            pytest.fail("something that builds lost against something that does not")
        if passes_everything(other):
            assert passes_everything(winner)


@given(candidates(min_size=2))
def test_more_evidence_never_loses_rank(found):
    ranked = best(found)
    last = ranked.order[-1]
    better = Candidate(
        **{
            **{f: getattr(last, f) for f in last.__slots__},
            "builds": True,
            "reproduction_passed": True,
            "regression_passed": True,
        }
    )
    again = best([better if c.id == last.id else c for c in found])
    assert [c.id for c in again.order].index(last.id) <= len(found) - 1
    assert passes_everything(again.winner)


def test_what_decided_is_said():
    one = Candidate(
        id="a", provider="model", builds=True, reproduction_passed=True, regression_passed=True, diff_lines=9
    )
    two = Candidate(
        id="b", provider="repair", builds=True, reproduction_passed=True, regression_passed=True, diff_lines=1
    )
    assert best([one, two]).reason == "repair (b) before model (a): its diff is smaller."
    three = Candidate(id="c", provider="third", builds=True)
    assert best([three, one]).reason == "model (a) before third (c): it passes the reproduction test."
    assert "only candidate" in best([three]).reason
    assert "first by name" in best([one, Candidate(**{f: getattr(one, f) for f in one.__slots__} | {"id": "z"})]).reason


def test_nothing_to_rank():
    with pytest.raises(Broken):
        best([])


def report(passed: int, *failing: str) -> TestReport:
    return TestReport(
        passed=passed, failed=len(failing), cases=tuple(TestCase(id=f, outcome="failed") for f in failing)
    )


@pytest.mark.parametrize(
    ("before", "after", "passed", "told"),
    [
        (report(3, "bug"), report(4), True, (True, True, True)),
        (report(3, "bug"), report(3, "other"), False, (True, True, False)),
        (report(3, "bug"), report(3, "bug"), False, (True, False, True)),
        (report(3, "bug"), report(2, "bug", "other"), False, (True, False, False)),
        (report(3, "bug"), TestReport(errors=1), False, (False, False, False)),
        (report(3, "bug"), TestReport(passed=3, failed=1), False, (True, False, False)),
        (None, report(3, "bug"), False, (True, False, False)),
        (None, None, True, (True, True, True)),
        (None, None, False, (False, False, False)),
    ],
)
def test_two_runs_of_the_tests_are_compared(before, after, passed, told):
    seen = compared(before, after, passed=passed)
    assert (seen.builds, seen.reproduction, seen.regression) == told


def test_where_all_else_is_equal_the_larger_group_wins():
    half = {"builds": True, "score": 0.5}
    lone = Candidate(id="a", provider="lone", behaviour="x", diff_lines=1, **half)
    two = [Candidate(id=i, provider=i, behaviour="y", diff_lines=9, **half) for i in ("b", "c")]
    ranked = best([lone, *two])
    assert ranked.winner.id == "b"
    assert best([lone, two[0]]).winner.id == "a"
    assert "more candidates behave like it" in best([two[0], two[1], lone]).reason or ranked.order[-1] is lone


def test_the_reviewer_comes_after_the_tests_and_before_the_larger_group():
    half = {"builds": True, "score": 0.5}
    lone = Candidate(id="a", provider="lone", behaviour="x", review=0.9, **half)
    two = [Candidate(id=i, provider=i, behaviour="y", review=0.4, **half) for i in ("b", "c")]
    ranked = best([*two, lone])
    assert (ranked.winner.id, ranked.reason) == ("a", "lone (a) before b (b): the reviewer rates it higher.")
    tested = Candidate(id="d", provider="d", builds=True, score=0.6)
    assert best([*two, lone, tested]).winner.id == "d", "no opinion weighs more than a test"
    assert [c.id for c in tied([*two, lone, tested])] == ["d"]
    assert [c.id for c in tied([*two, lone])] == ["a", "b", "c"]


@given(candidates())
def test_those_at_the_top_are_equal_by_their_tests(found):
    top = tied(found)
    assert best(found).winner in top
    assert len({(c.builds, c.reproduction_passed, c.regression_passed, c.score) for c in top}) == 1


PASSED = {"builds": True, "reproduction_passed": True, "regression_passed": True, "score": 1.0}


def loops():
    """Loops of the coder with trees of their own, each run with the tests of some of the others."""
    crossings = st.lists(
        st.builds(Crossing, tests_of=st.sampled_from("abcde"), passed=st.booleans()),
        max_size=4,
        unique_by=lambda c: c.tests_of,
    ).map(tuple)
    loop = st.builds(
        Candidate,
        id=st.sampled_from("abcde"),
        provider=st.just("coder"),
        builds=st.booleans(),
        reproduction_passed=st.booleans(),
        regression_passed=st.booleans(),
        score=st.sampled_from([0.0, 0.5, 1.0]),
        tree=st.sampled_from(["t1", "t2", "t3"]),
        diff_lines=st.integers(0, 9),
        tokens=st.integers(0, 9),
        review=st.none() | st.floats(0, 1),
        crossed=crossings,
    )
    return st.lists(loop, min_size=1, max_size=5, unique_by=lambda c: c.id)


@given(loops(), st.booleans(), st.randoms())
def test_the_choice_of_a_loop_does_not_depend_on_the_order_of_arrival(found, red, random):
    ranked = best_loop(found, red=red)
    assert sorted(c.id for c in ranked.order) == sorted(c.id for c in found)
    assert ranked.winner in tied_loops(found, red=red)
    random.shuffle(found)
    assert best_loop(found, red=red) == ranked


@given(loops(), st.booleans())
def test_a_loop_that_passes_everything_never_loses_to_one_that_does_not(found, red):
    winner = best_loop(found, red=red).winner
    assert passes_everything(winner) or not any(map(passes_everything, found))


@given(loops(), st.booleans())
def test_agreement_is_mutual_and_rests_on_tests_that_pass(found, red):
    for one in found:
        for other in found:
            if one.id == other.id:
                continue
            agree = agreeing(one, other, red=red)
            assert agree == agreeing(other, one, red=red)
            if agree:
                assert passes_everything(one)
                assert passes_everything(other)


@given(loops(), st.booleans())
def test_a_readers_score_decides_only_what_tests_agreement_and_length_leave_open(found, red):
    unread = [replace(each, review=None) for each in found]
    winner = best_loop(found, red=red).winner
    assert winner.id in {each.id for each in tied_loops(unread, red=red)}


def test_two_agree_when_each_passes_the_tests_of_the_other():
    one = Candidate(id="a", provider="coder", tree="1", **PASSED)
    two = Candidate(id="b", provider="coder", tree="2", **PASSED)
    assert agreeing(one, two, red=True)
    assert not agreeing(one, two, red=False), "two that only say that they are done agree in nothing"
    assert agreeing(one, replace(two, tree="1"), red=False)
    tried = replace(one, crossed=(Crossing(tests_of="b", passed=True),))
    assert agreeing(tried, two, red=False)
    caught = replace(one, crossed=(Crossing(tests_of="b", passed=False),))
    assert not agreeing(caught, two, red=True)
    assert agreeing(replace(one, crossed=(Crossing(tests_of="c", passed=False),)), two, red=True)


def test_the_larger_group_wins_before_the_smaller_diff_and_a_foreign_failure_loses_before_both():
    lone = Candidate(id="a", provider="coder", diff_lines=1, **PASSED)
    group = [
        Candidate(id=i, provider="coder", diff_lines=9, crossed=(Crossing(tests_of=o, passed=True),), **PASSED)
        for i, o in (("b", "c"), ("c", "b"))
    ]
    assert best_loop([lone, *group], red=False).winner.id == "b"
    assert [each.id for each in best_loop([lone, *group], red=False).order] == ["b", "c", "a"]
    wrong = replace(lone, crossed=(Crossing(tests_of="b", passed=False),))
    assert best_loop([wrong, group[0]], red=True).reason == (
        "coder (b) before coder (a): it fails fewer of the tests that others wrote."
    )
