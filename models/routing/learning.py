"""Learned order of models: what came of earlier runs moves a model within what policy and budget allow (E3). Pure.

The catalogue's order is where learning starts: its first choice counts as if it had done well a few times, the next
ones a little less. So one bad run moves nothing, a model that keeps failing falls behind the next, and one that keeps
doing well stays; equal runs give the same order in every process.
"""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from domain.evidence import FailureKind
from models.contract import Role
from models.routing.catalogue import KIND_OF, Pick, Strategy
from models.wrappers.outcomes import RunOutcomes, SuccessRate

FIRST, LESS, LEAST = 0.8, 0.1, 0.3
"""The share of successes that the catalogue's first choice is taken to have; how much less each next one; the least."""
WEIGHT = 10
"""So many runs the catalogue's word is worth."""
FRESH_S = 20.0
"""So long what was read is not read again."""


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


def follows_outcomes(role: Role, strategy: Strategy) -> bool:
    """Whether earlier runs may move the models: of who writes changes, where the strategy follows failures at all."""
    named = strategy.tasks.get(KIND_OF[role], Pick()).model
    return role == "coder" and strategy.automatic != "never" and named is None


def reordered(
    choices: Sequence[Choice], seen: Sequence[SuccessRate], *, slow: Collection[str] = ()
) -> tuple[tuple[Choice, ...], str]:
    """The choices by what came of earlier runs, those that are slow now behind the others; and why, if that is new."""
    rates = {rate.model: rate for rate in seen}
    if not any(choice.asked_as in rates for choice in choices):
        return tuple(choices), ""
    moved = tuple(sorted(learned_order(choices, rates), key=lambda each: each.asked_as in slow))
    return moved, learned_reason(choices, moved, rates)


@dataclass(slots=True)
class RecentOutcomes:
    """What came of an organisation's newest runs, by the kind of failure; it orders those who may be asked (E3)."""

    read_at: dict[tuple[str, FailureKind], float] = field(default_factory=dict[tuple[str, FailureKind], float])
    rates: dict[tuple[str, FailureKind], tuple[SuccessRate, ...]] = field(
        default_factory=dict[tuple[str, FailureKind], tuple[SuccessRate, ...]]
    )

    async def __call__(self, outcomes: RunOutcomes | None, org: str, failure: FailureKind) -> tuple[SuccessRate, ...]:
        """Return how each model did; read again after ``FRESH_S``."""
        key = (org, failure)
        if outcomes is not None and time.monotonic() - self.read_at.get(key, float("-inf")) > FRESH_S:
            self.rates[key] = tuple(await outcomes.rates(org, failure))
            self.read_at[key] = time.monotonic()
        return self.rates.get(key, ())
