"""Composition of models: the one place that says which wrapper stands around which, from a run down to the wire.

::

    Routed                          chooses for each question
      Cached                        where answers of the role may be used again
        Retry                       when none of the chosen answered
          Fallback                  the chosen, best first
            UsageLogged             a row for each of them
              Quota …               each quota that holds
                Budgeted            the worst case reserved before the call
                  ContextWindow     from here on one for each endpoint of the process
                    CircuitBreaker
                      Instrumented
                        Chat        and below it a transport

The order is part of what is promised: a spent budget or quota is logged and never retried, a call that the circuit
breaker refuses has no span, and what comes from the cache is not counted.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from opentelemetry.trace import Tracer

from models.clients.tokenizer import TokenCounter
from models.contract import Model, Price
from models.routing.catalogue import Persistence
from models.routing.selection import CountedQuota
from models.wrappers.budget import Budgeted, Ledger
from models.wrappers.circuit_breaker import CircuitBreaker
from models.wrappers.context_window import ContextWindow
from models.wrappers.fallback import Fallback
from models.wrappers.instrumented import Instrumented, default_tracer
from models.wrappers.quota import Counters, Quota
from models.wrappers.retry import Retry
from models.wrappers.usage_log import CallReason, Decisions, UsageLogged


def around_endpoint(
    client: Model, *, tracer: Tracer | None, content: bool, tokenizer: TokenCounter | None
) -> tuple[ContextWindow, CircuitBreaker]:
    """What stands around a client for as long as it is open; the circuit breaker says how the endpoint is."""
    traced = Instrumented(model=client, tracer=tracer or default_tracer(), content=content)
    breaker = CircuitBreaker(model=traced)
    return ContextWindow(model=breaker, tokenizer=tokenizer), breaker


def around_choice(
    model: Model,
    *,
    ledger: Ledger,
    price: Price,
    quotas: Sequence[CountedQuota],
    counters: Counters,
    decisions: Decisions,
    why: Callable[[], CallReason],
    now: Callable[[], datetime],
) -> UsageLogged:
    """What stands around an open model for one run: its part of the budget, its quotas, its row."""
    model = Budgeted(model=model, ledger=ledger, price=price)
    for quota in quotas:
        model = Quota(
            model=model,
            limits=quota.limits,
            counters=counters,
            counted_as=quota.name,
            called=quota.called,
            clock=lambda: now().timestamp(),
        )
    return UsageLogged(model=model, decisions=decisions, why=why, clock=now)


def as_one(models: Sequence[Model], persistence: Persistence) -> Retry:
    """These models as one, best first: the next one at once, and again only when none answered."""
    asked = tuple(models[: 1 + persistence.fallbacks])
    return Retry(
        model=asked[0] if len(asked) == 1 else Fallback(models=asked),
        attempts=persistence.attempts,
        first_pause_s=persistence.first_pause_s,
        longest_pause_s=persistence.longest_pause_s,
    )
