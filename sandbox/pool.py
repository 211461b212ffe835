"""What a pool keeps of one spec."""

import asyncio
from collections import deque
from dataclasses import dataclass, field

from sandbox.contract import Sandbox


@dataclass(frozen=True, slots=True)
class Warm:
    """A sandbox on the shelf, and since when it stands there."""

    sandbox: Sandbox
    since: float


@dataclass(slots=True)
class Shelf:
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
