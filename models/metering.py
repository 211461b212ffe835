"""Metering: what calls really used, whatever came of them: an answer, an error, or a caller who gave up.

A reply says what its answer cost. Of an answer that failed there is no reply, yet it was paid for: so the client that
sends something books what it used, at once, and a caller that wants to know opens a meter around the question. Meters
nest: what is booked counts on all that are open, also from tasks that were started inside.
"""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from domain import Spent
from models.contract import Usage


@dataclass(slots=True)
class UsageMeter:
    """The sum of what was booked so far."""

    usage: Usage = field(default_factory=Usage)

    @property
    def spent(self) -> Spent:
        """The same in the words of a run's books."""
        used = self.usage
        return Spent(tokens_in=used.tokens_in, tokens_out=used.tokens_out, cost=used.cost, model_calls=used.calls)


_OPEN: ContextVar[tuple[UsageMeter, ...]] = ContextVar("signoff_meters", default=())


@contextmanager
def metered() -> Generator[UsageMeter]:
    """Open a meter for as long as the block runs; it can still be read afterwards."""
    meter = UsageMeter()
    token = _OPEN.set((*_OPEN.get(), meter))
    try:
        yield meter
    finally:
        _OPEN.reset(token)


def book(usage: Usage) -> None:
    """Count what a call used on every open meter; once, by the client that made it."""
    for meter in _OPEN.get():
        meter.usage += usage
