"""Which of several repairs comes first."""

from hypothesis import given
from hypothesis import strategies as st

from models.repair.inside.search.settle import settled
from models.repair.inside.search.trials import Trial


def trial(name: str, score: float = 0.5, *, sure: bool = True) -> Trial:
    return Trial({}, score, name, "x.py:1", 0, sure=sure)


def names(trials: list[Trial]) -> list[str]:
    return [each.kind for each in trials]


def test_the_one_that_behaves_like_most_comes_first():
    trials = [trial("odd"), trial("one"), trial("other"), trial("third")]
    seen = [{"f(1)": "2"}, {"f(1)": "3"}, {"f(1)": "3"}, {"f(1)": "3"}]
    assert names(settled(trials, seen))[-1] == "odd"


def test_what_breaks_where_others_do_not_comes_later():
    trials = [trial("endless", 0.5), trial("sound", 0.45)]
    seen = [{"f(1)": "hung", "f(2)": "RecursionError"}, {"f(1)": "3", "f(2)": "4"}]
    assert names(settled(trials, seen)) == ["sound", "endless"]


def test_what_was_not_proved_to_the_end_comes_last():
    assert names(settled([trial("late", 0.9, sure=False), trial("proved", 0.2)], [{}, {}])) == ["proved", "late"]


def test_what_changes_a_condition_comes_before_what_takes_it_away():
    trials = [
        Trial({}, 0.5, "statement deleted", "x.py:1", 0, growth=-40),
        Trial({}, 0.45, "and/or", "x.py:1", 0, growth=1),
    ]
    assert names(settled(trials, [{}, {}])) == ["and/or", "statement deleted"]


@given(st.lists(st.tuples(st.floats(0, 1), st.dictionaries(st.sampled_from("abc"), st.sampled_from("xyz")))))
def test_none_is_lost(pairs):
    trials = [trial(str(place), score) for place, (score, _) in enumerate(pairs)]
    assert sorted(names(settled(trials, [seen for _, seen in pairs]))) == sorted(names(trials))
