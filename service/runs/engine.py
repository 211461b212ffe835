"""Engine of runs: one ``advance`` takes a run from where it stands to its next pause or its end.

It holds the run's lease while it works; a second one on the same run is refused, also from another
process. Who calls it, where and when, is the business of a ``Dispatcher`` (``service/runs/dispatcher.py``).
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, aclosing, asynccontextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, cast
from uuid import uuid4

from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.errors import GraphDrained
from langgraph.runtime import RunControl
from langgraph.types import Command, StateSnapshot
from opentelemetry.trace import Span

from approvals import Ballots, refusal
from database import DatabaseUnavailable
from domain import Ending, Exhausted, Refused, SignoffError, Spent, Task, Transient, Verdict
from domain.identity import ensure_no_credential
from domain.masking import Masker
from domain.work import unpaid
from graphs import CodingGraph
from models import UsageMeter, metered
from sandbox import Store, Workspaces
from service.processes import is_gone, own_name
from service.runs.fenced_backend import OverlappingSaver, StepEffects
from service.runs.runs import (
    FINAL,
    GENERATION,
    Run,
    RunLeases,
    Runs,
    RunState,
    Status,
    asks,
    lease_lost,
    shown,
    though_lost,
)
from service.runs.streaming import EVENTS, Listen, Listeners, Subscription

STEPS = 100_000  # supersteps of one advance; the run's own budget ends it long before
ASK_AGAIN = frozenset({"approval_expired", "approval_stale", "expired", "digest_mismatch", "not_approver"})
"""Refusals of a signature that a new question may heal."""
TRIED_AGAIN = frozenset({"lease_lost", "content_unavailable"})
"""What says nothing about the run: somebody else has it, or its files cannot be reached for a moment."""
KILLED_BEFORE = {"plan", "replan", "review"}
"""Nodes that ask models and do not look by themselves whether somebody pulled the kill switch."""
CONFIG_KEY_STRICT_RESUME = "__pregel_strict_resume"  # langgraph exports no name for it: only open interrupts resume


class Spans(Protocol):
    """Knows how a run's spans hang together."""

    def segment(self, run: Run) -> AbstractContextManager[Span]:
        """The span of one stretch of work, current inside the block."""
        ...


Ended = Callable[[RunState], Awaitable[None]]
"""Hears of a run that ended; must not raise."""


async def nobody(_: object) -> None:
    """Hear of nothing."""


