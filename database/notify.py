"""Notifications between processes (LISTEN/NOTIFY): what a transaction did is told when it commits.

A word is a hint to look again, never the news itself: every listener also looks from time to time, so a
word that got lost with a connection costs a second and nothing else.
"""

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import structlog
from sqlalchemy import Select, Text, UpdateBase, bindparam, func, literal_column, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

CHANNEL = "signoff"
AGAIN_S = 1.0
SILENT_S = 30.0
"""When to ask whether a connection that says nothing is still there."""
_TELL = text(f"SELECT pg_notify('{CHANNEL}', :word)")


async def tell(conn: AsyncConnection, word: str) -> None:
    """Tell every process when this transaction commits. On SQLite there is nobody else to tell."""
    if conn.dialect.name == "postgresql":
        # PostgreSQL sends it at the commit, once for equal words, and never for a transaction that is rolled back.
        await conn.execute(_TELL, {"word": word})


def telling(change: UpdateBase) -> Select[Any]:
    """One statement for PostgreSQL: a change, and ``:word`` told once for each row that it changed."""
    changed = change.returning(literal_column("1").label("one")).cte("changed")
    return select(func.pg_notify(CHANNEL, bindparam("word", type_=Text))).select_from(changed)


@dataclass(frozen=True, slots=True)
class Signals:
    """Who waits for which word in this process."""

    waiting: dict[str, set[asyncio.Event]] = field(default_factory=dict[str, set[asyncio.Event]])

    @contextmanager
    def on(self, word: str) -> Generator[asyncio.Event]:
        """An event that is set whenever the word is told. Clear it before looking."""
        event = asyncio.Event()
        self.waiting.setdefault(word, set()).add(event)
        try:
            yield event
        finally:
            self.waiting[word].discard(event)
            if not self.waiting[word]:
                del self.waiting[word]

    def heard(self, word: str) -> None:
        """Wake those who wait for it."""
        for event in self.waiting.get(word, ()):
            event.set()

    def everybody(self) -> None:
        """Something may have been missed."""
        for events in self.waiting.values():
            for event in events:
                event.set()


async def look_again(event: asyncio.Event, seconds: float = AGAIN_S) -> None:
    """Return when the event is set, or after a while without it."""
    # Not ``wait_for``: before Python 3.12 a cancellation that comes together with the event is lost in it.
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


@asynccontextmanager
async def listening(url: str | None, signals: Signals) -> AsyncGenerator[None]:
    """Pass on what other processes tell for as long as the block runs; None: there are none."""
    if url is None:
        yield
        return
    ready = asyncio.Event()
    listener = asyncio.create_task(_listen(url, signals, ready))
    try:
        # Nothing is begun before this process listens: a word that is told earlier would cost its reader a second.
        async with asyncio.timeout(30):
            await ready.wait()
        yield
    finally:
        listener.cancel()
        await asyncio.wait([listener])


async def _listen(url: str, signals: Signals, ready: asyncio.Event) -> None:
    import psycopg  # noqa: PLC0415  an extra

    while True:
        try:
            async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn:
                await conn.execute(f"LISTEN {CHANNEL}")
                ready.set()
                # What was told before, or between two connections, was heard by no one here.
                signals.everybody()
                while True:
                    async for notice in conn.notifies(timeout=SILENT_S):
                        signals.heard(notice.payload)
                    async with asyncio.timeout(SILENT_S):  # a dead connection is as silent as one without news
                        await conn.execute("SELECT 1")
        except (psycopg.OperationalError, TimeoutError) as error:
            structlog.get_logger("signoff.signals").warning("listening again", error=str(error))
        await asyncio.sleep(AGAIN_S)
