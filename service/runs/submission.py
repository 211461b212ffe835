"""Submission of requests: the thread, the task or the answer that a client sends, and one turn for it.

A thread is woken once for one reason, whoever notices it and however late: the reason is the idempotency key.
"""

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any
from uuid import uuid4
from weakref import WeakValueDictionary

import structlog
from sqlalchemy import bindparam, or_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from approvals import Ballot, Ballots, Decision, Revision, Voting, bound, read_resume
from approvals.storage import metadata
from database import reading
from domain import Action, Refused, SignoffError, Task
from domain.coder import answer_in
from service.auth.principal import Principal
from service.errors import refuse
from service.runs.dispatcher import Dispatcher, EventStream
from service.runs.engine import RunEngine
from service.runs.protocol import RECORDED
from service.runs.requests import (
    ASSISTANTS,
    END,
    Assistant,
    AssistantSource,
    RunAsk,
    fixed_assistant,
    idempotency_key,
    read_task,
    wished,
)
from service.runs.runs import FINAL, Run, RunState
from service.runs.threads import Thread, Threads
from service.runs.turns import RowWrites, Turn, Turns

RECOVERED, RESUMED = "recovered", "resumed"
"""Its worker died and nobody is left to go on with it; a client wants it to go on. Everything else: it was answered."""
_B = metadata.tables["ballots"].c
_ANSWERED = (
    select(_B.id)
    .where(_B.run == bindparam("of"), or_(_B.state != "pending", _B.expires_at <= bindparam("now")))
    .order_by(_B.id)
)


