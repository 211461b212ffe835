"""aiosqlite's face, as langgraph's checkpoint saver knows it, over a connection that works without a thread."""

from collections.abc import AsyncGenerator, Coroutine, Generator, Sequence
from dataclasses import dataclass
from typing import Any

from approvals import SqliteConnection


@dataclass(frozen=True, slots=True)
class InlineCursor:
    """What was executed last, and its rows."""

    cursor: Any

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> "InlineCursor":
        """See ``aiosqlite``."""
        await self.cursor.run(sql, parameters)
        return self

    async def executemany(self, sql: str, rows: Sequence[Any]) -> "InlineCursor":
        """See ``aiosqlite``."""
        await self.cursor.run_all(sql, rows)
        return self

    async def fetchone(self) -> Any:
        """See ``aiosqlite``."""
        return self.cursor.fetchone()

    async def fetchall(self) -> list[Any]:
        """See ``aiosqlite``."""
        return self.cursor.fetchall()

    async def __aiter__(self) -> AsyncGenerator[Any]:
        for row in self.cursor.fetchall():
            yield row


@dataclass(frozen=True, slots=True)
class Executing:
    """A cursor to be: awaited, or entered."""

    work: Coroutine[Any, Any, InlineCursor]

    def __await__(self) -> Generator[Any, Any, InlineCursor]:
        return self.work.__await__()

    async def __aenter__(self) -> InlineCursor:
        return await self.work

    async def __aexit__(self, *_: object) -> None:
        """Nothing is left open: rows are fetched with their statement."""


@dataclass(frozen=True, slots=True)
class Inline:
    """An ``aiosqlite.Connection``."""

    connection: SqliteConnection
    _thread: None = None
    """Looked at to know whether it was started; it needs no start."""

    def __await__(self) -> Generator[Any, Any, "Inline"]:
        yield from ()
        return self

    def cursor(self) -> Executing:
        """See ``aiosqlite``."""

        async def made() -> InlineCursor:
            return InlineCursor(self.connection.cursor())

        return Executing(made())

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Executing:
        """See ``aiosqlite``."""
        return Executing(InlineCursor(self.connection.cursor()).execute(sql, parameters))

    def executescript(self, script: str) -> Executing:
        """See ``aiosqlite``. For the schema, when the file is opened."""

        async def ran() -> InlineCursor:
            return InlineCursor(self.connection.executescript(script))

        return Executing(ran())

    async def commit(self) -> None:
        """See ``aiosqlite``."""
        self.connection.commit()

    def rollback(self) -> None:
        """Take the transaction back."""
        self.connection.rollback()

    def close(self) -> None:
        """Close the file."""
        self.connection.close()
