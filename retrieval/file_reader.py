"""File reader: many files of a tree, in bounded time."""

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from domain import SignoffError
from retrieval.contract import Reads, ReadsMany
from retrieval.file_filter import MAX_BYTES, is_text

AT_ONCE = 32
"""Files that are asked for at the same time."""
TOGETHER = 256
"""Files that are asked for in one go, of those who can."""

Text = tuple[str, bytes]
"""A path and its content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundedReader:
    """Reads texts until ``until`` (on ``clock``); what was read by then is what there is."""

    reads: Reads
    clock: Callable[[], float]

    async def texts(self, paths: Sequence[str], *, until: float) -> list[Text]:
        """Return the files that are text and can be read, in the order of ``paths``."""

        async def read(path: str) -> bytes | None:
            try:
                return await self.reads.read(path)
            except SignoffError:
                # A submodule, a dangling link, a file over the store's own limit: searched without it.
                return None

        step = TOGETHER if isinstance(self.reads, ReadsMany) else AT_ONCE
        texts: list[Text] = []
        for start in range(0, len(paths), step):
            if self.clock() > until:
                break
            batch = paths[start : start + step]
            if isinstance(self.reads, ReadsMany):
                contents: Mapping[str, bytes | None] = await self.reads.read_many(batch, limit=MAX_BYTES)
            else:
                contents = dict(zip(batch, await asyncio.gather(*map(read, batch)), strict=True))
            texts += [(path, data) for path in batch if (data := contents.get(path)) is not None and is_text(data)]
        return texts


@dataclass(slots=True)
class LoadedTexts:
    """Texts that were read already, as ``ReadsMany`` and ``Versioned``."""

    texts: Mapping[str, bytes]
    _versions: dict[str, str] | None = None

    async def versions(self) -> Mapping[str, str]:
        if self._versions is None:
            hashed = ((path, hashlib.sha1(data, usedforsecurity=False)) for path, data in self.texts.items())
            self._versions = {path: digest.hexdigest() for path, digest in hashed}
        return self._versions

    async def private(self) -> frozenset[str]:
        return frozenset()

    async def files(self) -> Sequence[str]:
        return tuple(self.texts)

    async def read(self, path: str) -> bytes:
        return self.texts[path]

    async def read_many(self, paths: Sequence[str], *, limit: int) -> Mapping[str, bytes]:
        return {path: data for path in paths if (data := self.texts.get(path)) is not None and len(data) <= limit}
