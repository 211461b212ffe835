"""How long a coder may go on without getting anywhere."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from domain import Budget, Spent
from domain.coder import CoderTurn, EditAction, EditBlock, OpenAction
from domain.limits import TURNS, share_of, turns_left


def test_a_step_has_thirty_turns_since_its_last_edit_that_applied() -> None:
    look = CoderTurn(step="a", action=OpenAction(path="x"))
    edit = CoderTurn(step="a", action=EditAction(edits=(EditBlock(path="x", content="1\n"),)))
    assert turns_left([]) == TURNS
    assert turns_left([look] * 29) == 1
    assert turns_left([*[look] * 29, edit]) == TURNS
    assert turns_left([*[look] * 29, replace(edit, ok=False)]) == 0
    assert turns_left([*[edit, look] * 50]) == TURNS - 1
    assert turns_left([*[replace(look, step="b")] * 29, look]) == TURNS - 1


@given(
    st.integers(1, 500),
    st.integers(0, 10**6),
    st.integers(0, 600),
    st.integers(0, 2 * 10**6),
    st.integers(1, 5),
    st.decimals(0, 9, places=2),
    st.floats(0, 60),
)
def test_shares_never_add_up_to_more_than_the_budget(
    most_steps, most_tokens, steps, tokens, parts, cost, minutes
) -> None:
    budget = Budget(max_steps=most_steps, max_tokens=most_tokens)
    spent = Spent(steps=steps, tokens_in=tokens, cost=cost)
    share = share_of(budget, spent, parts, minutes=minutes)
    assert share_of(budget, spent, 1, minutes=minutes) == budget
    for name in ("max_steps", "max_tokens", "max_cost", "max_minutes", "max_sandbox_seconds"):
        assert getattr(share, name) <= getattr(budget, name)
    if tokens < most_tokens:
        assert tokens <= share.max_tokens
        assert (share.max_tokens - tokens) * parts <= most_tokens - tokens
    if steps < most_steps:
        assert steps + (most_steps - steps) // parts <= max(1, share.max_steps)
