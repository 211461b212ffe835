"""SQLite driver for SQLAlchemy, without a thread behind every connection, and its write-ahead log.

aiosqlite hands each call of the driver to a thread and its answer back. A run needed some three hundred of
those trips, and under load both threads wait for the interpreter most of the time, while a short statement
takes ten microseconds. So short statements are executed at once, in the event loop. What may take longer
goes to a thread: a ``SELECT`` that is not done after ``STEPS``, everything that sweeps over whole tables,
and bringing the log home (``fsync``). No lock is waited for here: SQLite says at once that somebody has it,
and it is asked again a little later.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy.util import await_only
from typing_extensions import override

EVERY = 100
"""Commits after which the log is brought home."""


@dataclass(slots=True)
class SqliteLog:
    """The write-ahead log of one file: a thread brings it home from time to time, so that no commit has to."""

    path: Path
    commits: int = 0
    under_way: "asyncio.Future[None] | None" = field(default=None, repr=False)

    def grew(self) -> None:
        """Count a commit."""
        self.commits += 1
        # One at a time: a second one would find the log busy, and do nothing.
        if self.commits % EVERY == 0 and (self.under_way is None or self.under_way.done()):
            self.under_way = asyncio.get_running_loop().run_in_executor(None, self._bring_home)

    def _bring_home(self) -> None:
        # ``rw`` makes no file: of a home that was deleted meanwhile nothing comes back.
        # Where the file is gone or somebody is at it, nothing is lost: the next one does it.
        with suppress(sqlite3.Error), closing(sqlite3.connect(f"{self.path.as_uri()}?mode=rw", uri=True)) as connection:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()


def empty_log(path: Path) -> None:
    """Bring the whole log of a file home and empty it: what was overwritten is in no old page of it, either.

    Where somebody reads or writes just now it stays as it is, until the next time.
    """
    with (
        suppress(sqlite3.Error),
        closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)) as connection,
    ):
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "wal_autocheckpoint=8000", "busy_timeout=0")
"""WAL keeps what a killed process had committed; only a power cut can cost the last steps, never the file.
A commit brings the log home by itself only when that grew far beyond what ``SqliteLog`` lets it."""
STEPS = 10_000
"""Of SQLite's machine, about a millisecond: what a ``SELECT`` may take before a thread begins it anew."""
SHORT = frozenset({"INSERT", "UPDATE", "BEGIN", "BEGIN "})
"""Beginnings of what is executed at once, besides ``SELECT`` within its bounds."""
FEW = 100
"""Rows that are written at once."""
PATIENCE_S = 10.0
"""How long a lock of another process is waited for."""

T = TypeVar("T")


class SqliteConnection(sqlite3.Connection):
    """One connection, for one task at a time."""

    log: SqliteLog
    written = 0
    """Rows it changed until the last commit."""
    bounded = False
    """Whether the statement that works now gives up after ``STEPS``."""

    @override
    def cursor(self, *_: Any, **__: Any) -> "Cursor":  # type: ignore[override]
        """See ``sqlite3``."""
        return Cursor(self)

    @override
    def commit(self) -> None:
        """See ``sqlite3``."""
        super().commit()
        # A transaction that only read leaves the log as it is.
        if self.total_changes != self.written:
            self.written = self.total_changes
            self.log.grew()

    @property
    def _connection(self) -> "SqliteConnection":  # SQLAlchemy's name for what the driver made
        return self

    terminate = sqlite3.Connection.close


