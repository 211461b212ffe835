"""Servers are killed again and again, at moments that a seed chooses, while clients start runs and sign.
``make chaos`` is the long one (``tests/chaos/nightly.py``).
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.chaos.asking import newest, quick_task, sign_all, started
from tests.chaos.life import ENDS, Life
from tests.chaos.nursery import Child
from tests.worlds import postgres

LONGEST_S = 0.8
"""The most time a server gets before it is killed."""
AT_ONCE = 12
"""Runs that are under way at most."""
OFTEN = 0.3
"""How often somebody signs while runs are started."""
HELPERS = 0.5
"""How often it hits the second process, where there is one."""
DATABASES = 0.15
"""How often it hits PostgreSQL itself, where its socket is named."""
AFTERWARDS_S = 300.0
Ask = Callable[[random.Random], Mapping[str, Any]]
"""The body of a request for a run."""


def either(dice: random.Random) -> dict[str, Any]:
    """A run that needs a signature, or one that needs none."""
    return quick_task(dice.choice(["do it", "sign it"]))


@dataclass(slots=True, kw_only=True)
class Tally:
    """What a storm came to."""

    kills: int
    threads: tuple[str, ...]
    """Of every run whose request was answered."""
    ended: Counter[str]
    delivered: Counter[str]
    last_node: Counter[str]
    """Which node had begun last when a server was killed."""
    took_s: float
    hit: Counter[str] = field(default_factory=Counter[str])
    """How often each kind of process was killed."""

    @property
    def lost(self) -> int:
        """Accepted runs that did not come to a success."""
        return len(self.threads) - self.ended["success"]

    @property
    def undelivered(self) -> int:
        return len(set(self.threads) - set(self.delivered))

    @property
    def delivered_twice(self) -> int:
        return sum(number > 1 for number in self.delivered.values())

    @property
    def sound(self) -> bool:
        return not (self.lost or self.undelivered or self.delivered_twice)


@dataclass(slots=True)
class Clients:
    """Start runs, look how they stand, sign what waits."""

    life: Life
    ask: Ask
    at_once: int
    threads: list[str] = field(default_factory=list[str])
    """Of every run whose request was answered: from then on it must not get lost."""
    under_way: set[str] = field(default_factory=set[str])
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def work(self, seed: int) -> None:
        """Until the server dies."""
        dice, child = random.Random(seed), self.life.child
        try:
            while True:
                await self._one(child, dice)
        except httpx.TransportError:
            await child.dead()

    async def _one(self, child: Child, dice: random.Random) -> None:
        if len(self.under_way) < self.at_once:
            thread = await started(child, self.ask(dice))
            self.threads.append(thread)
            self.under_way.add(thread)
            self._news.set()
        if len(self.under_way) >= self.at_once or dice.random() < OFTEN:
            await sign_all(child)
        if len(self.under_way) >= self.at_once:
            for thread in tuple(self.under_way):
                if await newest(child, thread) in ENDS:
                    self.under_way.discard(thread)

    async def started(self, number: int) -> None:
        """Return when so many runs were taken in, of all servers together."""
        while len(self.threads) < number:
            self._news.clear()
            await self._news.wait()


async def ready(child: Child) -> None:
    """Return when a server has its database again."""
    async with child.http() as http, asyncio.timeout(60):
        while not (await http.get("/readyz")).is_success:  # noqa: ASYNC110  another process
            await asyncio.sleep(0.05)


async def storm(
    life: Life,
    *,
    kills: int,
    seed: int,
    ask: Ask = either,
    at_once: int = AT_ONCE,
    longest_s: float = LONGEST_S,
    progress: int = 0,
    database: Path | None = None,
    within_s: float = float("inf"),
    afterwards_s: float = AFTERWARDS_S,
) -> Tally:
    """Kill the server ``kills`` times; afterwards let everything come to its end, and count.

    ``database``: the socket folder of a PostgreSQL that is killed as well. ``progress``: every second life takes so
    many runs in, however slow the machine is; the others may be too short. ``within_s``: no kill begins later.
    ``afterwards_s``: how long everything may take to end.
    """
    dice, clients, last_node = random.Random(seed), Clients(life, ask, at_once), Counter[str]()
    hit = Counter[str]()
    began = time.monotonic()
    made = 0
    for number in range(kills):
        if time.monotonic() - began > within_s:
            break
        made += 1
        working, before = asyncio.create_task(clients.work(dice.randrange(2**32))), len(clients.threads)
        await asyncio.sleep(dice.uniform(0.02, longest_s))
        if number % 2:
            await clients.started(before + progress)
        if database is not None and dice.random() < DATABASES:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
            await asyncio.to_thread(postgres.crash, database)
            last_node[life.last_node()] += 1
            hit["PostgreSQL"] += 1
            await ready(life.child)
            continue
        if life.helping is not None and dice.random() < HELPERS:
            hit["worker"] += 1
            await life.helper.kill()
            last_node[life.last_node()] += 1
            await life.help()
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
            continue
        hit["server"] += 1
        await life.child.kill()
        await working
        last_node[life.last_node()] += 1
        await life.start()
    try:
        ended = await life.settled(clients.threads, within_s=afterwards_s)
    except TimeoutError:  # those that have not ended by now count as lost, and the report says so
        ended = Counter([await newest(life.child, thread) for thread in clients.threads])
    return Tally(
        kills=made,
        threads=tuple(clients.threads),
        ended=ended,
        delivered=life.deliveries,
        last_node=last_node,
        took_s=time.monotonic() - began,
        hit=hit,
    )
