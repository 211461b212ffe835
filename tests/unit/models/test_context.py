import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import ContextTooLong
from models import Message
from models.context import AFTER, FULL, Window, counted, rough

ROLES = st.sampled_from(["user", "assistant"])
TALK = st.lists(st.builds(Message, role=ROLES, content=st.text(max_size=400)), min_size=1, max_size=30)
SYSTEM = Message(role="system", content="Rules.")


def window(served=800, reserve=100):
    return Window(served=served, reserve=reserve)


@given(TALK, st.lists(st.text(max_size=30), max_size=2))
def test_what_is_kept_fits_and_has_both_ends(talk, facts):
    talk = [SYSTEM, Message(role="user", content="The task."), *talk]
    kept = window().keep(talk, facts=facts)
    assert counted(kept.messages) == kept.tokens <= 700
    assert list(kept.messages[:2]) == talk[:2]
    if kept.dropped == 0:
        assert list(kept.messages) == talk
    else:
        assert f"[{kept.dropped} earlier messages are left out.]" in kept.messages[2].content
        assert kept.messages[-1].content.startswith("To remember") == bool(facts)


@given(TALK)
def test_below_the_line_nothing_changes(talk):
    kept = window(served=100_000).keep(talk)
    assert kept.messages == tuple(talk)


def test_between_compactions_a_transcript_is_only_added_to():
    """Sixty steps in a window that holds a tenth of them: few compactions, the prefix is stable between them."""
    talk = [SYSTEM, Message(role="user", content="The task.")]
    before, breaks = (), 0
    for step in range(60):
        talk.append(Message(role="user", content=f"Step {step}: " + "it failed again " * 20))
        kept = window(served=1_500, reserve=200).keep(talk, facts=["Fix the sum."])
        same = kept.messages[: len(before)] == before
        breaks += not same
        before = kept.messages
        if kept.dropped:
            talk = list(kept.messages)
            before = tuple(talk)
        assert counted(kept.messages) <= 1_300 * FULL
    assert 0 < breaks <= 20
    assert any("Fix the sum." in m.content for m in talk)


def test_a_single_message_that_is_too_long_keeps_its_ends():
    talk = [SYSTEM, Message(role="user", content="The task."), Message(role="user", content="a" * 9_000 + "the end")]
    kept = window().keep(talk)
    assert counted(kept.messages) <= 700
    assert kept.messages[-1].content.endswith("the end")
    assert "characters left out" in kept.messages[-1].content


def test_what_cannot_fit_is_refused():
    with pytest.raises(ContextTooLong) as caught:
        window().keep([SYSTEM, Message(role="user", content="word " * 5_000), Message(role="user", content="x")])
    assert caught.value.max_tokens == 800


@given(st.text(max_size=300), st.text(max_size=300))
def test_the_estimate_grows_with_the_text(one, two):
    assert rough(one) >= 0
    assert rough(one + " " + two) >= max(rough(one), rough(two)) - 1


@given(st.text(min_size=1, max_size=100))
def test_an_estimate_is_never_nothing(text):
    assert rough(text) >= 1
    assert AFTER < FULL
