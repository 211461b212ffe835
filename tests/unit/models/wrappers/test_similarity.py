from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import Plan, Unavailable
from models import Message, ModelSettings, Question
from models.wrappers import EmbeddingSimilarity, MemoryAnswers, WordSimilarity
from models.wrappers.cache import Cached, SimilarAnswers
from models.wrappers.similarity import cosine
from tests.unit.models.flaky import PLAN, Flaky

WISH = "Fix the total of the prices in shop/prices.py"


@pytest.mark.parametrize(
    ("words", "same"),
    [
        ("Please fix the total of prices in shop/prices.py!", True),
        ("fix Totals of the price in shop/prices.py", True),
        ("Do not fix the total of the prices in shop/prices.py", False),
        ("Fix the total of the prices in shop/taxes.py", False),
        ("Fix the prices of the total in shop/prices.py", False),
        ("Fix the total", False),
        ("", False),
    ],
)
async def test_the_same_wish_in_other_words(words, same):
    assert await WordSimilarity().same(words, ["something else", WISH]) == (1 if same else None)


async def test_meaning_never_changes_names_and_numbers():
    async def embed(texts: Sequence[str]) -> Sequence[Sequence[float]]:
        return [(1.0, 0.0) for _ in texts]  # everything means the same to it

    wording = EmbeddingSimilarity(embed)
    assert await wording.same("Round to 2 digits", ["Use 2 decimals when rounding"]) == 0
    assert await wording.same("Round to 3 digits", ["Use 2 decimals when rounding"]) is None
    assert await wording.same("Never round", ["Always round"]) is None


async def test_an_endpoint_that_does_not_embed_stops_nobody():
    async def embed(_: Sequence[str]) -> Sequence[Sequence[float]]:
        raise Unavailable("no")

    assert await EmbeddingSimilarity(embed).same("Round it", ["Cut it"]) is None


@given(st.text(max_size=60))
async def test_a_wish_is_the_same_as_itself_or_says_nothing(words):
    assert await WordSimilarity().same(words, [words]) in {0, None}


async def test_a_plan_for_the_same_wish_is_not_asked_for_twice():
    flaky, shelf = Flaky(), MemoryAnswers()

    async def plan(words: str, on: str = "files") -> str:
        alike = SimilarAnswers(group=on, words=words, similarity=WordSimilarity())
        cached = Cached(model=flaky, answers=shelf, org="a", similar=alike)
        ask = (Message(role="user", content=words),)
        reply = await cached.ask(Question(ask, Plan, settings=ModelSettings(temperature=0.3)))
        assert reply.value == PLAN
        return reply.finish

    assert await plan(WISH) == "stop"
    assert await plan(f"Please, {WISH.lower()}") == "cached"
    assert await plan(f"Please, {WISH.lower()}", on="other files") == "stop"
    assert await plan("Break the total") == "stop"
    assert flaky.calls == 3


VECTORS = st.lists(
    st.floats(-100, 100, allow_subnormal=False).filter(lambda x: x == 0 or abs(x) > 1e-3), min_size=2, max_size=2
)


@given(VECTORS, VECTORS, st.floats(0.1, 10))
def test_a_cosine_is_about_directions_only(one, other, factor):
    assert -1.000001 <= cosine(one, other) <= 1.000001
    assert cosine(one, other) == pytest.approx(cosine(other, one))
    assert cosine([x * factor for x in one], other) == pytest.approx(cosine(one, other), abs=1e-6)
    assert cosine(one, one) == pytest.approx(1.0 if any(one) else 0.0)
