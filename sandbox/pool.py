"""Pool of sandboxes, a backend made of a backend: they are started before they are asked for.

Each is used once and thrown away; what is warm was never anybody's. Equal specs share a bucket, and a
profile makes no difference: egress is opened for a lease, not built into a container.
"""

import asyncio
import contextlib
import logging
import time
from collections import defaultdict, deque
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from typing import Any

from opentelemetry import trace

from domain import SandboxLost, SignoffError
from sandbox.contract import Backend, Check, Sandbox, Spec


@dataclass(frozen=True, slots=True)
class Warm:
    """A sandbox on the shelf, and since when it stands there."""

    sandbox: Sandbox
    since: float


@dataclass(slots=True)
class Bucket:
    """What is warm of one spec, what is being started, and who waits for that."""

    warm: deque[Warm] = field(default_factory=deque)
    starting: set[asyncio.Task[None]] = field(default_factory=set)
    waiting: deque[asyncio.Future[Sandbox | None]] = field(default_factory=deque)

    def hand_over(self, sandbox: Sandbox | None) -> bool:
        """Give it (or the news that there is none) to whoever waits longest; False when nobody does."""
        while self.waiting:
            waiting = self.waiting.popleft()
            if not waiting.done():
                waiting.set_result(sandbox)
                return True
        return False


_LOG = logging.getLogger(__name__)
_TEND_S = 60.0


class Pool:
    """Keeps ``size`` warm sandboxes of every spec that was asked for, at most ``most`` in all.

    Args:
        backend: who starts them.
        size: how many of one spec.
        most: how many on all shelves; the shelf that was used longest ago gives way.
        idle_s: how long one may stand there.
        at_once: how many are started at the same time.
        tend_s: how often what stands there is looked at.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        size: int = 2,
        most: int = 8,
        idle_s: float = 1_800.0,
        at_once: int = 2,
        tend_s: float = _TEND_S,
    ) -> None:
        self._backend, self._size, self._most, self._idle_s = backend, size, most, idle_s
        self._tend_s = min(tend_s, idle_s)
        self._shelves: defaultdict[Spec, Bucket] = defaultdict(Bucket)
        self._turns = asyncio.Semaphore(at_once)
        self._tasks: set[asyncio.Task[None]] = set()
        self._open = True
        self._tending: asyncio.Task[None] | None = None

    @property
    def shelves(self) -> tuple[Bucket, ...]:
        """What is warm now."""
        return tuple(self._shelves.values())

    @property
    def counts(self) -> dict[str, int]:
        """How many are warm, are being started, and are waited for."""
        shelves = self.shelves
        return {
            "warm": sum(len(shelf.warm) for shelf in shelves),
            "starting": sum(len(shelf.starting) for shelf in shelves),
            "waiting": sum(len(shelf.waiting) for shelf in shelves),
        }

    @property
    def by_spec(self) -> tuple[tuple[Spec, Bucket], ...]:
        """The same, spec by spec, that which was used last at the end."""
        return tuple(self._shelves.items())

    async def lease(self, spec: Spec, *, run: str = "") -> Sandbox:
        """See ``Backend.lease``: a warm one that answers, else the one that is being started, else a new one."""
        kind = _kind(spec)
        sandbox = await self._take(kind)
        outcome = "miss" if sandbox is None else "hit"
        trace.get_current_span().add_event("cache", {"app.cache.kind": "sandboxes", f"app.cache.{outcome}": 1})
        self.warm(spec)
        if sandbox is None:
            return await self._backend.lease(spec, run=run)
        try:
            await sandbox.permit(spec.profile, run=run)
        # Cancelled or refused at this moment, it belongs to nobody who would close it.
        except BaseException:
            self._do(sandbox.close())
            raise
        return sandbox

    def warm(self, spec: Spec) -> None:
        """Start what is missing on the shelf of this spec, in the background."""
        kind = _kind(spec)
        shelf = self._shelves.pop(kind, None) or Bucket()
        self._shelves[kind] = shelf  # now the one that was used last
        while self._open and len(shelf.warm) + len(shelf.starting) - len(shelf.waiting) < self._size:
            shelf.starting.add(self._do(self._start(kind, shelf)))
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
        for shelf in self._shelves.values():
            for start in shelf.starting:
                start.cancel()
            while shelf.hand_over(None):
                pass
            for warm in shelf.warm:
                self._do(warm.sandbox.close())
        self._shelves.clear()
        await self.settled()
        await self._backend.close()

    async def _take(self, kind: Spec) -> Sandbox | None:
        shelf = self._shelves[kind]
        while shelf.warm:
            warm = shelf.warm.popleft()
            if time.monotonic() - warm.since < self._idle_s and await self._answers(warm):
                return warm.sandbox
            self._do(warm.sandbox.close())
        # All that is being started is spoken for: to wait would take longer than to start one.
        if len(shelf.starting) <= len(shelf.waiting):
            return None
        waiting: asyncio.Future[Sandbox | None] = asyncio.get_running_loop().create_future()
        shelf.waiting.append(waiting)
        try:
            return await waiting
        except asyncio.CancelledError:
            with contextlib.suppress(ValueError):
                shelf.waiting.remove(waiting)
            if waiting.done() and not waiting.cancelled() and (got := waiting.result()) is not None:
                self._do(got.close())  # it came in the moment in which nobody wanted it any more
            raise

    @staticmethod
    async def _answers(warm: Warm) -> bool:
        try:
            await warm.sandbox.ping()
        except SandboxLost:
            return False
        return True

    async def _start(self, kind: Spec, shelf: Bucket) -> None:
        sandbox: Sandbox | None = None
        try:
            async with self._turns:
                sandbox = await self._backend.lease(kind)
        except SignoffError as error:
            _LOG.warning("no sandbox could be started ahead: %s", error)
        finally:
            me = asyncio.current_task()
            shelf.starting = {task for task in shelf.starting if task is not me}
            # Also when this was cancelled: who waits has to hear that nothing will come.
            if sandbox is None:
                shelf.hand_over(None)
        if sandbox is not None and not shelf.hand_over(sandbox):
            for warm in [warm for warm in shelf.warm if warm.sandbox.image_digest != sandbox.image_digest]:
                shelf.warm.remove(warm)  # the image was built anew
                self._do(warm.sandbox.close())
            shelf.warm.append(Warm(sandbox, time.monotonic()))
            while sum(len(each.warm) for each in self._shelves.values()) > self._most:
                oldest = next(each for each in self._shelves.values() if each.warm)
                self._do(oldest.warm.popleft().sandbox.close())

    async def _tend(self) -> None:
        """Close what stands there for too long or does not answer."""
        while True:
            await asyncio.sleep(self._tend_s)
            for shelf in tuple(self._shelves.values()):
                for warm in tuple(shelf.warm):
                    stale = time.monotonic() - warm.since >= self._idle_s
                    if stale or not await self._answers(warm):
                        with contextlib.suppress(ValueError):  # somebody took it meanwhile and found out, too
                            shelf.warm.remove(warm)
                            self._do(warm.sandbox.close())

    def _do(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _kind(spec: Spec) -> Spec:
    return replace(spec, profile="sealed")
