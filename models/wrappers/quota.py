"""A model that is asked no more often than a policy allows (F3)."""

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from sqlalchemy import delete, func, insert, select

from domain import RateLimited, Refused, value
from models.contract import Heard, Message, Model, Reply, Settings
from models.policy import Limits
from models.tables import CALLS, Database, alone

MINUTE = 60.0


@value
class Window:
    """At most ``calls`` calls since ``since`` (seconds of the epoch)."""

    calls: int
    since: float


@value
class Full:
    """A window without room, and when its oldest call was: that is when there will be room."""

    window: Window
    oldest: float


class Counters(Protocol):
    """Remembers when somebody was called, for everybody who shares it."""

    async def take(self, name: str, *, at: float, windows: tuple[Window, ...]) -> Full | None:
        """Count one call at ``at``, unless a window is full: then return it, the first one.

        One step: two callers never share the last place.
        """
        ...


@dataclass(frozen=True, slots=True)
class MemoryCounters:
    """Counters of one process."""

    calls: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    async def take(self, name: str, *, at: float, windows: tuple[Window, ...]) -> Full | None:
        """See ``Counters.take``."""
        past = self.calls[name]
        for window in windows:
            inside = [when for when in past if when > window.since]
            if len(inside) >= window.calls:
                return Full(window=window, oldest=min(inside, default=at))
        oldest = min((window.since for window in windows), default=at)
        past[:] = [*(when for when in past if when > oldest), at]
        return None


T = TypeVar("T")

DAY = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """Count each call before it is sent. ``counted_as`` is the name that shares the quota: a provider, a model."""

    model: Model
    limits: Limits
    counters: Counters
    counted_as: str
    called: str = ""
    """What it is called in messages; ``counted_as`` where nothing is said."""
    clock: Callable[[], float] = time.time

    @property
    def name(self) -> str:
        return self.model.name

    async def ask(
        self, messages: Sequence[Message], answer: type[T], *, settings: Settings, heard: Heard | None = None
    ) -> Reply[T]:
        """See ``Model.ask``.

        Raises:
            RateLimited: the minute is full; ``retry_after`` says when there is room.
            Refused: ``quota_reached``, the day is full.
        """
        await self._count()
        return await self.model.ask(messages, answer, settings=settings, heard=heard)

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
            raise RateLimited(f"{self.called or self.counted_as} may be asked {full.window.calls} times a minute.",
                              retry_after=max(0.0, full.oldest + MINUTE - now), hint="It is tried again.")  # fmt: skip
        raise Refused(f"{self.called or self.counted_as} may be asked {full.window.calls} times a day, and was.",
                      code="quota_reached", hint="Wait until midnight UTC, or change its quota.")  # fmt: skip


def _window(calls: int | None, since: float) -> tuple[Window, ...]:
    return () if calls is None else (Window(calls=calls, since=since),)


_C = CALLS.c


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCounters:
    """See ``Counters``."""

    database: Database

    async def take(self, name: str, *, at: float, windows: tuple[Window, ...]) -> Full | None:
        """See ``Counters.take``."""
        async with self.database.write() as connection:
            await alone(connection, name)
            for window in windows:
                query = select(func.count(), func.min(_C.at)).where(_C.name == name, _C.at > window.since)
                count, oldest = (await connection.execute(query)).one()
                if count >= window.calls:
                    return Full(window=window, oldest=at if oldest is None else oldest)
            since = min((window.since for window in windows), default=at)
            await connection.execute(delete(CALLS).where(_C.name == name, _C.at <= since))
            await connection.execute(insert(CALLS).values(name=name, at=at))
        return None
