"""Quota wrapper: asks a model no more often than a policy allows, counted across processes (F3)."""

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from sqlalchemy import delete, func, insert, select

from domain import RateLimited, Refused, value
from models.contract import Question, Reply, Wrapper
from models.policy import CallLimits
from models.tables import CALLS, Database, exclusive

T = TypeVar("T")

MINUTE, DAY = 60.0, 86_400.0


@value
class QuotaWindow:
    """At most ``calls`` calls since ``since`` (seconds of the epoch)."""

    calls: int
    since: float


@value
class FullWindow:
    """A window without room, and when its oldest call was: that is when there will be room."""

    window: QuotaWindow
    oldest: float


class Counters(Protocol):
    """Counts calls by a name that all who share a quota have in common."""

    async def take(self, name: str, *, at: float, windows: tuple[QuotaWindow, ...]) -> FullWindow | None:
        """Count one call at ``at``, unless a window is full: then return it, the first one.

        One step: two callers never share the last place.
        """
        ...


@dataclass(frozen=True, slots=True)
class MemoryCounters:
    """Counters of one process."""

    calls: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    async def take(self, name: str, *, at: float, windows: tuple[QuotaWindow, ...]) -> FullWindow | None:
        """See ``Counters.take``."""
        past = self.calls[name]
        for window in windows:
            inside = [when for when in past if when > window.since]
            if len(inside) >= window.calls:
                return FullWindow(window=window, oldest=min(inside, default=at))
        oldest = min((window.since for window in windows), default=at)
        past[:] = [*(when for when in past if when > oldest), at]
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota(Wrapper):
    """Count each call before it is sent. ``counted_as`` is the name that shares the quota: a provider, a model."""

    limits: CallLimits
    counters: Counters
    counted_as: str
    called: str = ""
    """What it is called in messages; ``counted_as`` where it has no other name."""
    clock: Callable[[], float] = time.time

    async def ask(self, question: Question[T]) -> Reply[T]:
        """See ``Model.ask``.

        Raises:
            RateLimited: the minute is full; ``retry_after`` says when there is room.
            Refused: ``quota_reached``, the day is full.
        """
        await self._count()
        return await self.model.ask(question)

    async def _count(self) -> None:
        now = self.clock()
        day = _window(self.limits.daily_calls, now - now % DAY)
        minute = _window(self.limits.rpm, now - MINUTE)
        if not (windows := (*day, *minute)):
            return
        full = await self.counters.take(self.counted_as, at=now, windows=windows)
        if full is None:
            return
        if full.window in minute and full.window.calls > 0:
            raise RateLimited(
                f"{self.called or self.counted_as} may be asked {full.window.calls} times a minute.",
                retry_after=max(0.0, full.oldest + MINUTE - now),
                hint="It is tried again.",
            )
        raise Refused(
            f"{self.called or self.counted_as} may be asked {full.window.calls} times a day, and was.",
            code="quota_reached",
            hint="Wait until midnight UTC, or change its quota.",
        )


def _window(calls: int | None, since: float) -> tuple[QuotaWindow, ...]:
    return () if calls is None else (QuotaWindow(calls=calls, since=since),)


_C = CALLS.c


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCounters:
    """See ``Counters``."""

    database: Database

    async def take(self, name: str, *, at: float, windows: tuple[QuotaWindow, ...]) -> FullWindow | None:
        """See ``Counters.take``."""
        async with self.database.write() as connection:
            await exclusive(connection, name)
            for window in windows:
                query = select(func.count(), func.min(_C.at)).where(_C.name == name, _C.at > window.since)
                count, oldest = (await connection.execute(query)).one()
                if count >= window.calls:
                    return FullWindow(window=window, oldest=at if oldest is None else oldest)
            since = min((window.since for window in windows), default=at)
            await connection.execute(delete(CALLS).where(_C.name == name, _C.at <= since))
            await connection.execute(insert(CALLS).values(name=name, at=at))
        return None