class Cursor(sqlite3.Cursor):
    """One statement; its rows are fetched with it. Inside SQLAlchemy's greenlets only, but for ``run``."""

    _at: SqliteConnection
    _rows: "list[Any]"

    def __init__(self, connection: SqliteConnection) -> None:
        super().__init__(connection)
        self._at, self._rows = connection, []

    @override
    def execute(self, sql: str, parameters: Any = (), /) -> "Cursor":  # type: ignore[override]
        """See ``sqlite3``."""
        await_only(self.run(sql, parameters))
        return self

    @override
    def executemany(self, sql: str, seq_of_parameters: Any, /) -> "Cursor":  # type: ignore[override]
        """See ``sqlite3``."""
        await_only(self.run_all(sql, list(seq_of_parameters)))
        return self

    async def run(self, sql: str, parameters: Any = ()) -> "Cursor":
        """Execute a statement and fetch its rows.

        Raises:
            sqlite3.OperationalError: as SQLite does; *locked* once another process had it for ``PATIENCE_S``.
        """
        until, pause = 0.0, 0.001
        while True:
            try:
                # DELETE is not among them: what erases a thread or a day may go through a whole table.
                if sql[:6] in SHORT:
                    self._now(sql, parameters)
                elif sql[:6] != "SELECT" or not self._soon(sql, parameters):
                    await _aside(self._at, partial(self._now, sql, parameters))
            except sqlite3.OperationalError as error:
                # Counted from the first refusal on: a statement may work for as long as it needs.
                until = until or time.monotonic() + PATIENCE_S
                # The low byte is the kind; BUSY_SNAPSHOT and BUSY_RECOVERY are BUSY with more detail.
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                    raise
            else:
                return self
            await asyncio.sleep(pause)
            pause = min(2 * pause, 0.05)

    def _now(self, sql: str, parameters: Any) -> None:
        super().execute(sql, parameters)
        self._rows = super().fetchall() if self.description else []

    def _soon(self, sql: str, parameters: Any) -> bool:
        """Execute a statement that only reads; False when it takes longer."""
        self._at.bounded = True
        try:
            self._now(sql, parameters)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
                raise
            return False
        finally:
            self._at.bounded = False
        return True

    async def run_all(self, sql: str, rows: Sequence[Any]) -> None:
        """Execute a statement once for each row."""
        self._rows = []
        work = partial(super().executemany, sql, rows)
        if len(rows) <= FEW:
            work()
        else:
            await _aside(self._at, work)

    @override
    def fetchone(self) -> Any:
        """See ``sqlite3``."""
        return self._rows.pop(0) if self._rows else None

    @override
    def fetchmany(self, size: int | None = None) -> "list[Any]":  # type: ignore[override]
        """See ``sqlite3``."""
        count = self.arraysize if size is None else size
        rows, self._rows = self._rows[:count], self._rows[count:]
        return rows

    @override
    def fetchall(self) -> "list[Any]":
        """See ``sqlite3``."""
        rows, self._rows = self._rows, []
        return rows

    async def _async_soft_close(self) -> None:
        """SQLAlchemy's: rows that were fetched stay."""


async def _aside(connection: SqliteConnection, call: Callable[[], T]) -> T:
    """What ``call`` returns, from a thread. The thread is done with it when this returns, cancelled or not."""
    work = asyncio.ensure_future(asyncio.to_thread(call))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        # The connection goes to another task next, and no thread may be at it then.
        connection.interrupt()
        await asyncio.wait([work])
        raise


@dataclass(slots=True)
class Driver:
    """A DBAPI module (PEP 249) for SQLAlchemy's asynchronous dialect of SQLite, in place of aiosqlite."""

    log: SqliteLog
    paramstyle: str = "qmark"
    has_stop: bool = True

    def __getattr__(self, name: str) -> Any:
        return getattr(sqlite3, name)

    def connect(self, *_: Any, **__: Any) -> SqliteConnection:
        """A connection to the file of the log."""
        return open_sqlite(self.log)


def open_sqlite(log: SqliteLog) -> SqliteConnection:
    """Open a file; its statements are executed as this module's first lines say."""
    # ``isolation_level`` None: the driver begins no transaction of its own, ``engine`` says when. No two threads use a
    # connection at once (``_aside`` waits), so it need not be bound to one.
    connection = sqlite3.connect(
        log.path, timeout=PATIENCE_S, isolation_level=None, check_same_thread=False, factory=SqliteConnection
    )
    for pragma in PRAGMAS:
        sqlite3.Connection.execute(connection, f"PRAGMA {pragma}")
    connection.set_progress_handler(lambda: connection.bounded, STEPS)
    connection.log = log
    return connection
