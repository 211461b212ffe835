"""A server that is started again whenever it died, until its runs have ended."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.chaos.asking import newest, sign_all
from tests.chaos.mortal import Doom
from tests.chaos.nursery import Child, Nursery, free_port
from tests.chaos.serving import doom_of

WITHIN_S = 120.0
ENDS = frozenset({"success", "error"})


@dataclass(slots=True)
class Life:
    """One folder, one server after another."""

    born: Nursery
    folder: Path
    given: dict[str, Any] = field(default_factory=dict[str, Any])
    helping: dict[str, Any] | None = None
    """What a second process gets that works on the same database; None: there is none."""
    port: int = field(default_factory=free_port)
    deaths: int = 0
    _child: Child | None = None
    _helper: Child | None = None

    @property
    def doom(self) -> Doom:
        return doom_of(self.folder)

    @property
    def child(self) -> Child:
        assert self._child is not None
        return self._child

    @property
    def deliveries(self) -> Counter[str]:
        """How often each thread was delivered, by the quick colleagues."""
        book = self.folder / "deliveries"
        return Counter(book.read_text().split() if book.exists() else ())

    def last_node(self) -> str:
        """The node that had begun last since somebody asked."""
        file = self.folder / "last"
        name = file.read_text() if file.exists() else "none"
        file.unlink(missing_ok=True)
        return name or "none"

    @property
    def helper(self) -> Child:
        assert self._helper is not None
        return self._helper

    async def help(self) -> None:
        """A living helper; the old one is dead."""
        if self._helper is not None:
            await self._helper.kill()
            self.deaths += 1
        if self.helping is not None:
            self._helper = await self.born.start(self.folder, free_port(), **{**self.given, **self.helping})

    async def start(self) -> Child:
        """A living server; the old one is dead."""
        if self._helper is None:
            await self.help()
        if self._child is not None:
            await self._child.kill()
            self.deaths += 1
        self._child = await self.born.start(self.folder, self.port, **self.given)
        while not self._child.key:  # it died at its start, as it may have been told to
            self.deaths += 1
            self._child = await self.born.start(self.folder, self.port, **self.given)
        return self._child

    async def settled(self, threads: Sequence[str], *, sign: bool = True, within_s: float = WITHIN_S) -> Counter[str]:
        """Sign what has to be signed until every thread has ended; how they ended."""
        async with asyncio.timeout(within_s):
            while True:
                try:
                    if sign:
                        await sign_all(self.child)
                    found = Counter([await newest(self.child, thread) for thread in threads])
                    if sum(found[status] for status in ENDS) == len(threads):
                        return found
                except httpx.TransportError:
                    await self.child.dead()
                    await self.start()
                await asyncio.sleep(0.05)
