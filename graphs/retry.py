"""Retry of nodes: what goes wrong by itself may get better by itself, and what failed was paid for (F6, G7)."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from domain import Spent, Transient
from domain.limits import ATTEMPTS, seconds_before
from graphs.spans import Node
from models import metered

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


def _paid(state: Mapping[str, Any], lost: Spent) -> Mapping[str, Any]:
    spent = state.get("spent")
    return {**state, "spent": spent + lost} if isinstance(spent, Spent) else state
