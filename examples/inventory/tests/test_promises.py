from datetime import timedelta

import pytest

from stockroom import Promise, Promises


@pytest.fixture
def promises(today):
    promises = Promises()
    promises.make(Promise("A-1", 5, until=today))
    promises.make(Promise("A-2", 7, until=today + timedelta(days=3)))
    return promises


@pytest.mark.parametrize(("days", "promised"), [(0, 12), (1, 7), (3, 7), (4, 0)])
def test_a_promise_holds_until_its_day_is_over(promises, today, days, promised):
    assert promises.promised(today + timedelta(days=days)) == promised


def test_an_order_that_asks_again_replaces_its_promise(promises, today):
    promises.make(Promise("A-1", 2, until=today))
    assert promises.promised(today) == 9


def test_keeping_a_promise_ends_it(promises, today):
    assert promises.promised_to("A-1", today) == 5
    promises.keep("A-1")
    assert promises.promised_to("A-1", today) == 0
    assert promises.promised(today) == 7


def test_expired_promises_are_forgotten(promises, today):
    expired = promises.forget_expired(today + timedelta(days=1))
    assert [promise.order for promise in expired] == ["A-1"]
    assert len(promises) == 1
