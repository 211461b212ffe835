"""Ask a model within the run's budget."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from domain import QUESTION, Spent, Task, ensure_within
from models import Message, Model, ModelSettings, Question, Reply, Usage, metered
from nodes._announce import announce

T = TypeVar("T")


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
    settings: ModelSettings,
    task: Task,
    spent: Spent,
    now: datetime,
) -> Reply[T]:
    """Ask, while the run has steps, minutes and money left. What the call itself may use is checked by its ledger.

    Raises:
        Exhausted: before anything was sent.
        everything ``Model.ask`` raises.
    """
    ensure_within(task.budget, spent, started_at=task.received_at, now=now, limits=QUESTION)
    with metered() as meter:
        reply = await model.ask(Question(messages, answer, settings=settings))
    reply = replace(reply, usage=meter.usage)  # those who were asked before and failed are paid for, too
    announce(
        "model_called",
        reply.model,
        tokens_in=reply.usage.tokens_in,
        tokens_out=reply.usage.tokens_out,
        cost=str(reply.usage.cost),
        latency_ms=round(reply.latency_ms, 1),
    )
    return reply
