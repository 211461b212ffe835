"""Worker of the queue: takes jobs, and begins those at once that its own process puts in.

Such a job is a row like any other, written in the transaction of its turn, and this worker's from its first moment on:
no other one looks for it, and none is told of it. If this process dies, the row says that nobody does it.
"""

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from procrastinate.exceptions import ConnectorException
from procrastinate.job_context import JobContext, JobResult
from procrastinate.jobs import Job, Status
from procrastinate.retry import RetryDecision
from procrastinate.worker import Worker
from psycopg import AsyncConnection
from typing_extensions import override

_RESERVE = """
INSERT INTO procrastinate_jobs (queue_name, task_name, lock, queueing_lock, args, status, worker_id)
SELECT %(queue)s::text, %(task)s::text, %(lock)s::text, %(queueing_lock)s::text, %(args)s::jsonb, 'doing', id
FROM procrastinate_workers WHERE id = %(worker)s AND NOT EXISTS (
    SELECT 1 FROM procrastinate_jobs WHERE lock = %(lock)s AND status IN ('todo', 'doing')
) ON CONFLICT DO NOTHING RETURNING *"""
"""Nothing where another job of the thread waits or works: this one comes behind it."""
# What came while this one had the lock could be taken by nobody, and is told of again.
_END = """
WITH ended AS (
    DELETE FROM procrastinate_jobs WHERE id = %(job)s AND status = 'doing' RETURNING lock
), behind AS (
    SELECT jobs.queue_name FROM procrastinate_jobs AS jobs JOIN ended USING (lock)
    WHERE jobs.status = 'todo' AND (jobs.scheduled_at IS NULL OR jobs.scheduled_at <= now()) LIMIT 1
), told AS (SELECT '{"type": "job_inserted", "job_id": 0}' AS word)
SELECT pg_notify('procrastinate_queue_v1#' || queue_name, word) FROM told, behind"""
# The jobs of a worker that has ended are nobody's: its row is gone.
_GIVE_BACK = """
WITH waiting AS (
    UPDATE procrastinate_jobs SET status = 'todo', worker_id = NULL
    WHERE id = %(job)s AND status = 'doing' AND (worker_id = %(worker)s OR worker_id IS NULL) RETURNING queue_name
), told AS (SELECT '{"type": "job_inserted", "job_id": 0}' AS word)
SELECT pg_notify('procrastinate_queue_v1#' || queue_name, word) FROM told, waiting"""


@dataclass(frozen=True, slots=True)
class ReservedJob:
    """A job of a transaction that may not be committed yet, and the worker that keeps a slot for it."""

    worker: "TurnWorker"
    job: Job

    async def begin(self) -> bool:
        """Its transaction is committed. False: its worker was told to stop meanwhile, and it is left to others."""
        if self.worker.stops:
            await self.give_back()
            return False
        self.worker.begin(self.job)
        return True

    async def give_back(self) -> None:
        """Leave it to others, if it is there at all: of a transaction that broke nobody knows."""
        self.worker.release()
        mine = {"job": self.job.id, "worker": self.job.worker_id}
        with suppress(ConnectorException):  # one that is there and that nobody does is found later on
            await self.worker.app.connector.execute_query_async(_GIVE_BACK, **mine)


class TurnWorker(Worker):
    """Does jobs of one queue, so many at once."""

    _takes: bool = False
    """Its slots are there: not before it runs."""

    @property
    def stops(self) -> bool:
        """Whether it begins nothing any more."""
        return self._stop_event.is_set()

    async def reserve(
        self, task: str, args: dict[str, Any], *, queue: str, lock: str, connection: AsyncConnection[Any]
    ) -> ReservedJob | None:
        """Write a job that is this worker's into the transaction of ``connection``, and keep a slot for it.

        None: nothing was written, for it stops or has no free slot, or another job has the lock.
        """
        if not self._takes or self.stops or self._job_semaphore.locked():
            return None
        await self._job_semaphore.acquire()  # one is free: this does not wait
        rows: list[dict[str, Any]] = []
        try:
            job = {"queue": queue, "task": task, "lock": lock, "queueing_lock": args["turn"], "args": args}
            rows = await self.app.connector.execute_query_all_async_with_connection(
                connection, _RESERVE, worker=self.worker_id, **job
            )
        finally:
            if not rows:
                self.release()
        return ReservedJob(self, Job.from_row(rows[0])) if rows else None

    def release(self) -> None:
        """A slot that was kept is not needed."""
        self._job_semaphore.release()

    def begin(self, job: Job) -> None:
        """Do a job for which a slot is kept."""
        context = JobContext(
            app=self.app,
            worker_name=self.worker_name,
            worker_queues=self.queues,
            additional_context={},
            job=job,
            abort_reason=partial(self._job_ids_to_abort.get, job.id or 0),
            start_timestamp=time.time(),
        )
        task = asyncio.create_task(self._process_job(context), name=f"process job {job.task_name}[{job.id}]")
        self._running_jobs[task] = context

        def ended(done: "asyncio.Task[Any]") -> None:
            del self._running_jobs[done]
            self.release()

        task.add_done_callback(ended)

    @override
    async def _fetch_and_process_jobs(self) -> None:
        self._takes = True
        await super()._fetch_and_process_jobs()

    @override
    async def _persist_job_status(
        self,
        job: Job,
        status: Status,
        retry_decision: RetryDecision | None,
        context: JobContext,
        job_result: JobResult | None,
    ) -> None:
        if retry_decision is not None or status is not Status.SUCCEEDED:
            await super()._persist_job_status(job, status, retry_decision, context, job_result)
            return
        await self.app.connector.execute_query_async(_END, job=job.id)
        self._job_ids_to_abort.pop(job.id or 0, None)
