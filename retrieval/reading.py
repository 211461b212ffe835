"""Read many files of a tree in bounded time."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from domain import SignoffError
from retrieval.contract import Reads, ReadsMany
from retrieval.worth import MAX_BYTES, is_text

AT_ONCE = 32
"""Files that are asked for at the same time."""
TOGETHER = 256
"""Files that are asked for in one go, of those who can."""

Text = tuple[str, bytes]
"""A path and its content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Reads texts until ``until`` (on ``clock``); what was read by then is what there is."""

    reads: Reads
    clock: Callable[[], float]

    async def texts(self, paths: Sequence[str], *, until: float) -> list[Text]:
        """Return the files that are text and can be read, in the order of ``paths``."""
        step = TOGETHER if isinstance(self.reads, ReadsMany) else AT_ONCE
        found: list[Text] = []
        for start in range(0, len(paths), step):
            if self.clock() > until:
                break
            found += await self._batch(paths[start : start + step])
        return [(path, data) for path, data in found if is_text(data)]

    async def _batch(self, paths: Sequence[str]) -> list[Text]:
        if isinstance(self.reads, ReadsMany):
            read = await self.reads.read_many(paths, limit=MAX_BYTES)
            return [(path, read[path]) for path in paths if path in read]
        datas = await asyncio.gather(*map(self._one, paths))
        return [(path, data) for path, data in zip(paths, datas, strict=True) if data is not None]

    async def _one(self, path: str) -> bytes | None:
        try:
            return await self.reads.read(path)
        except SignoffError:
            # A submodule, a dangling link, a file over the store's own limit: searched without it.
            return None
