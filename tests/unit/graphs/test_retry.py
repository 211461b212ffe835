from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import RateLimited, Refused, Spent, Transient, Unavailable
from domain.limits import ATTEMPTS, FIRST_S, LONGEST_S, seconds_before
from graphs.retry import retried
from models import Usage
from models.contract import book
from tests.unit.models.flaky import Clock

USED = Usage(tokens_in=10, tokens_out=5, calls=1)


def failing(*moods: Exception):
    """A node that uses something each time, fails with each of these in turn, then tells what it knew."""
    left, seen = list(moods), list[Any]()

    async def node(state):
        seen.append(state["spent"])
        book(USED)
        if left:
            raise left.pop(0)
        return {"spent": state["spent"] + Spent(tokens_in=USED.tokens_in, tokens_out=USED.tokens_out, model_calls=1)}

    return node, seen


async def test_what_failed_is_in_the_books_of_the_next_attempt():
    clock, (node, seen) = Clock(), failing(Unavailable("down"), Unavailable("down"))
    update = await retried(node, pause=clock.pause)({"spent": Spent(tokens_in=100)})
    assert [(each.tokens_in, each.model_calls) for each in seen] == [(100, 0), (110, 1), (120, 2)]
    assert update["spent"] == Spent(tokens_in=130, tokens_out=15, model_calls=3)
    assert len(clock.waits) == 2


async def test_it_waits_as_long_as_it_is_asked_to():
    clock, (node, _) = Clock(), failing(RateLimited("slow", retry_after=21))
    await retried(node, pause=clock.pause)({"spent": Spent()})
    assert clock.waits == [21]


@pytest.mark.parametrize("error", [RateLimited("slow", retry_after=3_600), Refused("no")])
async def test_what_does_not_pass_soon_ends_it_at_once(error):
    clock, (node, seen) = Clock(), failing(error)
    with pytest.raises(type(error)):
        await retried(node, pause=clock.pause)({"spent": Spent()})
    assert (len(seen), clock.waits) == (1, [])


async def test_it_ends():
    clock, (node, seen) = Clock(), failing(*[Unavailable("down")] * 9)
    with pytest.raises(Unavailable):
        await retried(node, pause=clock.pause)({"spent": Spent()})
    assert len(seen) == ATTEMPTS


LATER = st.builds(lambda s: RateLimited("x", retry_after=s), st.none() | st.floats(0, 1e6))


@given(
    st.one_of(LATER, st.just(Transient(""))),
    st.integers(1, ATTEMPTS),
    st.floats(0, 1),
)
def test_a_pause_is_never_shorter_than_asked_nor_longer_than_we_wait(error, attempt, chance):
    wait = seconds_before(error, attempt, jitter=lambda: chance)
    asked = getattr(error, "retry_after", None) or 0.0
    if wait is None:
        assert asked > LONGEST_S
    else:
        assert max(asked, FIRST_S / 2) <= wait <= LONGEST_S
