"""Who hears of a stretch of work while it goes on."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from langgraph.runtime import RunControl
from pydantic import TypeAdapter

from domain import Event

Listen = Callable[[Event], None]
Hear = Callable[[tuple[str, ...], str, Any], None]
"""Takes what LangGraph streams: namespace, mode, chunk."""
STEPWISE = frozenset({"values", "updates", "debug", "tasks", "checkpoints"})
"""Stream modes that say something at the end of a step; the others say a lot inside of one."""
_EVENT = TypeAdapter(Event)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Somebody who wants more than our own events."""

    modes: tuple[str, ...]
    """LangGraph's stream modes, ``custom`` included where it is wanted."""
    hear: Hear
    kept: Callable[[], Awaitable[None]]
    """Awaited before a step's checkpoint: what was heard of it must not be lost when the checkpoint is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hearing:
    """Who hears of a stretch of work, and who may end it early."""

    listen: Listen | None
    watch: Watch | None
    control: RunControl | None

    async def hear(self, run: str, space: tuple[str, ...], mode: str, chunk: Any) -> None:
        """Pass on what LangGraph streams; it waits meanwhile."""
        if mode == "custom" and self.listen is not None:
            self.listen(replace(_EVENT.validate_python(chunk), run=run))
        if self.watch is None:
            return
        if mode in self.watch.modes:
            self.watch.hear(space, mode, chunk)
        if mode in STEPWISE or (mode == "custom" and chunk["kind"] == "node_ended"):
            await self.watch.kept()
