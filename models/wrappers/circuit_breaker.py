"""Circuit breaker wrapper: leaves an endpoint alone for a while after it failed several times in a row."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from domain import RateLimited, Refused, Transient, Unavailable, Unreadable
from models.contract import Question, Reply, Wrapper

T = TypeVar("T")


@dataclass(slots=True)
class _Circuit:
    """Failures in a row, and until when it is not asked; lives as long as the endpoint's model."""

    failures: int = 0
    closed_until: float = 0.0
    trying: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitBreaker(Wrapper):
    """After ``failures`` in a row answer ``Unavailable`` at once for ``rest_s`` seconds.

    Then one call is let through: it decides whether the circuit closes or rests again. That a server
    asks to slow down, or that an answer did not parse, is no failure of the server.
    """

    failures: int = 5
    rest_s: float = 30.0
    clock: Callable[[], float] = time.monotonic
    circuit: _Circuit = field(default_factory=_Circuit, repr=False, compare=False)

    @property
    def open(self) -> bool:
        """True while calls are refused without asking."""
        return self.circuit.failures >= self.failures and (
            self.clock() < self.circuit.closed_until or self.circuit.trying
        )

    async def ask(self, question: Question[T]) -> Reply[T]:
        """See ``Model.ask``."""
        if self.open:
            left = max(0.0, self.circuit.closed_until - self.clock())
            raise Unavailable(
                f"{self.name} failed {self.circuit.failures} times in a row and is left alone for {left:.0f} s.",
                hint="See the log of the model server; `signoff doctor` probes it.",
            )
        trial = self.circuit.failures >= self.failures
        self.circuit.trying = trial or self.circuit.trying
        try:
            reply = await self.model.ask(question)
        except (RateLimited, Unreadable, Refused):
            self.circuit.failures = 0  # it answered, if not what was hoped for
            raise
        except Transient:
            self.circuit.failures += 1
            self.circuit.closed_until = self.clock() + self.rest_s
            raise
        else:
            self.circuit.failures = 0
            return reply
        finally:
            if trial:  # a call that began before the circuit opened lets no other through
                self.circuit.trying = False
