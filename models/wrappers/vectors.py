"""Stored vectors of texts: kept by hash, so that a process that starts asks for none a second time. No text is kept."""

import time
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, insert, select, update

from models.tables import VECTORS, Database, exclusive

_V = VECTORS.c
TOUCHED_S = 86_400.0
"""How exact it is known when a vector was used last: to write it each time would cost more than it tells."""
AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredVectors:
    """See ``models.clients.embedding.VectorStore``."""

    database: Database
    clock: Callable[[], float] = time.time

    async def get(self, keys: Sequence[str]) -> dict[str, Sequence[float]]:
        """See ``VectorStore.get``."""
        now, found = self.clock(), dict[str, Any]()
        async with self.database.engine.connect() as connection:
            for start in range(0, len(keys), AT_ONCE):
                query = select(VECTORS).where(_V.key.in_(keys[start : start + AT_ONCE]))
                found |= {row.key: row for row in await connection.execute(query)}
        stale = [key for key, row in found.items() if now - row.used_at > TOUCHED_S]
        if stale:
            async with self.database.write() as connection:
                await connection.execute(update(VECTORS).where(_V.key.in_(stale)).values(used_at=now))
        return {key: _unpacked(row.vector) for key, row in found.items()}

    async def put(self, vectors: Mapping[str, Sequence[float]]) -> None:
        """See ``VectorStore.put``."""
        now = self.clock()
        rows = [
            {"key": key, "vector": array("f", vector).tobytes(), "made_at": now, "used_at": now}
            for key, vector in vectors.items()
        ]
        async with self.database.write() as connection:
            # Another process may embed the same text.
            await exclusive(connection, VECTORS.name)
            await connection.execute(delete(VECTORS).where(_V.key.in_([*vectors])))
            await connection.execute(insert(VECTORS), rows)

    async def made_before(self, moment: float, keys: Sequence[str]) -> set[str]:
        """Those of ``keys`` that are not kept, or were made before ``moment``."""
        async with self.database.engine.connect() as connection:
            query = select(_V.key).where(_V.key.in_(keys), _V.made_at >= moment)
            return set(keys) - set((await connection.execute(query)).scalars())

    async def trim(self, *, used_since: float, most: int) -> None:
        """Remove what was not used since then, and of the rest what was used longest ago, beyond ``most``."""
        async with self.database.write() as connection:
            await connection.execute(delete(VECTORS).where(_V.used_at < used_since))
            newest = select(_V.key).order_by(_V.used_at.desc())
            if (await connection.execute(newest.offset(most).limit(1))).first() is not None:
                await connection.execute(delete(VECTORS).where(_V.key.not_in(newest.limit(most))))

    async def count(self) -> int:
        """How many there are."""
        async with self.database.engine.connect() as connection:
            return (await connection.execute(select(func.count()).select_from(VECTORS))).scalar_one()

    async def clear(self) -> int:
        """Remove all; how many there were."""
        async with self.database.write() as connection:
            return (await connection.execute(delete(VECTORS))).rowcount


def _unpacked(data: bytes) -> Sequence[float]:
    numbers = array("f")
    numbers.frombytes(data)
    return tuple(numbers)
