"""Running tasks of teams: turns and merges that are under way in this process while the graph takes its steps.

A visit of the team takes in what has ended, and those that have not go on into the next one: the slowest worker keeps
nobody waiting. What is under way is in no checkpoint; of a process that dies it is begun again from the state.
"""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from domain import SignoffError

T = TypeVar("T")


@dataclass(slots=True)
class RunningTasks(Generic[T]):
    """The tasks of every run, by the piece of work that each of them is."""

    tasks: dict[str, dict[str, asyncio.Task[T]]] = field(default_factory=dict[str, dict[str, asyncio.Task[T]]])
    problems: dict[str, SignoffError] = field(default_factory=dict[str, SignoffError])
    """Why nothing more is begun for a run; raised once all that is under way has ended."""

    def of(self, run: str) -> dict[str, asyncio.Task[T]]:
        """What is under way for a run."""
        return self.tasks.get(run, {})

    def begin(self, run: str, piece: str, work: Coroutine[None, None, T]) -> None:
        """Start a piece of work, unless it is under way."""
        running = self.tasks.setdefault(run, {})
        if piece in running:
            work.close()
        else:
            running[piece] = asyncio.create_task(work, name=f"team {run} {piece}")

    async def ended(self, run: str) -> list[T]:
        """Wait until at least one has ended, and take all that have, in the order in which they began."""
        running = self.tasks[run]
        await asyncio.wait(running.values(), return_when=asyncio.FIRST_COMPLETED)
        pieces = [piece for piece, task in running.items() if task.done()]
        return [running.pop(piece).result() for piece in pieces]

    async def stop(self, run: str) -> None:
        """End everything that is under way for a run, and wait until it has."""
        self.problems.pop(run, None)
        tasks = list(self.tasks.pop(run, {}).values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
