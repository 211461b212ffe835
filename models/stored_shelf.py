"""Answers kept in the database, so that every process of an installation finds them."""

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, desc, insert, select, update

from models.tables import ANSWERS, Database, alone

_A = ANSWERS.c


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredShelf:
    """See ``Shelf``."""

    database: Database
    clock: Callable[[], float] = time.time

    async def get(self, key: str) -> str | None:
        """See ``Shelf.get``."""
        async with self.database.engine.connect() as connection:
            query = select(_A.text).where(_A.key == key, _A.until > self.clock())
            return (await connection.execute(query)).scalar_one_or_none()

    async def put(self, key: str, text: str, *, for_s: float, shelf: str = "", words: str = "") -> None:
        """See ``Shelf.put``; what is too old goes."""
        now, row = self.clock(), {"shelf": shelf, "words": words, "text": text}
        async with self.database.write() as connection:
            await alone(connection, key)
            await connection.execute(delete(ANSWERS).where(_A.until <= now))
            changed = await connection.execute(update(ANSWERS).where(_A.key == key).values(until=now + for_s, **row))
            if not changed.rowcount:
                await connection.execute(insert(ANSWERS).values(key=key, until=now + for_s, **row))

    async def beside(self, shelf: str, *, most: int = 200) -> Sequence[tuple[str, str]]:
        """See ``Shelf.beside``."""
        async with self.database.engine.connect() as connection:
            query = (
                select(_A.words, _A.text)
                .where(_A.shelf == shelf, _A.words != "", _A.until > self.clock())
                .order_by(desc(_A.until))
                .limit(most)
            )
            return [(row.words, row.text) for row in await connection.execute(query)]


def shelf_name(*parts: str) -> str:
    """A name for answers that may stand for each other."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
