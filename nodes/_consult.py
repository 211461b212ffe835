"""Ask a model within the run's budget."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from domain import QUESTION, Spent, Task, ensure_within
from models import Message, Model, Reply, Settings, Usage, metered
from nodes._announce import announce

T = TypeVar("T")

CHARS_PER_TOKEN = 3
"""Low on purpose: the estimate is a worst case, the bill comes from the reply."""


def worst_case(messages: Sequence[Message], settings: Settings) -> int:
    """Tokens a call may use at most."""
    return sum(len(m.content) for m in messages) // CHARS_PER_TOKEN + settings.max_tokens


def spent_on(usage: Usage) -> Spent:
    """Book a model's usage."""
    return Spent(
        tokens_in=usage.tokens_in, tokens_out=usage.tokens_out, cost=usage.cost, model_calls=max(1, usage.calls)
    )


async def consult(
    model: Model,
    messages: Sequence[Message],
    answer: type[T],
    *,
    settings: Settings,
    task: Task,
    spent: Spent,
    now: datetime,
) -> Reply[T]:
    """Check the budget, then ask.

    Raises:
        Exhausted: before anything was sent.
        everything ``Model.ask`` raises.
    """
    tokens = worst_case(messages, settings)
    ensure_within(task.budget, spent, started_at=task.received_at, now=now, tokens=tokens, limits=QUESTION)
    with metered() as tab:
        reply = await model.ask(messages, answer, settings=settings)
    reply = replace(reply, usage=tab.usage)  # those who were asked before and failed are paid for, too
    announce(
        "model_called",
        reply.model,
        tokens_in=reply.usage.tokens_in,
        tokens_out=reply.usage.tokens_out,
        cost=str(reply.usage.cost),
        latency_ms=round(reply.latency_ms, 1),
    )
    return reply
