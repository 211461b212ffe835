import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.bm25 import Bm25
from retrieval.ranking import fuse

RANKING = st.lists(st.integers(0, 20), unique=True, max_size=12)
WEIGHT = st.floats(0.1, 5)
BAGS = st.lists(st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 9), max_size=6), max_size=8)


@given(st.lists(st.tuples(RANKING, WEIGHT), max_size=5))
def test_everything_that_was_ranked_comes_out_once_best_first(rankings: list[tuple[list[int], float]]) -> None:
    fused = fuse(rankings)
    assert sorted(item for item, _ in fused) == sorted({item for ranking, _ in rankings for item in ranking})
    assert [score for _, score in fused] == sorted((score for _, score in fused), reverse=True)


@given(RANKING, WEIGHT)
def test_one_ranking_stays_as_it_is(ranking: list[int], weight: float) -> None:
    assert [item for item, _ in fuse([(ranking, weight)])] == ranking


@given(st.lists(st.tuples(RANKING, WEIGHT), min_size=1, max_size=4), st.data())
def test_a_better_rank_never_hurts(rankings: list[tuple[list[int], float]], data: st.DataObject) -> None:
    ranking, weight = rankings[0]
    if not ranking:
        return
    item = data.draw(st.sampled_from(ranking))
    raised = [item, *(other for other in ranking if other != item)]
    before, after = dict(fuse(rankings)), dict(fuse([(raised, weight), *rankings[1:]]))
    assert after[item] >= before[item]


def test_the_score_is_the_one_of_the_paper() -> None:
    assert dict(fuse([(["a", "b"], 1.0), (["b"], 1.0)]))["b"] == pytest.approx(1 / 62 + 1 / 61)
    assert fuse([(["a", "a", "b"], 1.0)]) == [("a", 1 / 61), ("b", 1 / 62)]


@given(BAGS, st.dictionaries(st.sampled_from("abcdef"), st.floats(0.1, 3), max_size=4))
def test_only_documents_that_share_a_term_score(bags: list[dict[str, float]], query: dict[str, float]) -> None:
    scores = Bm25(bags).scores(query)
    assert [score > 0 for score in scores] == [bool(bag.keys() & query.keys()) for bag in bags]
    assert Bm25(bags, [sum(bag.values()) for bag in bags]).scores(query) == scores


@given(BAGS.filter(len))
def test_once_more_of_a_term_is_never_worse(bags: list[dict[str, float]]) -> None:
    fuller = [{**bags[0], "a": bags[0].get("a", 0) + 1, "b": max(0, bags[0].get("b", 0) - 1)}, *bags[1:]]
    if bags[0].get("a", 0) and bags[0].get("b", 0):
        assert Bm25(fuller).scores({"a": 1.0})[0] >= Bm25(bags).scores({"a": 1.0})[0] - 1e-9


def test_rare_terms_weigh_more() -> None:
    bags = [{"common": 1, "rare": 1}, {"common": 1, "other": 1}, {"common": 1, "other": 1}]
    scores = Bm25(bags).scores({"rare": 1.0}), Bm25(bags).scores({"common": 1.0})
    assert scores[0][0] > scores[1][0]
    assert Bm25([]).scores({"a": 1.0}) == []
