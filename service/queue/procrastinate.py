"""Procrastinate, the queue of several processes: its tables on PostgreSQL, one job for each turn.

A job's lock is its thread, so jobs of one thread follow each other in the order in which they came. Its
queueing lock is its turn, so that a turn never waits twice. Who works sends heartbeats; the jobs of
whoever stopped doing so are given to others.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from procrastinate import App, PsycopgConnector, RetryDecision
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.jobs import Job
from procrastinate.retry import BaseRetryStrategy
from psycopg import AsyncConnection, OperationalError
from psycopg_pool import AsyncConnectionPool

from database import DatabaseUnavailable
from database.pool import pool_of
from service.queue.worker import ReservedJob, TurnWorker

QUEUE, TASK = "turns", "advance"
SOON_S, AT_MOST_S = 0.5, 300.0
POLL_S = 2.0
"""When to look for jobs although nobody told of one: those that are due later, and words that got lost."""

Work = Callable[[str, str], Awaitable[None]]
"""Performs the turn of an organisation. Raises ``RetryLater`` when it has to be done again."""


class RetryLater(Exception):
    """The job is to be done again: at once (it was drained), or after a while."""

    def __init__(self, *, at_once: bool = False) -> None:
        super().__init__("later")
        self.at_once = at_once


class RetrySchedule(BaseRetryStrategy):
    """When a job is tried again: each time after twice as long. It is the turn that dies (``TurnExecutor.bury``)."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        """See procrastinate."""
        if isinstance(exception, RetryLater) and exception.at_once:
            return RetryDecision(retry_at=datetime.now(UTC))
        # What is only busy is free again soon and asked for every other second; an error of ours ever more rarely.
        pause = min(SOON_S * 2 ** min(job.attempts, 20), AT_MOST_S if not isinstance(exception, RetryLater) else POLL_S)
        return RetryDecision(retry_at=datetime.now(UTC) + timedelta(seconds=pause))


@dataclass(slots=True, kw_only=True)
class Queue:
    """Puts turns in, takes them out again."""

    app: App
    lease_s: float
    _worker: TurnWorker | None = None
    """The one of this process, while it works."""

    @property
    def pool(self) -> AsyncConnectionPool[Any]:
        """Its connections."""
        connector = self.app.connector
        assert isinstance(connector, PsycopgConnector)  # noqa: S101  as it was opened
        return connector.pool

    async def put(
        self, turn: str, *, org: str, thread: str, after_s: float = 0.0, connection: AsyncConnection[Any] | None = None
    ) -> None:
        """Have a turn performed. Does nothing when it waits already. Raises ``DatabaseUnavailable``.

        ``connection``: in whose transaction the job is written; a turn that waits already ends that with an error.
        """
        at = datetime.now(UTC) + timedelta(seconds=after_s) if after_s else None
        # Jobs with one lock follow each other; of those with one queueing lock only one waits.
        job = self.app.configure_task(
            TASK, queue=QUEUE, lock=thread, queueing_lock=turn, schedule_at=at, connection=connection
        )
        with _answering(), suppress(AlreadyEnqueued):
            await job.defer_async(turn=turn, org=org)

    async def reserve(
        self, turn: str, *, org: str, thread: str, connection: AsyncConnection[Any] | None
    ) -> ReservedJob | None:
        """Put a new turn in, for the worker of this process; None: nothing was written, it has to be ``put``.

        Raises ``DatabaseUnavailable``.
        """
        if self._worker is None or connection is None:
            return None
        with _answering():
            return await self._worker.reserve(
                TASK, {"turn": turn, "org": org}, queue=QUEUE, lock=thread, connection=connection
            )

    async def rescue(self) -> int:
        """Give the jobs of workers that went silent to others; how many there were."""
        manager = self.app.job_manager
        with _answering():
            stalled = list(await manager.get_stalled_jobs(queue=QUEUE, seconds_since_heartbeat=self.lease_s))
            for job in stalled:
                with suppress(ConnectorException):  # it ended meanwhile, or its turn waits a second time
                    await manager.retry_job(job)
            await manager.prune_stalled_workers(10 * self.lease_s)
        return len(stalled)

    async def drop_ended(self, hours: int) -> None:
        """Delete the jobs that ended so long ago, well or not."""
        with _answering():
            await self.app.job_manager.delete_old_jobs(
                nb_hours=hours, queue=QUEUE, include_failed=True, include_cancelled=True, include_aborted=True
            )

    async def work(self, at_once: int, stop: asyncio.Event) -> None:
        """Take jobs and do them, so many at once, until ``stop`` is set and those under way came to an end.

        A database that is away for a while is waited for.
        """
        while not stop.is_set():
            worker = self._worker = TurnWorker(
                app=self.app,
                queues=[QUEUE],
                concurrency=at_once,
                wait=True,
                install_signal_handlers=False,
                fetch_job_polling_interval=POLL_S,
                # Turns are stopped by their row and a word of ours; the queue's own way is not used.
                abort_job_polling_interval=60.0,
                update_heartbeat_interval=self.lease_s / 3,
                stalled_worker_timeout=10 * self.lease_s,
            )
            working = asyncio.create_task(worker.run())
            stopping = asyncio.create_task(stop.wait())
            await asyncio.wait([working, stopping], return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            # Take no more, and wait for what is under way. A cancellation means the same, but one that comes in the
            # middle of its first statements may be lost there, and then it works for ever.
            worker.stop()
            (ended,) = await asyncio.gather(working, return_exceptions=True)
            if isinstance(ended, Exception) and not stop.is_set():
                log = structlog.get_logger("signoff.queue")
                log.warning("worker starts again", error=f"{type(ended).__name__}: {ended}")
                if not isinstance(ended, ConnectorException | OperationalError | OSError):
                    raise ended
                await asyncio.sleep(1)


@contextmanager
def _answering() -> Generator[None]:
    """The queue's errors as ours."""
    try:
        yield
    except AlreadyEnqueued:
        raise
    except ConnectorException as error:
        raise DatabaseUnavailable(f"The queue did not answer: {error}", hint="Try again.") from error


async def commit_each(connection: AsyncConnection[Any]) -> None:
    """Each of the queue's statements is a transaction of its own: it needs no other trips."""
    await connection.set_autocommit(True)


async def hand_over(url: str, turn: str, *, org: str, thread: str) -> None:
    """Put one turn in, for a process that does nothing else with the queue."""

    async def nothing(turn: str, org: str) -> None:
        """Take no jobs."""

    async with open_queue(url, lease_s=AT_MOST_S, work=nothing) as queue:
        await queue.put(turn, org=org, thread=thread)


@asynccontextmanager
async def open_queue(url: str, *, lease_s: float, work: Work) -> AsyncGenerator[Queue]:
    """The queue of a database; ``work`` does its jobs when this process takes any."""
    connector = PsycopgConnector(conninfo=url, min_size=1, max_size=4, pool_factory=pool_of, configure=commit_each)
    app = App(connector=connector)
    app.task(name=TASK, queue=QUEUE, retry=RetrySchedule())(work)
    async with app.open_async():
        yield Queue(app=app, lease_s=lease_s)
