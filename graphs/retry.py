"""Retry of nodes: what goes wrong by itself may get better by itself, and what failed was paid for (F6, G7)."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from domain import RateLimited, Spent, Transient, Unreadable
from graphs.spans import Node
from models import metered

ATTEMPTS = 4
FIRST_S, LONGEST_S = 0.5, 30.0

Pause = Callable[[float], Awaitable[None]]


def retried(node: Node, *, pause: Pause = asyncio.sleep) -> Node:
    """Return ``node`` so that it is tried again after a ``Transient`` error, and after no other.

    The next attempt knows what the one before it used: LangGraph's own retry policy would give it the state as it
    was, and a budget would not see what failed. An endpoint that asks for a longer pause than we make ends the
    node at once: the run stands still, and its ending says when it is worth going on.
    """

    async def visit(state: Any) -> Mapping[str, Any]:
        for attempt in range(1, ATTEMPTS):
            with metered() as tab:
                try:
                    return await node(state)
                except Transient as error:
                    if (wait := seconds_before(error, attempt)) is None:
                        raise
            state = _paid(state, tab.spent)
            await pause(wait)
        # The last attempt: what it raises is the run's own error.
        return await node(state)

    return visit


def seconds_before(error: Transient, attempt: int, *, jitter: Callable[[], float] = random.random) -> float | None:
    """How long to wait before the next attempt; None: longer than we do, or it would be of no use.

    An answer that nobody could read was corrected once already: asked the same again, a model answers the same.
    """
    if isinstance(error, Unreadable):
        return None
    # Half of it is chance: nodes that failed together do not come back together.
    backoff = min(LONGEST_S, FIRST_S * 2 ** (attempt - 1)) * (0.5 + jitter() / 2)
    asked = error.retry_after if isinstance(error, RateLimited) else None
    if asked is None:
        return backoff
    return None if asked > LONGEST_S else max(backoff, asked)


def _paid(state: Mapping[str, Any], lost: Spent) -> Mapping[str, Any]:
    spent = state.get("spent")
    return {**state, "spent": spent + lost} if isinstance(spent, Spent) else state
