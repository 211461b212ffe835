"""Dispatcher: what performs turns promises, one at a time for each thread, and none is lost.

Two keep this: ``EmbeddedDispatcher`` (this process, SQLite) and ``DistributedDispatcher`` (any number of
processes, PostgreSQL). ``tests/contract/test_engines.py`` holds both to the same promises.
"""

from collections.abc import AsyncGenerator, Mapping
from typing import Any, Literal, Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from database import Signals
from service.runs.turns import Turn

Stop = Literal["interrupt", "rollback"]


class EventSink(Protocol):
    """Where a turn says what happens in it."""

    modes: tuple[str, ...]
    """What its client wants to hear."""
    result: Mapping[str, Any] | None
    """The final values, for those who wait in the same process."""

    def say(self, event: str, data: Any) -> None:
        """Tell everybody who listens."""
        ...

    async def kept(self) -> None:
        """Return when everything that was said would survive the end of this process."""
        ...


class EventStream(Protocol):
    """What a turn says, heard in any process, now or later."""

    @property
    def result(self) -> Mapping[str, Any] | None:
        """The final values, where they are known without reading them again."""
        ...

    def listen(self, after: str | None = None) -> AsyncGenerator[bytes]:
        """Server-sent events behind this id; all of them for None or an id nobody knows. Ends with the turn."""
        ...

    def numbered(self, after: int = 0) -> AsyncGenerator[tuple[int, str, bytes] | None]:
        """Number, name and body of each event behind this one; None where it was silent for a while."""
        ...


class Dispatcher(Protocol):
    """Gets turns performed."""

    @property
    def name(self) -> str:
        """``embedded`` or ``distributed``."""
        ...

    @property
    def signals(self) -> Signals:
        """Tells ``turn:ID`` when something was said or ended there, ``thread:ID`` when it got another turn."""
        ...

    async def start(self) -> None:
        """Begin to work, also on what was left unfinished."""
        ...

    async def enqueue(self, conn: AsyncConnection, turn: Turn) -> None:
        """Have a new turn performed once the transaction that writes its row is committed and it is submitted."""
        ...

    async def withdraw(self, turn: Turn) -> None:
        """That transaction broke, or a turn that was there before came back from it."""
        ...

    async def submit(self, turn: Turn, *, enqueued: bool = False) -> EventStream | None:
        """Have a turn performed after those of its thread that came before. Its row is written already.

        Submitting one twice changes nothing. ``enqueued``: ``enqueue`` did so, with its row.
        """
        ...

    def hear(self, turn: Turn) -> EventStream | None:
        """What a turn says and said; None where nothing of it is known."""
        ...

    async def done(self, turn: Turn) -> None:
        """Return when the turn has ended, wherever it is performed."""
        ...

    async def stop(self, turn: Turn, how: Stop, reason: str) -> None:
        """Stop a turn, working or waiting, and come back when nothing of it runs any more.

        ``interrupt`` keeps what it did; ``rollback`` takes its thread back to where it began, and forgets it.
        """
        ...

    async def look(self) -> None:
        """Find what nobody works on although somebody should: called from time to time."""
        ...

    async def drop_ended(self, hours: int) -> None:
        """Drop what is left of jobs that ended longer ago than that."""
        ...

    def drain(self) -> None:
        """Begin nothing new, and bring what works here to its next step. Comes back at once."""
        ...

    async def close(self) -> None:
        """Drain, wait for that for a while, and leave the rest to the next process."""
        ...
