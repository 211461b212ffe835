"""A model that tries again, as often as it makes sense and never longer than the caller waits."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from domain import RateLimited, Transient, Unreadable
from models.contract import Heard, Message, Model, Reply, Settings

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Ask ``model`` again after a ``Transient`` error, with back-off and jitter, honouring ``retry_after``.

    ``settings.timeout_s`` bounds all attempts and pauses together. An unreadable answer was asked for
    twice already and is not asked for again.
    """

    model: Model
    attempts: int = 4
    first_pause_s: float = 0.5
    longest_pause_s: float = 20.0
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    clock: Callable[[], float] = time.monotonic
    jitter: Callable[[], float] = random.random

    @property
    def name(self) -> str:
        return self.model.name

    async def ask(
        self, messages: Sequence[Message], answer: type[T], *, settings: Settings, heard: Heard | None = None
    ) -> Reply[T]:
        """See ``Model.ask``; raises the last error when no attempt succeeded."""
        ends = self.clock() + settings.timeout_s
        for attempt in range(1, self.attempts):
            left = ends - self.clock()
            try:
                return await self.model.ask(messages, answer, settings=replace(settings, timeout_s=left), heard=heard)
            except Unreadable:
                raise
            except Transient as error:
                wait = self._pause(error, attempt)
                if self.clock() + wait >= ends:
                    raise  # there would be no time left for an answer
            await self.pause(wait)
        left = max(ends - self.clock(), 0.001)
        return await self.model.ask(messages, answer, settings=replace(settings, timeout_s=left), heard=heard)

    def _pause(self, error: Transient, attempt: int) -> float:
        if isinstance(error, RateLimited) and error.retry_after is not None:
            return error.retry_after
        backoff = min(self.longest_pause_s, self.first_pause_s * 2 ** (attempt - 1))
        return backoff * (0.5 + self.jitter() / 2)
