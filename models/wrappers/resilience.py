"""Retry, fallback and circuit breaker: wrappers that get an answer although a model or its endpoint fails (A1, F6).

A fallback is not a way around a limit, and an unreadable answer is not asked for again.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from domain import RateLimited, Refused, SignoffError, Transient, Unavailable, Unreadable
from models.contract import Model, Question, Reply, Wrapper

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry(Wrapper):
    """Ask ``model`` again after a ``Transient`` error, with back-off and jitter, honouring ``retry_after``.

    ``settings.timeout_s`` bounds all attempts and pauses together. An unreadable answer was asked for
    twice already and is not asked for again.
    """

    attempts: int = 4
    first_pause_s: float = 0.5
    longest_pause_s: float = 20.0
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    clock: Callable[[], float] = time.monotonic
    jitter: Callable[[], float] = random.random

    async def ask(self, question: Question[T]) -> Reply[T]:
        """See ``Model.ask``; raises the last error when no attempt succeeded."""
        ends_at = self.clock() + question.settings.timeout_s
        for attempt in range(1, self.attempts):
            left = ends_at - self.clock()
            try:
                return await self.model.ask(_within(question, left))
            except Unreadable:
                raise
            except Transient as error:
                # Jitter: who was refused together does not come again together.
                backoff = min(self.longest_pause_s, self.first_pause_s * 2 ** (attempt - 1))
                wait = backoff * (0.5 + self.jitter() / 2)
                if isinstance(error, RateLimited) and error.retry_after is not None:
                    wait = error.retry_after
                if self.clock() + wait >= ends_at:
                    raise  # there would be no time left for an answer
            await self.pause(wait)
        return await self.model.ask(_within(question, max(ends_at - self.clock(), 0.001)))


def _within(question: Question[T], left_s: float) -> Question[T]:
    return replace(question, settings=replace(question.settings, timeout_s=left_s))


ENDPOINTS_OWN = frozenset(
    {
        "llm_cut_off",
        "context_too_long",
        "llm_bad_address",
        "llm_bad_request",
        "llm_content_filter",
        "llm_no_credit",
        "llm_unauthorized",
        "llm_unknown_model",
        "llm_which_model",
        "quota_reached",
    }
)
"""Refusals that are about one endpoint: another may well answer. Any other refusal is about the request.

``llm_no_tools`` is not among them: the same model in another dialect is better than another model.
"""

OnFailure = Callable[[str, SignoffError], None]
"""Called with the name of a model that did not answer, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fallback:
    """Ask ``models`` in their order until one answers.

    A spent budget (``Exhausted``) ends it at once. When none answers, the first model's error is raised: it is the
    one to be repaired.
    """

    models: tuple[Model, ...]
    on_failure: OnFailure | None = None

    @property
    def name(self) -> str:
        """Name of the first choice."""
        return self.models[0].name

    async def ask(self, question: Question[T]) -> Reply[T]:
        """See ``Model.ask``."""
        first: SignoffError | None = None
        for model in self.models:
            try:
                return await model.ask(question)
            except Transient as error:
                problem: SignoffError = error
            except Refused as error:
                if error.stable_code not in ENDPOINTS_OWN:
                    raise
                problem = error
            if self.on_failure is not None:
                self.on_failure(model.name, problem)
            # The first choice's problem is the one to tell: it is what the settings are about.
            first = first or problem
        if first is None:
            raise Refused("No model is configured.", code="llm_none", hint="Set SIGNOFF_MODEL_BASE_URL.")
        raise first


@dataclass(slots=True)
class _Circuit:
    """Failures in a row, and until when it is not asked; lives as long as the endpoint's model."""

    failures: int = 0
    closed_until: float = 0.0
    trying: bool = False
    last_error: str = ""
    """What the last failure was, in the endpoint's words."""


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
                f"{self.name} failed {self.circuit.failures} times in a row and is left alone for {left:.0f} s. "
                f"The last time: {self.circuit.last_error}",
                hint="See the log of the model server; `signoff doctor` probes it.",
            )
        trial = self.circuit.failures >= self.failures
        self.circuit.trying = trial or self.circuit.trying
        try:
            reply = await self.model.ask(question)
        except (RateLimited, Unreadable, Refused):
            self.circuit.failures = 0  # it answered, if not what was hoped for
            raise
        except Transient as error:
            self.circuit.failures += 1
            self.circuit.last_error = error.message
            self.circuit.closed_until = self.clock() + self.rest_s
            raise
        else:
            self.circuit.failures = 0
            return reply
        finally:
            if trial:  # a call that began before the circuit opened lets no other through
                self.circuit.trying = False