Began = Callable[[Run], Awaitable[None]]  # hears of a stretch of work that begins, under its lease; must not raise


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEngine:
    """Advance runs, one lease each."""

    graph: CodingGraph
    runs: Runs
    ballots: Ballots
    workspaces: Workspaces
    store: Store
    spans: Spans
    org: str
    owner: str = field(default_factory=own_name)
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ended: Ended = nobody
    rested: Ended = nobody
    """Hears of every stretch of work that came to its end, and of one that ended the run before ``ended`` does."""
    began: Began = nobody
    stop: Callable[[str], Awaitable[None]] = nobody  # ends what nodes of a run began and did not wait for
    lease_for: timedelta = timedelta(seconds=30)
    leases: RunLeases = field(default_factory=RunLeases)
    """What this process holds: sandboxes obey nobody else."""

    async def create(self, task: Task, *, id: str | None = None, forked_from: str | None = None) -> Run:  # noqa: A002
        """Write the row of a new run; nothing happens yet. Raises ``credential_in_url``."""
        run = self.new(task, id=id, forked_from=forked_from)
        await self.runs.add(run)
        return run

    def new(self, task: Task, *, id: str | None = None, forked_from: str | None = None) -> Run:  # noqa: A002
        """A new run, as its row will be. Raises ``credential_in_url``."""
        ensure_no_credential(task.repo)
        now = self.clock()
        # Before it is written anywhere: rows, checkpoints, prompts and approvals all have it from here.
        task = replace(task, text=Masker().text(task.text))
        return Run(
            id=id or uuid4().hex[:12],
            org=self.org,
            requester=task.requester,
            status="pending",
            task=task,
            forked_from=forked_from,
            created_at=now,
            updated_at=now,
        )

    async def advance(
        self,
        run_id: str,
        listen: Listen | None,
        *,
        watch: Subscription | None = None,
        control: RunControl | None = None,
        turn: str | None = None,
        labels: Mapping[str, str] | None = None,
        breaks: Mapping[str, Sequence[str]] | None = None,
    ) -> RunState:
        """Take the run to its next pause or its end; to its next step only once ``control`` says drain.

        What goes wrong is written into the row and returned, not raised; a lost lease is raised. A run that
        was drained stands as ``pending``. With a ``turn``: only while nobody stopped that. ``labels`` stand in the
        metadata of its checkpoints. ``breaks``: nodes to pause ``before`` and ``after``; the next advance goes on.

        Raises:
            Refused: ``run_busy``, ``run_not_found``, ``lease_lost``.
        """
        run = await self.runs.get(run_id, org=self.org)
        if run.status == "cancelled":
            raise Refused(f"Run {run.id} was cancelled.", code="run_cancelled", hint="Start or fork another one.")
        dead = run.owner if run.owner is not None and is_gone(run.owner) else None
        # Taken before the database is asked: by our clock a lease may end earlier than by its row, and never later.
        since = self.leases.clock()
        generation = await self.runs.claim(
            run.id, self.owner, now=self.clock(), lease_for=self.lease_for, instead_of=dead, turn=turn
        )
        self.leases.keep(run.id, self.lease_for.total_seconds(), since=since)
        outcome = AdvanceOutcome(status="paused")
        try:
            # The span is around the lease, so that it knows of one that was lost; none is open while a run waits.
            with self.spans.segment(run) as span:
                async with self._lease(run.id, generation):
                    await self.began(run)
                    listeners = Listeners(listen=listen, watch=watch, control=control, breaks=breaks or {})
                    config: RunnableConfig = {**self.config(run.id, generation), "metadata": dict(labels or {})}
                    outcome = await self._stream(run, generation, config, listeners)
                    span.set_attribute("app.status", outcome.status)
                    spent = outcome.spent if outcome.state is None else outcome.state.values.get("spent")
                    if isinstance(spent, Spent):
                        span.set_attribute("app.spent.cost", str(spent.cost))
                    if outcome.ending is not None and outcome.ending.code:
                        span.set_attribute("error.type", outcome.ending.code)
        finally:
            # Also when this is cancelled: a lease that is not given back keeps everybody out until it runs out.
            settled = await asyncio.shield(self._settle(run, generation, outcome))
        # What another process did meanwhile is read; what this one did is known.
        if settled is not None and outcome.state is not None:
            state = _stands(settled, outcome.state)
        else:
            state = await self.standing(run.id)
        await self.rested(state)
        if state.run.status in FINAL:
            await self.ended(state)
        return state

    async def _settle(self, run: Run, generation: int, outcome: "AdvanceOutcome") -> Run | None:
        """Write how the run stands and return its row; None when it was lost before."""
        await self.stop(run.id)
        # A run that waits costs nothing: its sandbox goes, its files are in the content store.
        await self.workspaces.drop(run.id)
        self.leases.drop(run.id)
        now = self.clock()
        if not await self.runs.settle(run.id, generation, outcome.status, now=now, ending=outcome.ending):
            return None
        return replace(
            run,
            status=outcome.status,
            ending=outcome.ending,
            segment=run.segment + 1,
            owner=None,
            generation=generation,
            lease_until=None,
            updated_at=now,
        )

    @asynccontextmanager
    async def _lease(self, run: str, generation: int) -> AsyncGenerator[None]:
        """Keep the lease while the body runs; cancel the body when it is lost."""
        working = asyncio.current_task()
        lost = False

        async def renew() -> None:
            nonlocal lost
            while not lost:
                # One renewal may come late or fail, and the lease is still ours.
                await asyncio.sleep(self.lease_for.total_seconds() / 3)
                since = self.leases.clock()
                try:
                    lost = not await self.runs.renew(run, generation, now=self.clock(), lease_for=self.lease_for)
                except Transient:  # a database that is away for a moment: the lease is ours as long as it lasts
                    lost = since >= self.leases.until.get(run, 0.0)
                else:
                    if not lost:
                        self.leases.keep(run, self.lease_for.total_seconds(), since=since)
            if working is not None:
                working.cancel()

        keeper = asyncio.create_task(renew())
        try:
            yield
        except asyncio.CancelledError:
            if lost and working is not None:
                working.uncancel()
                raise lease_lost(run) from None
            raise
        finally:
            keeper.cancel()

    async def _stream(
        self, run: Run, generation: int, config: RunnableConfig, listeners: Listeners
    ) -> "AdvanceOutcome":
        before, meter = Spent(), UsageMeter()
        try:
            with metered() as meter:
                async with self.store.at_work(run.id), self._overlapping(run, generation, meter, listeners):
                    start, before = await self._input(run, generation, config)
                    await self._listen(run, start, config, listeners)
        except GraphDrained:
            return AdvanceOutcome(status="pending")
        except SignoffError as error:
            if error.stable_code in TRIED_AGAIN or isinstance(error, DatabaseUnavailable):
                raise  # nothing is known about the run now: it is not this process that says how it ended
            with though_lost():  # it was cancelled meanwhile: what its calls cost stands in the usage
                await self._book(config, before, meter.spent)
            return replace(AdvanceOutcome.after(error), spent=before + meter.spent)
        state = await self.graph.aget_state(config)
        if state.interrupts:
            return AdvanceOutcome(status="interrupted", state=state)
        ending = state.values.get("ending")
        if isinstance(ending, Ending):
            return AdvanceOutcome(status=ending.status, ending=ending, state=state)
        if listeners.breaks and state.next:
            return AdvanceOutcome(status="paused", state=state)
        verdict = state.values.get("verdict")
        code = f"approval_{verdict.state}" if isinstance(verdict, Verdict) else "bug"
        silence = Ending(
            status="failed",
            code=code,
            message="Nobody answered in time, so nothing happened.",
            hint="Ask again: signoff resume RUN",
            exit_status=2,
        )
        return AdvanceOutcome(status="paused", ending=silence, state=state)

    def _overlapping(
        self, run: Run, generation: int, meter: UsageMeter, listeners: Listeners
    ) -> AbstractAsyncContextManager[None]:
        saver = self.graph.checkpointer
        # What a stream tells of a step is told once only when the step is kept before the next one tells anything.
        if listeners.watch is not None or not isinstance(saver, OverlappingSaver):
            return nullcontext()
        fresh = generation == 1 and run.forked_from is None
        return saver.overlapping(StepEffects(run.id, self.leases, meter), generation, fresh=fresh)

    async def _listen(self, run: Run, start: Any, config: RunnableConfig, listeners: Listeners) -> None:
        wanted = {"custom", *(listeners.watch.modes if listeners.watch else ())}
        # ``sync``: a kill costs one step at most. An ``OverlappingSaver`` says itself which steps may go on earlier.
        how: Any = {
            "stream_mode": sorted(wanted - {EVENTS}),
            "subgraphs": True,
            "durability": "sync",
            "control": listeners.control,
            **{f"interrupt_{where}": list(nodes) for where, nodes in listeners.breaks.items()},
        }
        stream: Any = self.graph.astream(start, config, **how)
        if EVENTS in wanted:
            stream = listeners.chunks(self.graph.astream_events(start, config, version="v2", **how))
        # Closed at once: a node that still works when a run is stopped is ended before its books are.
        async with aclosing(cast("AsyncGenerator[tuple[tuple[str, ...], str, Any]]", stream)) as parts:
            async for space, mode, chunk in parts:
                # The kill switch between nodes; ``execute`` and ``deliver`` look for themselves, at every step.
                starts = mode == "custom" and chunk["kind"] == "node_started"
                if starts and chunk["node"] in KILLED_BEFORE and await self.ballots.killed(run.id, run.org):
                    raise refusal("run_killed", f"Run {run.id} was stopped for good.")
                await listeners.hear(run.id, space, mode, chunk)

    async def _book(self, config: RunnableConfig, before: Spent, used: Spent) -> None:
        """Book what calls used in a node that failed: it could not write it down itself."""
        if used == Spent():
            return
        state = await self.graph.aget_state(config)
        books = state.values.get("spent")
        if isinstance(books, Spent) and (lost := unpaid(before, books, used)) != Spent():
            await self.graph.aupdate_state(config, {"spent": books + lost})

    async def _input(self, run: Run, generation: int, config: RunnableConfig) -> tuple[Any, Spent]:
        """What the graph is given, and what the run has spent so far."""
        message = HumanMessage(content=run.task.text, id=f"{run.id}.task")
        fresh = {"run": run.id, "org": run.org, "task": run.task, "messages": [message]}
        if generation == 1 and run.forked_from is None:  # nobody ever held it before: there is no checkpoint
            return fresh, Spent()
        state = await self.graph.aget_state(config)
        if "task" not in state.values:
            # With a next step it was killed between keeping the input and working on it: it is in the checkpoint.
            return None if state.next else fresh, Spent()
        before = state.values.get("spent", Spent())
        if any(asks(i.value) for i in state.interrupts):
            return None, before  # nothing wakes a question but its answer, which is written into the state
        if state.interrupts:
            # By id only, and without authority: the waiting node reads the ballot itself.
            return Command(resume={i.id: {"wake": run.id} for i in state.interrupts}), before
        if await self._ask_again(run, state, config):
            return None, before
        if changes := self._since(run, state.values):
            await self.graph.aupdate_state(config, changes)
        return None, before

    def _since(self, run: Run, values: dict[str, Any]) -> dict[str, Any]:
        """What changed while the run stood still: its budget, and time that nobody worked."""
        changes: dict[str, Any] = {}
        if values["task"].budget != run.task.budget:
            changes["task"] = replace(values["task"], budget=run.task.budget)
        if run.status == "paused" and "spent" in values:
            idle = max(0.0, (self.clock() - run.updated_at).total_seconds())
            changes["spent"] = values["spent"] + Spent(waited_seconds=idle)
        return changes

    async def _ask_again(self, run: Run, state: StateSnapshot, config: RunnableConfig) -> bool:
        """Open a new question when the old one ran out of time or does not hold any more."""
        verdict = state.values.get("verdict")
        unused = isinstance(verdict, Verdict) and verdict.state in {"expired", "stale"}
        refused = run.ending is not None and run.ending.code in ASK_AGAIN
        if not (unused or refused):
            return False
        # From where the graph goes to ``approve``: a command is asked for behind observe, a delivery behind review.
        source = "observe" if state.values.get("pending") is not None else "review"
        ask_round = state.values.get("ask_round", 0) + 1
        changes = {"verdict": None, "ask_round": ask_round, **self._since(run, state.values)}
        await self.graph.aupdate_state(config, changes, as_node=source)
        return True

    async def standing(self, run_id: str) -> RunState:
        """How the run stands now, without touching it."""
        run = await self.runs.get(run_id, org=self.org)
        return _stands(run, await self.graph.aget_state(self.config(run.id)))

    def config(self, run: str, generation: int | None = None) -> RunnableConfig:
        """The thread is the run; with a generation, what is written is written under that lease."""
        named: dict[str, Any] = {"thread_id": run, CONFIG_KEY_STRICT_RESUME: True}
        if generation is not None:
            named[GENERATION] = generation
        return {"configurable": named, "recursion_limit": STEPS}


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvanceOutcome:
    """How a stretch of work went."""

    status: Status
    ending: Ending | None = None
    state: StateSnapshot | None = None
    """What is in the last checkpoint; None: it was not read."""
    spent: Spent | None = None
    """By the run so far, where its checkpoint was not read."""

    @classmethod
    def after(cls, error: SignoffError) -> "AdvanceOutcome":
        """A spent budget, a lost sandbox or a stale signature pauses a run; everything else fails it."""
        ending = Ending(
            status="failed",
            code=error.stable_code,
            message=error.message[:20_000],
            hint=error.hint,
            exit_status=error.exit_status,
            retry_after=getattr(error, "retry_after", None),
            max_tokens=getattr(error, "max_tokens", None),
        )
        if isinstance(error, Exhausted):
            return cls(status="paused_budget", ending=ending)
        pauses = isinstance(error, Transient) or error.stable_code in ASK_AGAIN
        return cls(status="paused" if pauses else "failed", ending=ending)


def _stands(run: Run, state: StateSnapshot) -> RunState:
    return RunState(run=run, values=shown(state.values), next=state.next, interrupts=tuple(state.interrupts))
