from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from domain import Spent
from service.runs.fenced_backend import unpaid

SPENT = st.builds(
    Spent,
    tokens_in=st.integers(0, 99),
    tokens_out=st.integers(0, 99),
    model_calls=st.integers(0, 9),
    cost=st.integers(0, 99).map(Decimal),
)


@given(SPENT, SPENT, SPENT)
def test_what_failed_is_what_is_missing_in_the_books(before, booked, lost):
    assert unpaid(before, before + booked, booked + lost) == lost


@given(SPENT, SPENT)
def test_nothing_is_given_back(before, booked):
    assert unpaid(before, before + booked, Spent()) == Spent()
