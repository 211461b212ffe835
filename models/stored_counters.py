"""Calls that are counted in the database, for all processes together (F3)."""

from dataclasses import dataclass

from sqlalchemy import delete, func, insert, select

from models.counters import Full, Window
from models.tables import CALLS, Database, alone

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
