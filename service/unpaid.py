"""What calls used that no node could write down, because it failed or was ended in the middle. Pure."""

from decimal import Decimal

from domain import Spent


def unpaid(before: Spent, after: Spent, used: Spent) -> Spent:
    """The part of ``used`` that the books do not have: they stood at ``before`` and stand at ``after``."""
    return Spent(
        tokens_in=max(0, before.tokens_in + used.tokens_in - after.tokens_in),
        tokens_out=max(0, before.tokens_out + used.tokens_out - after.tokens_out),
        cost=max(Decimal(0), before.cost + used.cost - after.cost),
        model_calls=max(0, before.model_calls + used.model_calls - after.model_calls),
    )
