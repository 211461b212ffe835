"""Learned order of models: what came of earlier runs moves a model within what policy and budget allow (E3). Pure.

The catalogue's order is where learning starts: its first choice counts as if it had done well a few times, the next
ones a little less. So one bad run moves nothing, a model that keeps failing falls behind the next, and one that keeps
doing well stays; equal runs give the same order in every process.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol, TypeVar

from models.wrappers.outcomes import SuccessRate

FIRST, LESS, LEAST = 0.8, 0.1, 0.3
"""The share of successes that the catalogue's first choice is taken to have; how much less each next one; the least."""
WEIGHT = 10
"""So many runs the catalogue's word is worth."""


class Named(Protocol):
    """Something in an order that has outcomes under its name."""

    @property
    def asked_as(self) -> str: ...


Choice = TypeVar("Choice", bound=Named)


def expected(place: int, rate: SuccessRate | None) -> float:
    """The share of runs that a model is expected to finish: the catalogue's word, and what was seen.

    Args:
        place: in the catalogue's order, from 0.
        rate: what came of its runs; None: it had none.
    """
    prior = max(LEAST, FIRST - LESS * place)
    runs, succeeded = (rate.runs, rate.succeeded) if rate is not None else (0, 0)
    return (succeeded + WEIGHT * prior) / (runs + WEIGHT)


def learned_order(choices: Sequence[Choice], rates: Mapping[str, SuccessRate]) -> tuple[Choice, ...]:
    """The choices by what is expected of them, equals as they were."""
    if not any(choice.asked_as in rates for choice in choices):
        return tuple(choices)
    places = {choice.asked_as: place for place, choice in reversed(list(enumerate(choices)))}

    def key(choice: Choice) -> float:
        return -expected(places[choice.asked_as], rates.get(choice.asked_as))

    return tuple(sorted(choices, key=key))


def learned_reason(before: Sequence[Named], after: Sequence[Named], rates: Mapping[str, SuccessRate]) -> str:
    """Why the first choice is the first one, with the numbers; empty where nothing was learned that moved it."""
    if not before or not after or before[0].asked_as == after[0].asked_as:
        return ""
    shown: list[str] = []
    for choice in (after[0], before[0]):
        rate = rates.get(choice.asked_as)
        shown.append(
            f"{choice.asked_as} {rate.succeeded} of {rate.runs}" if rate else f"{choice.asked_as} not tried yet"
        )
    return f"Runs that failed like this were finished by {shown[0]}, by {shown[1]}: it goes first."


def reordered(
    choices: Sequence[Choice], seen: Sequence[SuccessRate], *, slow: Collection[str] = ()
) -> tuple[tuple[Choice, ...], str]:
    """The choices by what came of earlier runs, those that are slow now behind the others; and why, if that is new."""
    rates = {rate.model: rate for rate in seen}
    if not any(choice.asked_as in rates for choice in choices):
        return tuple(choices), ""
    moved = tuple(sorted(learned_order(choices, rates), key=lambda each: each.asked_as in slow))
    return moved, learned_reason(choices, moved, rates)
