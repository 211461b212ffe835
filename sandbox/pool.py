"""A backend made of a backend: sandboxes that are started before they are asked for.

Each is used once and thrown away; what is warm was never anybody's. Equal specs share a shelf, and a
profile makes no difference: egress is opened for a lease, not built into a container.
"""

import asyncio
import contextlib
import logging
import time
from collections import defaultdict, deque
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from typing import Any

from domain import SandboxLost, SignoffError
from sandbox.contract import Backend, Check, Sandbox, Spec

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Warm:
    """A sandbox on the shelf, and since when it stands there."""

    sandbox: Sandbox
    since: float


class Pool:
    """Keeps ``size`` warm sandboxes of every spec that was asked for, at most ``most`` in all.

    Args:
        backend: who starts them.
        size: how many of one spec.
        most: how many on all shelves; the shelf that was used longest ago gives way.
        idle_s: how long one may stand there.
        at_once: how many are started at the same time.
    """

    def __init__(
        self, backend: Backend, *, size: int = 2, most: int = 8, idle_s: float = 1_800.0, at_once: int = 2
    ) -> None:
        self._backend, self._size, self._most, self._idle_s = backend, size, most, idle_s
        self._shelves: defaultdict[Spec, deque[Warm]] = defaultdict(deque)
        self._starting: defaultdict[Spec, int] = defaultdict(int)
        self._turns = asyncio.Semaphore(at_once)
        self._tasks: set[asyncio.Task[None]] = set()
        self._open = True
        self._tending: asyncio.Task[None] | None = None

    async def lease(self, spec: Spec, *, run: str = "") -> Sandbox:
        """See ``Backend.lease``: a warm one that answers, else a new one."""
        kind = _kind(spec)
        sandbox = await self._take(kind)
        self.warm(spec)
        if sandbox is None:
            return await self._backend.lease(spec, run=run)
        try:
            await sandbox.permit(spec.profile, run=run)
        except BaseException:
            self._do(sandbox.close())
            raise
        return sandbox

    def warm(self, spec: Spec) -> None:
        """Start what is missing on the shelf of this spec, in the background."""
        kind = _kind(spec)
        shelf = self._shelves.pop(kind, deque())
        self._shelves[kind] = shelf  # now the one that was used last
        while self._open and len(shelf) + self._starting[kind] < self._size:
            self._starting[kind] += 1
            self._do(self._start(kind))
        if self._tending is None and self._open:
            self._tending = asyncio.create_task(self._tend())

    async def settled(self) -> None:
        """Come back when nothing is being started or closed any more."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def check(self, spec: Spec) -> tuple[Check, ...]:
        """See ``Backend.check``."""
        return await self._backend.check(spec)

    async def close(self) -> None:
        """Throw everything away that is warm or being started, and what the backend still holds."""
        self._open = False
        if self._tending is not None:
            self._tending.cancel()
            await asyncio.gather(self._tending, return_exceptions=True)
        await self.settled()
        await asyncio.gather(*(warm.sandbox.close() for shelf in self._shelves.values() for warm in shelf))
        self._shelves.clear()
        await self._backend.close()

    async def _take(self, kind: Spec) -> Sandbox | None:
        shelf = self._shelves[kind]
        while shelf:
            warm = shelf.popleft()
            with contextlib.suppress(SandboxLost):
                if time.monotonic() - warm.since < self._idle_s:
                    await warm.sandbox.ping()
                    return warm.sandbox
            self._do(warm.sandbox.close())
        return None

    async def _start(self, kind: Spec) -> None:
        try:
            async with self._turns:
                if not self._open:
                    return
                sandbox = await self._backend.lease(kind)
        except SignoffError as error:
            _LOG.warning("no sandbox could be started ahead: %s", error)
            return
        finally:
            self._starting[kind] -= 1
        shelf = self._shelves[kind]
        for warm in [warm for warm in shelf if warm.sandbox.image_digest != sandbox.image_digest]:
            shelf.remove(warm)  # the image was built anew
            self._do(warm.sandbox.close())
        shelf.append(Warm(sandbox, time.monotonic()))
        self._make_room()

    def _make_room(self) -> None:
        """Close what is too much, from the shelf that was used longest ago."""
        while sum(map(len, self._shelves.values())) > self._most:
            oldest = next(shelf for shelf in self._shelves.values() if shelf)
            self._do(oldest.popleft().sandbox.close())

    async def _tend(self) -> None:
        """Close what stands there for too long."""
        while True:
            await asyncio.sleep(min(60.0, self._idle_s))
            now = time.monotonic()
            for shelf in self._shelves.values():
                while shelf and now - shelf[0].since >= self._idle_s:
                    self._do(shelf.popleft().sandbox.close())

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _kind(spec: Spec) -> Spec:
    return replace(spec, profile="sealed")
