"""Executor of turns: takes a thread to its next pause or its end, and writes what happens into the event log.

What is left to do after a turn was stopped is here as well, whichever dispatcher performed it.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Literal

import structlog
from langgraph.runtime import RunControl
from sqlalchemy.ext.asyncio import AsyncConnection

from approvals.storage import RunNotice, post
from domain import Ending, SignoffError, Transient
from service.runs.dispatcher import EventSink, Stop
from service.runs.documents import run_document
from service.runs.engine import RunEngine
from service.runs.event_log import as_json
from service.runs.fenced_backend import OverlappingSaver
from service.runs.history import answer_question, refine, rewind, roll_back
from service.runs.runs import RunState
from service.runs.streaming import LangGraphEncoder, Subscription, final_values, readable
from service.runs.threads import Threads, ThreadStatus
from service.runs.turns import Turn, Turns, TurnStatus

ENDED: Mapping[str, TurnStatus] = {
    "delivered": "success",
    "nothing_to_do": "success",
    "rejected": "success",
    "failed": "error",
    "interrupted": "interrupted",
    "paused": "interrupted",
    "paused_budget": "interrupted",
    "cancelled": "interrupted",
}
"""How a run of ours stands → how LangGraph's API calls that. What waits for a person is no success."""


TurnOutcome = Literal["ended", "gone", "busy", "again", "drained"]
"""``busy``: somebody else has its run. ``again``: what it needs does not answer now. Both are tried again."""
MOST_ATTEMPTS = 50
"""A turn that was begun so often and never came to an end is a dead letter: it may be what kills its workers."""
DEAD = "job_dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnExecutor:
    """Knows how a turn is done; who calls it and when is the dispatcher's business."""

    engine: RunEngine
    threads: Threads
    turns: Turns
    clock: Callable[[], datetime]

    async def perform(self, turn: Turn, feed: EventSink, control: RunControl | None = None) -> TurnOutcome:
        """Return how it went: ended, taken back before it began, its run is busy elsewhere, or drained.

        A cancelled call leaves the row as it is: whoever cancelled it knows why.
        """
        if turn.attempts >= MOST_ATTEMPTS:
            await self.bury(turn, feed, f"It was begun {turn.attempts} times and never came to an end.")
            return "ended"
        engine = replace(self.engine, org=turn.org)
        before = turn.before
        # Where a rollback leads to is known before the first attempt only: a later one stands further on.
        if not turn.attempts:
            before = "" if turn.asked.get("fresh") else await _stands_at(engine, turn.thread)
        # The row of a thread that was made for its first turn says busy already (``Submission._thread``).
        is_busy = not turn.attempts and turn.asked.get("fresh") and turn.asked.get("new_thread")
        busy, attempt = None if is_busy else turn.thread, turn.attempts + 1
        if not await self.turns.begin(turn.id, now=self.clock(), attempt=attempt, before=before, busy=busy):
            return "gone"
        turn = replace(turn, status="running", attempts=attempt, before=before)
        feed.say("metadata", {"run_id": turn.id, "thread_id": turn.thread, "attempt": turn.attempts})
        try:
            standing = await self._advance(engine, turn, feed, control)
        except SignoffError as error:
            if error.stable_code in {"run_busy", "lease_lost"} or isinstance(error, Transient):
                if isinstance(error, Transient):
                    log = structlog.get_logger("signoff.turn")
                    log.warning("turn waits", turn=turn.id, code=error.stable_code, error=error.message)
                return await self._later(turn, feed, "again" if isinstance(error, Transient) else "busy")
            await self._failed(turn, feed, error.stable_code, error.message)
            return "ended"
        except Exception as error:  # noqa: BLE001  the boundary: whatever broke, the turn must not hang
            structlog.get_logger("signoff.turn").exception("turn failed", turn=turn.id, thread=turn.thread)
            await self._failed(turn, feed, "bug", f"{type(error).__name__}: {error}")
            return "ended"
        if standing.run.status == "pending":
            return await self._later(turn, feed, "drained")
        await self._ended(turn, feed, standing)
        return "ended"

    async def _later(self, turn: Turn, feed: EventSink, outcome: TurnOutcome) -> TurnOutcome:
        """It was no attempt: nothing of it failed. Only what ends with its process counts."""
        await feed.kept()
        with suppress(Transient):  # the database is away: then it counts, too
            await self.turns.update(turn.id, now=self.clock(), attempts=turn.attempts - 1)
        return outcome

    async def bury(self, turn: Turn, feed: EventSink, why: str) -> None:
        """Make a turn a dead letter: its run waits for ``signoff jobs retry``."""
        hint = f"Look into the logs, then: signoff jobs retry {turn.id}"
        ending = Ending(status="failed", code="job_dead", message=why, hint=hint)
        await self.engine.runs.park(turn.thread, now=self.clock(), ending=ending)
        await self._failed(turn, feed, DEAD, why)

    async def _advance(self, engine: RunEngine, turn: Turn, feed: EventSink, control: RunControl | None) -> RunState:
        # What has to happen to the thread first. Doing it again after a crash changes nothing.
        wish, at, by = turn.asked.get("wish"), turn.asked.get("checkpoint"), turn.asked.get("by", "")
        if turn.asked.get("resolved"):  # a person ended it before this turn began, and nothing is left to do
            standing = await engine.standing(turn.thread)
            feed.say("values", readable(standing.values))
            return standing
        if at and turn.attempts == 1:
            await rewind(engine, turn.thread, at)
        if said := turn.asked.get("said"):  # they have ids: written twice they stand there once
            await engine.graph.aupdate_state(engine.config(turn.thread), {"messages": said})
        if text := turn.asked.get("answer"):
            run = await engine.runs.get(turn.thread, org=engine.org)
            await answer_question(engine, run, text, by, once=turn.attempts > 1)
        if wish:
            standing = await engine.standing(turn.thread)
            verdict = standing.values.get("verdict")
            if verdict is None or verdict.feedback != wish or standing.run.ending is not None:
                await refine(engine, standing.run, wish, by)
        subgraphs = bool(turn.asked.get("subgraphs"))
        encoder = LangGraphEncoder(feed=feed, turn=turn.id, modes=feed.modes, subgraphs=subgraphs)
        watch = Subscription(modes=encoder.needed, hear=encoder.hear, kept=feed.kept) if feed.modes else None
        labels = {"run_id": turn.id, "assistant_id": turn.assistant}
        return await engine.advance(
            turn.thread,
            None,
            watch=watch,
            control=control,
            turn=turn.id,
            labels=labels,
            breaks=turn.asked.get("breaks", {}),
        )

    async def _ended(self, turn: Turn, feed: EventSink, standing: RunState) -> None:
        status, ending = ENDED.get(standing.run.status, "error"), standing.run.ending
        status = "success" if turn.asked.get("resolved") else status
        code = ending.code if ending and status != "success" else None
        message = ending.message if ending and status != "success" else None
        thread: ThreadStatus = "error" if status == "error" else "interrupted" if status == "interrupted" else "idle"
        values = final_values(standing)
        if "__error__" in values:
            feed.say("error", values["__error__"])
        elif status == "error":
            feed.say("error", {"error": code or "failed", "message": message or ""})
        await self._settle(turn, feed, status, thread, values, code=code, message=message)

    async def _failed(self, turn: Turn, feed: EventSink, code: str, message: str) -> None:
        feed.say("error", {"error": code, "message": message})
        values: Mapping[str, Any] = {"__error__": {"error": code, "message": message}}
        await self._settle(turn, feed, "error", "error", values, code=code, message=message)

    async def _settle(
        self,
        turn: Turn,
        feed: EventSink,
        status: TurnStatus,
        thread: ThreadStatus,
        values: Mapping[str, Any],
        *,
        code: str | None,
        message: str | None,
    ) -> None:
        ended = replace(turn, status=status, error_code=code, error=message, updated_at=self.clock())
        letter = webhook_letter(ended, values) if turn.webhook else None
        # Events first: who sees that the turn has ended can read all of what it said.
        await feed.kept()
        await self.turns.finish(ended, thread, also=letter)
        feed.result = dict(values)


