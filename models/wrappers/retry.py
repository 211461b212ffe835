"""Retry wrapper: asks again after transient errors, as often as it makes sense, within the caller's deadline."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from domain import RateLimited, Transient, Unreadable
from models.contract import Question, Reply, Wrapper

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
                wait = self._pause(error, attempt)
                if self.clock() + wait >= ends_at:
                    raise  # there would be no time left for an answer
            await self.pause(wait)
        return await self.model.ask(_within(question, max(ends_at - self.clock(), 0.001)))

    def _pause(self, error: Transient, attempt: int) -> float:
        if isinstance(error, RateLimited) and error.retry_after is not None:
            return error.retry_after
        backoff = min(self.longest_pause_s, self.first_pause_s * 2 ** (attempt - 1))
        return backoff * (0.5 + self.jitter() / 2)


def _within(question: Question[T], left_s: float) -> Question[T]:
    return replace(question, settings=replace(question.settings, timeout_s=left_s))
