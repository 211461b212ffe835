"""Commit status of a pull request of ours: pending while a refinement works, then what stands beside it again.

It is a courtesy: a forge that does not answer in seconds is not waited for, and no run ends for it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from domain import SignoffError
from forges import CommitStatus, Forges
from sandbox import Delivered
from service.runs.runs import FINAL, Run, RunState

SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgeStatus:
    """Says on the forge that a run of a published change works, and that it has ended."""

    forges: Forges
    values: Callable[[str], Awaitable[Mapping[str, Any]]]
    """A run's id → its state."""

    async def began(self, run: Run) -> None:
        """Hear of a stretch of work that begins; never raises."""
        # Any other run is not looked up: it costs nothing.
        if run.task.deliver != "pr" or run.segment == 0 or not self.forges.entries:
            return
        values = await self.values(run.id)
        if (published := values.get("published")) is not None and values.get("ending") is None:
            await self._set(published, CommitStatus(state="pending", description="A refinement is worked on."))

    async def ended(self, standing: RunState) -> None:
        """Hear of a run that ended; never raises. A delivery has set the status of its own commit."""
        published, run = standing.values.get("published"), standing.run
        if published is None or run.status not in FINAL or run.status == "delivered":
            return
        text = f"As it was delivered. The refinement came to nothing ({run.status})."
        await self._set(published, CommitStatus(state="success", description=text))

    async def _set(self, published: Delivered, status: CommitStatus) -> None:
        name, _, path = published.repository.partition(":")
        try:
            async with asyncio.timeout(SECONDS):
                await self.forges.named(name).set_status(path, published.commit, status)
        except (SignoffError, TimeoutError) as error:
            structlog.get_logger("signoff.forges").warning("no commit status", error=type(error).__name__)