async def _stands_at(engine: RunEngine, thread: str) -> str:
    """Id of the checkpoint that a thread stands at; empty: it has none."""
    saver = engine.graph.checkpointer
    if isinstance(saver, OverlappingSaver):
        return await saver.newest(thread)
    state = await engine.graph.aget_state(engine.config(thread))
    return str(state.config.get("configurable", {}).get("checkpoint_id") or "")


def webhook_letter(turn: Turn, values: Mapping[str, Any]) -> Callable[[AsyncConnection], Awaitable[object]]:
    """What writes a run's web hook into the outbox: the turn as the API shows it, as it is now that it has ended."""
    topic = f"run.{turn.status}"
    data = as_json({**run_document(turn), "values": readable(values), "error": turn.error_code})
    return partial(
        post,
        letter=RunNotice(topic=topic, run=turn.thread, turn=turn.id),
        org=turn.org,
        at=turn.updated_at,
        url=turn.webhook or "",
        body=b'{"type":' + json.dumps(topic).encode() + b',"data":' + data + b"}",
    )


async def take_back(executor: TurnExecutor, turn: Turn, how: Stop, *, now: datetime) -> None:
    """After a turn was stopped: undo what it did where that is wanted, and say how its thread stands now."""
    engine = replace(executor.engine, org=turn.org)
    if how == "rollback":
        latest = await executor.turns.get(turn.id, turn.org)
        if latest.attempts:
            await roll_back(engine, turn.thread, latest.before or "")
        await executor.turns.delete(turn.id)
    state = await engine.graph.aget_state(engine.config(turn.thread))
    waiting = bool(await executor.turns.unfinished(turn.thread))
    status = "busy" if waiting else "interrupted" if state.interrupts else "idle"
    await executor.threads.update(turn.thread, now=now, status=status)
