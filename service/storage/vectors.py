"""Vectors of texts that runs remember: each text is embedded once by a model, whatever process asks.

They are kept by the hash of their text, as bytes in SQLite and as ``real[]`` in PostgreSQL, whose extension pgvector
takes that as it is. A few hundred of them are compared exactly, in this process: an approximate index, or a trip to the
database for the comparison, pays from some ten thousand on.
"""

import hashlib
from array import array
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import Column, LargeBinary, String, Table, insert, select, update
from sqlalchemy.dialects.postgresql import ARRAY, REAL
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.types import TypeDecorator

from database import UtcDateTime, reading, writing
from service.tables import METADATA

KEPT_FOR = timedelta(days=90)
"""After it was used last; the next question makes it anew."""
TOUCHED = timedelta(days=1)
"""How often it is written down that one is used."""


class FloatVector(TypeDecorator[Sequence[float]]):
    """Numbers of single precision."""

    impl = LargeBinary
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        return dialect.type_descriptor(cast("Any", ARRAY(REAL) if dialect.name == "postgresql" else LargeBinary()))

    def process_bind_param(self, value: Sequence[float] | None, dialect: Dialect) -> Any:
        return value if value is None or dialect.name == "postgresql" else array("f", value).tobytes()

    def process_result_value(self, value: Any, dialect: Dialect) -> Sequence[float] | None:
        return value if value is None or dialect.name == "postgresql" else array("f", value)


VECTORS = Table(
    "memory_vectors",
    METADATA,
    Column("org", String(200), primary_key=True),
    Column("digest", String(64), primary_key=True),
    Column("model", String(300), primary_key=True),
    Column("vector", FloatVector, nullable=False),
    Column("used_at", UtcDateTime, nullable=False, index=True),
)
_V = VECTORS.c


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedEmbeddings:
    """Vectors of one organisation's texts by one model. Texts themselves are not kept here."""

    engine: AsyncEngine
    org: str
    model: str
    """Its name and its address: two models of one name have other vectors."""
    embed: Callable[[Sequence[str]], Awaitable[Sequence[Sequence[float]]]]
    clock: Callable[[], datetime]

    async def __call__(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """One vector for each text, all of one length. Raises as ``embed`` does."""
        digests = [hashlib.sha256(text.encode(errors="replace")).hexdigest() for text in texts]
        mine = (_V.org == self.org) & (_V.model == self.model) & _V.digest.in_(digests)
        now = self.clock()
        async with reading(self.engine) as conn:
            rows = (await conn.execute(select(_V.digest, _V.vector, _V.used_at).where(mine))).all()
        known = {str(row.digest): row.vector for row in rows}
        if any(now - row.used_at > TOUCHED for row in rows):
            async with writing(self.engine) as conn:
                await conn.execute(update(VECTORS).where(mine).values(used_at=now))
        missing = {digest: text for digest, text in zip(digests, texts, strict=True) if digest not in known}
        fresh = dict(zip(missing, await self.embed(list(missing.values())), strict=True)) if missing else {}
        # An endpoint that changed its model under the same name has other lengths: all are asked for anew.
        if len({len(vector) for vector in (*known.values(), *fresh.values())}) > 1:
            fresh = dict(zip(digests, await self.embed(list(texts)), strict=True))
        await self._keep(fresh)
        known |= fresh
        return [known[digest] for digest in digests]

    async def _keep(self, fresh: dict[str, Sequence[float]]) -> None:
        now = self.clock()
        for digest, vector in fresh.items():
            here = (_V.org == self.org) & (_V.model == self.model) & (_V.digest == digest)
            async with writing(self.engine) as conn:
                if (await conn.execute(update(VECTORS).where(here).values(vector=vector, used_at=now))).rowcount:
                    continue
            row = {"org": self.org, "digest": digest, "model": self.model, "vector": vector, "used_at": now}
            try:
                async with writing(self.engine) as conn:
                    await conn.execute(insert(VECTORS).values(**row))
            except IntegrityError:  # another process embedded the same text
                continue
