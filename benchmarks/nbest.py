"""What running candidates side by side is worth: four of them, whose answers take half a second each.

All of them are wrong, so nothing ends early; each is applied to a fork of its own and its tests are run.
Measured on the twin sandbox: on this machine's cores, without the start of containers.
"""

import asyncio
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from models import ChangeRequest
from nodes.coder.candidates import propose
from tests.worlds.contest import WRONG, Told, contest
from tests.worlds.house import QUICK

CANDIDATES, ANSWER_S = 4, 0.5


def entrants() -> list[Told]:
    return [Told(name=f"model-{n}", change=WRONG, delay_s=ANSWER_S) for n in range(CANDIDATES)]


async def speedup() -> float:
    with tempfile.TemporaryDirectory(prefix="signoff-bench-") as folder:
        async with contest(Path(folder), QUICK) as (trials, bench):
            warm = await propose(entrants(), ChangeRequest(), bench, trials)
            assert len(warm.candidates) == CANDIDATES
            started = time.perf_counter()
            for n, provider in enumerate(entrants(), 1):
                proposal = await provider.propose(ChangeRequest(), bench)
                await trials.evidence(f"{trials.lane}-{n}", proposal)
            alone = time.perf_counter() - started
            started = time.perf_counter()
            await propose(entrants(), ChangeRequest(), bench, trials)
            return alone / (time.perf_counter() - started)


def measure() -> Mapping[str, float]:
    return {"models.nbest_speedup": round(asyncio.run(speedup()), 2)}
