from datetime import date

import pytest

from subscriptions import Catalogue, Money, Plan, Subscription


@pytest.fixture
def catalogue():
    return Catalogue(
        [
            Plan("basic", monthly=Money("20.00"), included_calls=1_000, per_call=Money("0.01")),
            Plan("team", monthly=Money("50.00"), included_calls=10_000, per_call=Money("0.005")),
        ]
    )


@pytest.fixture
def ada():
    """On the basic plan since 1 April 2025; renews on the first of each month."""
    return Subscription(customer="ada", plan="basic", started_on=date(2025, 4, 1))
