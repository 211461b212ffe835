"""List of segments: which objects of the bucket are the content of which run, as rows that all machines share."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, Column, Integer, String, Table, delete, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from database import UtcDateTime, reading, writing
from sandbox.content import ContentSegment
from service.tables import METADATA

SEGMENTS = Table(
    "content_segments",
    METADATA,
    Column("run", String(64), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("digest", String(64), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("added_at", UtcDateTime, nullable=False),
)
_S = SEGMENTS.c


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSegments:
    """A ``SegmentList`` in a database."""

    engine: AsyncEngine
    clock: Callable[[], datetime]

    async def of(self, run: str, start: int = 1) -> tuple[ContentSegment, ...]:
        """See ``SegmentList.of``."""
        listed = select(_S.number, _S.digest, _S.size_bytes).where(_S.run == run, _S.number >= start)
        async with reading(self.engine) as conn:
            rows = await conn.execute(listed.order_by(_S.number))
            return tuple(ContentSegment(int(row.number), str(row.digest), int(row.size_bytes)) for row in rows)

    async def add(self, run: str, segment: ContentSegment) -> bool:
        """See ``SegmentList.add``."""
        row = {
            "run": run,
            "number": segment.number,
            "digest": segment.digest,
            "size_bytes": segment.size_bytes,
            "added_at": self.clock(),
        }
        try:
            async with writing(self.engine) as conn:
                await conn.execute(insert(SEGMENTS).values(row))
        except IntegrityError:
            # The primary key decides which of two machines was the first.
            return False
        return True

    async def drop(self, run: str) -> None:
        """See ``SegmentList.drop``."""
        async with writing(self.engine) as conn:
            await conn.execute(delete(SEGMENTS).where(_S.run == run))