async def reason(engine: AsyncEngine, thread: str, because: str, last: Turn | None, *, now: datetime) -> str:
    """The idempotency key of the turn that goes on with a thread.

    Answers wake by which questions are answered, not by when somebody looked: a waker that comes so late that
    the turn of another one works already, or is over, has the same key; another answer has another one.
    """
    if because in {RECOVERED, RESUMED}:
        return f"\n{because} {thread} {last.id if last else ''}:wake"
    async with reading(engine) as conn:
        answered = [str(row[0]) for row in await conn.execute(_ANSWERED, {"of": thread, "now": now})]
    digest = hashlib.sha256("\n".join(answered).encode()).hexdigest()[:32]
    return f"\nanswered {thread} {digest}:wake"


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """A turn that was accepted, and where it can be heard. No feed: it was asked for before, and is over."""

    turn: Turn
    feed: EventStream | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """Where every surface brings its requests."""

    engine: RunEngine
    threads: Threads
    turns: Turns
    ballots: Ballots
    dispatch: Dispatcher
    assistants: AssistantSource
    clock: Callable[[], datetime]
    revise: Callable[[Ballot, Action], Awaitable[Revision]]
    """Rates a person's edit anew."""
    may_use: Callable[[str], None]
    """Raises ``repo_refused`` for a repository that clients may not name."""
    default_repo: str | None = None
    locks: WeakValueDictionary[str, asyncio.Lock] = field(default_factory=WeakValueDictionary[str, asyncio.Lock])
    """One request at a time for a thread, and for an idempotency key."""

    def of(self, org: str) -> RunEngine:
        """The engine of one organisation."""
        return self.engine if self.engine.org == org else replace(self.engine, org=org)

    async def take(
        self,
        principal: Principal,
        ask: RunAsk,
        thread_id: str | None,
        *,
        once: str | None = None,
        heard: bool = True,
        protocol: bool = False,
    ) -> Submitted:
        """Accept a run; checked here, so that a mistake is told at once. ``heard`` False: nobody wants its stream.

        ``protocol``: the event streaming protocol hears it, too. Raises ``Refused`` for a mistake; nothing is started.
        """
        ask.ensure_supported()
        key, modes = idempotency_key(once, thread_id, ask) if once else None, list(ask.modes) if heard else []
        breaks = ask.breaks(self.engine.graph.nodes.keys() - {"__start__"})
        # For this process; several are kept in order by the rows: unique ids and keys, and the lease.
        async with self.locks.setdefault(f"{principal.org}\0{thread_id or once or uuid4().hex}", asyncio.Lock()):
            graph = fixed_assistant(ask.assistant_id) or await self.assistants.get(ask.assistant_id, principal.org)
            if key and (before := await self.turns.once(principal.org, key)):
                return Submitted(turn=before, feed=self.dispatch.hear(before))
            task = await self._task(principal, ask, graph) if thread_id is None else None
            thread, is_new = await self._thread(principal, ask, thread_id, graph)
            asked: dict[str, Any] = {"modes": modes, "subgraphs": ask.stream_subgraphs, "by": principal.subject}
            asked |= {"kwargs": ask.kwargs, "new_thread": is_new}
            asked |= {name: part for name, part in (("after", ask.after_seconds), ("breaks", breaks)) if part}
            unfinished = () if is_new else await self.turns.unfinished(thread.id)
            if protocol or any(turn.asked.get("protocol") for turn in unfinished):  # they have the same listeners
                asked |= recorded(asked)
            along: RowWrites = ()
            if task is not None:  # a thread, a run and a turn that nobody has heard of yet: all of them, or none
                run = self.of(principal.org).new(task, id=thread.id)
                along = (partial(self.threads.write, thread), lambda conn: self.engine.runs.add(run, conn=conn))
                asked |= {"fresh": True}
            elif ask.ends:
                asked |= await self._resolve(principal, thread)
            elif ask.multitask_strategy == "rollback" and any(turn.asked.get("fresh") for turn in unfinished):
                asked |= await self._begin_anew(principal, ask, thread, graph, unfinished)
            else:
                asked |= await self._first_work(principal, ask, thread, graph, is_new=is_new)
                await self._make_room(ask, unfinished)
            now = self.clock()
            labels = {"graph_id": graph.graph, "assistant_id": graph.id}
            if {**thread.metadata, **labels} != thread.metadata:  # clients look for the threads of their assistant
                await self.threads.update(thread.id, now=now, metadata={**thread.metadata, **labels})
            turn = Turn(
                id=str(uuid4()),
                thread=thread.id,
                org=principal.org,
                assistant=graph.id,
                asked=asked,
                metadata={**ask.metadata, **labels, "created_by": principal.subject},
                strategy=ask.multitask_strategy,
                webhook=ask.webhook,
                once=key,
                created_at=now,
                updated_at=now,
            )
            return await self._begin(turn, along)

    async def _asked_again(self, standing: RunState) -> Mapping[str, str]:
        newest = next(iter(await self.turns.of(standing.run.id, limit=1)), None)
        return newest.asked.get("again", {}) if newest else {}

    async def put_again(self, standing: RunState, org: str) -> None:
        """Put a question again that a write into the state took away; its ballot is the same, and open all the time."""
        ballot = standing.ballot or ""
        again = {each.id: ballot for each in standing.interrupts} | dict(await self._asked_again(standing))
        await self.wake(standing.run.id, org, because=RESUMED, again=again)

    async def kill(self, principal: Principal, run: Run) -> Sequence[Ballot]:
        """Stop a run for good: no step more, its ballots cancelled, and nothing in its thread that still asks.

        Raises:
            Refused: ``not_approver`` for anything but a human operator or approver.
        """
        # First the switch, which every tool call looks at, then the row, so that no checkpoint is written any more.
        # Turns from the newest on: one that waits must not begin because the one before it ended.
        cancelled = await self.ballots.kill(run.id, principal.voter("http"))
        engine, now = self.of(run.org), self.clock()
        await engine.runs.cancel(run.id, now=now)
        for turn in reversed(await self.turns.unfinished(run.id)):
            await self.dispatch.stop(turn, "interrupt", "killed")
        config = engine.config(run.id)
        if (await engine.graph.aget_state(config)).next:
            await engine.graph.aupdate_state(config, None, as_node=END)
        await self.threads.update(run.id, now=now, status="idle")
        return cancelled

    async def _resolve(self, principal: Principal, thread: Thread) -> dict[str, Any]:
        """End what a thread does or waits for, for good; the turn has nothing left to do but to say so."""
        run = await self.engine.runs.exactly(thread.id, org=thread.org)
        if run is not None and run.status not in FINAL:
            await self.kill(principal, run)
        return {"resolved": True}

    async def wake(
        self, thread: str, org: str, *, because: str, again: Mapping[str, str] | None = None
    ) -> Submitted | None:
        """Go on with a thread whose question was answered; None when it does so already.

        ``again``: interrupts, with their ballots, that it puts again.

        Any number of processes may wake it, at once or late: each answer has one turn, behind the last one.
        """
        unfinished = await self.turns.unfinished(thread)
        if any(t.status == "pending" or because in {RECOVERED, RESUMED} for t in unfinished):
            return None
        now, last = self.clock(), next(iter(await self.turns.of(thread, limit=1)), None)
        turn = Turn(
            id=str(uuid4()),
            thread=thread,
            org=org,
            assistant=last.assistant if last else ASSISTANTS[0].id,
            # Who listens to the thread by the protocol hears how it goes on, whoever answered.
            asked=(recorded if last and last.asked.get("protocol") else dict)(
                {"modes": [], "by": "", **({"again": again} if again else {})}
            ),
            metadata={"created_by": "approval", "because": because},
            once=await reason(self.turns.engine, thread, because, last, now=now),
            created_at=now,
            updated_at=now,
        )
        await self.threads.get(thread, org)  # made for a run that came in by the command line
        return await self._begin(turn)

    @property
    def voting(self) -> Voting:
        """Takes the answers of every surface of this server, and has their runs go on."""
        return Voting(ballots=self.ballots, clock=self.engine.clock, wake=self.wake_decided)

    async def wake_decided(self, ballot: Ballot) -> None:
        """Go on with the run of a ballot that was decided: what ``Voting`` calls.

        Never raises: the answer is stored, and the maintenance loop finds a run that could not be woken now.
        """
        try:
            await self.wake(ballot.run, ballot.org, because=ballot.id)
        except SignoffError as error:
            structlog.get_logger("signoff.submission").warning(
                "a decided run was not woken", run=ballot.run, code=error.stable_code
            )

    async def _begin(self, turn: Turn, along: RowWrites = ()) -> Submitted:
        try:
            stored = await self.turns.add(turn, along=(*along, partial(self.dispatch.enqueue, turn=turn)))
        except BaseException:
            await asyncio.shield(self.dispatch.withdraw(turn))
            raise
        if stored.id != turn.id:  # the same request came in twice at the same moment
            await self.dispatch.withdraw(turn)
            return Submitted(turn=stored, feed=self.dispatch.hear(stored))
        return Submitted(turn=turn, feed=await self.dispatch.submit(turn, enqueued=True))

    async def _thread(
        self, principal: Principal, ask: RunAsk, thread_id: str | None, graph: Assistant
    ) -> tuple[Thread, bool]:
        """The thread to run on, and whether it is new; without an id its row is written with that of its turn."""
        now = self.clock()
        fresh = Thread(
            id=thread_id or str(uuid4()),
            org=principal.org,
            status="busy",
            created_at=now,
            updated_at=now,
            metadata={"graph_id": graph.graph, "assistant_id": graph.id, "created_by": principal.subject},
        )
        if thread_id is None:
            return fresh, True
        try:
            return await self.threads.get(thread_id, principal.org), False
        except Refused:
            if ask.if_not_exists != "create" or not await self.threads.add(fresh):
                raise
            return fresh, True

    async def _first_work(
        self, principal: Principal, ask: RunAsk, thread: Thread, graph: Assistant, *, is_new: bool
    ) -> dict[str, Any]:
        """What the turn has to do before it goes on: nothing, a wish, or another checkpoint."""
        run = None if is_new else await self.engine.runs.exactly(thread.id, org=thread.org)
        if run is None:
            await self.of(principal.org).create(await self._task(principal, ask, graph), id=thread.id)
            return {"fresh": True}
        standing = await self.of(thread.org).standing(run.id)
        if not standing.values and not await self.turns.unfinished(thread.id):
            if wished(ask.input):
                await self.engine.runs.retask(thread.id, await self._task(principal, ask, graph))
            return {"fresh": True}
        if elsewhere := [node for node in ask.goto if node not in standing.next]:
            raise refuse(
                "request_invalid",
                f"A jump to {elsewhere[0][:60]!r} would leave out what proves the change.",
                hint='Go back with a checkpoint_id, say in messages what to do instead, or end it: "goto": "__end__".',
            )
        written = {"said": ask.said} if ask.said else {}
        return written | await self._next_work(principal, ask, standing)

    async def _next_work(self, principal: Principal, ask: RunAsk, standing: RunState) -> dict[str, Any]:
        answered = {"answered": [each.id for each in standing.interrupts]} if standing.interrupts else {}
        wish = wished(ask.input)
        resume = None
        if ask.resume is not None:
            resume = _meant_now(standing, ask.resume, await self._asked_again(standing), strict=ask.strict_resume)
        if standing.question is not None and not ask.at:
            words = answer_in(resume) if ask.resume is not None else wish
            return {"answer": words, **answered} if words else {}
        if ask.resume is not None:
            await self.answer(principal, standing, resume)
            return answered
        if ask.at:
            return {"checkpoint": ask.at}
        if wish and standing.interrupts:
            raise refuse(
                "thread_busy",
                "This thread waits for a signature; words approve or reject nothing.",
                hint="Sign or reject it: signoff approvals list, POST /v1/approvals/{id}/decisions, or a resume.",
            )
        return {"wish": wish} if wish else {}

    async def _task(self, principal: Principal, ask: RunAsk, graph: Assistant, *, repo: str | None = None) -> Task:
        if ask.goto or ask.said:
            raise refuse("request_invalid", "The first run of a thread brings its task: nothing is there to change.")
        task = read_task(ask, principal, settings=graph.settings, default_repo=repo or self.default_repo)
        self.may_use(task.repo)
        return task

    async def answer(self, principal: Principal, standing: RunState, resume: Any) -> Ballot | None:
        """Count a resume as the vote of who is logged in; anything that is no clear vote changes nothing.

        Raises:
            Refused: as ``Ballots.vote`` does.
        """
        if (answer := read_resume(resume)).kind == "none":
            return None
        pending = (await self.ballots.list(principal.org, state="pending", run=standing.run.id)).items
        if standing.ballot is None and not pending:  # a question that is just being put again has its ballot open
            return None
        ballot, voter = bound(answer, pending), principal.voter("langgraph")
        voting = Voting(
            ballots=self.ballots, clock=self.engine.clock
        )  # the turn that brought the answer goes on with the run
        if answer.edited is not None:
            return await voting.edit(ballot, await self.revise(ballot, answer.edited), voter)
        choice = "approve" if answer.kind == "approve" else "reject"
        decision = Decision(choice=choice, action_digest=ballot.action_digest, comment=answer.comment)
        return await voting.vote(ballot, decision, voter, like=answer.grant)

    async def _begin_anew(
        self, principal: Principal, ask: RunAsk, thread: Thread, graph: Assistant, unfinished: Sequence[Turn]
    ) -> dict[str, Any]:
        """Undo a thread's first turn and all behind it: what comes now is the first work there is."""
        if ask.at:
            raise refuse("checkpoint_not_found", "A rollback of the first run takes every checkpoint with it.")
        run = await self.engine.runs.exactly(thread.id, org=thread.org)
        task = None
        if wished(ask.input):  # a mistake in it is told before anything is undone
            task = await self._task(principal, ask, graph, repo=run.task.repo if run else None)
        await self._make_room(ask, unfinished)
        if task is not None:
            await self.engine.runs.retask(thread.id, task)
        return {"fresh": True}

    async def _make_room(self, ask: RunAsk, unfinished: Sequence[Turn]) -> None:
        """Honour the multitask strategy towards the turns that are open on this thread."""
        if not unfinished or ask.multitask_strategy == "enqueue":
            return
        if ask.multitask_strategy == "reject":
            raise refuse("thread_busy", "A run works on this thread.")
        # From the newest on: one that waits must not begin because the one before it ended.
        for turn in reversed(unfinished):
            await self.dispatch.stop(turn, ask.multitask_strategy, "multitask")


def recorded(asked: dict[str, Any]) -> dict[str, Any]:
    """What was asked, with a log that has everything the protocol tells."""
    modes = [*asked["modes"], *(mode for mode in RECORDED if mode not in asked["modes"])]
    return {**asked, "modes": modes, "subgraphs": True, "protocol": True}


def _meant_now(standing: RunState, resume: Any, again: Mapping[str, str], *, strict: bool) -> Any:
    """What a resume says to the interrupt that is open: what stands under its id, where ids are named.

    ``again``: interrupts that were open before the same question was put again, with their ballots.

    Raises:
        Refused: ``interrupt_unknown`` where the client wanted to be strict.
    """
    # LangGraph names interrupts by 32 hexadecimal digits.
    if not (isinstance(resume, dict) and resume and all(re.fullmatch("[0-9a-f]{32}", str(key)) for key in resume)):
        return resume
    open_now = {i.id for i in standing.interrupts}
    open_now |= {id_ for id_, ballot in again.items() if standing.ballot in {ballot, None}}
    chosen = next((answer for key, answer in resume.items() if key in open_now), None)
    if chosen is None and strict:
        raise refuse("interrupt_unknown", "None of these interrupts is open now.")
    return chosen
