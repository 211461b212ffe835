"""What messages of payment providers make of a subscription, whatever the order they come in."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from service.plans.payments import (
    InvoiceResult,
    PaidSubscription,
    PaymentEvent,
    PaymentState,
    SubscriptionUpdate,
    heard,
)
from tests.worlds.payments import NOW

NOBODY = PaidSubscription(provider="stripe", id="sub_1", customer="cus_1", org="acme")
STATES: st.SearchStrategy[PaymentState] = st.sampled_from(["paying", "failing", "ended", "pending"])


def updated(number: int, at: int, state: PaymentState, price: str, *, closed: bool = False) -> PaymentEvent:
    change = SubscriptionUpdate(subscription="sub_1", customer="cus_1", prices=(price,), state=state, closed=closed)
    return PaymentEvent(id=f"evt_{number:03}", kind="updated", created_at=NOW + timedelta(seconds=at), change=change)


def billed(number: int, at: int, *, paid: bool) -> PaymentEvent:
    change = InvoiceResult(subscription="sub_1", customer="cus_1", paid=paid)
    return PaymentEvent(id=f"evt_{number:03}", kind="invoice", created_at=NOW + timedelta(seconds=at), change=change)


def after(*events: PaymentEvent) -> PaidSubscription:
    subscription = NOBODY
    for event in events:
        change = event.change
        plan = change.prices[0] if isinstance(change, SubscriptionUpdate) else ""
        subscription = heard(subscription, event, plan=plan)
    return subscription


@st.composite
def histories(draw: st.DrawFn) -> list[PaymentEvent]:
    count = draw(st.integers(1, 8))
    events: list[PaymentEvent] = []
    for number in range(count):
        at = draw(st.integers(0, 5))  # many in the same second, as Stripe writes them
        if draw(st.booleans()):
            events.append(billed(number, at, paid=draw(st.booleans())))
        else:
            price, closed = draw(st.sampled_from(["team", "small"])), draw(st.integers(0, 9)) == 0
            events.append(updated(number, at, "ended" if closed else draw(STATES), price, closed=closed))
    return events


@given(histories(), st.data())
def test_the_order_and_the_number_of_times_change_nothing(events: list[PaymentEvent], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations([*events, *events]))
    assert after(*shuffled) == after(*events)


@given(histories())
def test_what_ended_for_good_never_comes_back(events: list[PaymentEvent]) -> None:
    ended = updated(999, 0, "ended", "team", closed=True)
    assert after(ended, *events).state == after(*events, ended).state == "ended"


def test_a_bill_that_fails_and_is_paid_later() -> None:
    made, failed, again, paid = (
        updated(1, 0, "paying", "team"),
        billed(2, 100, paid=False),
        billed(3, 200, paid=False),
        billed(4, 300, paid=True),
    )
    assert after(made).state == "paying"
    failing = after(made, failed, again)
    assert (failing.state, failing.failing_since) == ("failing", failed.created_at)
    assert after(made, paid, again, failed).state == "paying"
    assert after(made, failed, paid).failing_since is None
    later = billed(5, 400, paid=False)
    assert after(later, made, failed, paid, again).failing_since == later.created_at


def test_an_older_message_brings_back_neither_a_price_nor_a_payment() -> None:
    small, team = updated(1, 0, "paying", "small"), updated(2, 10, "paying", "team")
    assert after(team, small).plan == after(small, team).plan == "team"
    failed = billed(3, 20, paid=False)
    assert after(failed, team, small).state == "failing"


def test_an_end_that_comes_before_its_beginning_is_an_end() -> None:
    begun, ended = updated(1, 0, "paying", "team"), updated(2, 10, "ended", "team", closed=True)
    assert after(ended, begun).state == "ended"


def test_a_subscription_that_was_never_paid_gives_nothing() -> None:
    assert after(updated(1, 0, "pending", "team")).state == "pending"
    assert after(updated(1, 0, "pending", "team"), billed(2, 0, paid=True)).state == "paying"
    assert after(billed(2, 0, paid=True), updated(1, 0, "pending", "team")).plan == "team"
