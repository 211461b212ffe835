"""Turns of workers: one turn of one worker, taken by the coder's own nodes on the worker's branch."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from decimal import Decimal

from domain import Exhausted, Plan, Refused, SignoffError, Spent, Step, Transient
from domain.limits import ATTEMPTS, NO_ACTION, seconds_before, verdict_on
from domain.team import NEUTRAL, Team, TeamWorker, stopped_by
from domain.work import TeamRole
from models import Message, metered
from nodes._events import announce, labelled
from nodes._masking import Masks
from nodes.coder.slices import ExecuteInput, ExecuteUpdate, ObserveInput, ObserveUpdate
from nodes.teamwork.slices import TeamInput
from sandbox import Snapshot, Store

DUTIES: dict[TeamRole, str] = {
    "coder": "You are one of several coders who work on this at the same time.",
    "tester": "You are the tester of a team. Write and correct tests; leave the code under test to its coders.",
    "reviewer": (
        "You are the reviewer of a team, and have written none of this. Read what was changed as a stranger would, and "
        "mend what is wrong; what is right stays as it is. If all is right, say that you are done."
    ),
    "docs": "You write the documentation for a team. Change documentation, comments and docstrings, and no behaviour.",
}
MEANWHILE = (
    "Do this step and nothing of the others' steps. Your branch is merged with theirs when you are done, and the "
    "acceptance command is run then: here it may fail at what the others have not done yet."
)
DIFF_CHARS = 20_000
PATIENCE = 3
"""Whole answers to one step that did not work, before it is enough."""
MERGE = "merge-queue"

Execute = Callable[[ExecuteInput], Awaitable[ExecuteUpdate]]
Observe = Callable[[ObserveInput], Awaitable[ObserveUpdate]]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerTurn:
    """What one turn came to: the worker as it is now, its branch, its conversation, what it cost."""

    worker: TeamWorker
    snapshot: Snapshot
    transcript: tuple[Message, ...]
    spent: Spent
    outside: bool = False
    error: SignoffError | None = None
    """The turn broke off: worker, branch and conversation are those from before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerTurns:
    """Has workers take turns."""

    execute: Execute
    observe: Observe
    store: Store
    masks: Masks
    seconds: float = 1_800.0
    """How long a turn may take, its command included; who takes longer is stopped."""
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def __call__(
        self, state: TeamInput, worker: TeamWorker, snapshot: Snapshot, transcript: tuple[Message, ...]
    ) -> WorkerTurn:
        """Take a turn. Errors come back as part of the outcome: the others go on."""
        before = WorkerTurn(worker=worker, snapshot=snapshot, transcript=transcript, spent=Spent())
        with labelled(worker=worker.id), metered() as meter:
            try:
                async with asyncio.timeout(self.seconds):
                    return await self._taken(state, before)
            except TimeoutError:
                note = f"One of its turns did not come to an end within {self.seconds:g} seconds."
                return replace(before, worker=replace(worker, status="stopped", note=note), spent=meter.spent)
            except SignoffError as error:
                # The pause before the next try belongs to this one: the others go on meanwhile.
                if (wait := seconds_after_fault(worker, error)) is not None:
                    await self.pause(wait)
                return replace(before, error=error, spent=meter.spent)

    async def _taken(self, state: TeamInput, before: WorkerTurn) -> WorkerTurn:
        worker = before.worker
        own = await self.channels(state, before)
        did = await self.execute(own)
        now: ExecuteInput = {**own, **did}
        seen = await self.observe(
            {
                "run": now["run"],
                "task": now["task"],
                "plan": now["plan"],
                "baseline": now["baseline"],
                "attempts": did.get("attempts", ()),
                "pending": now.get("pending"),
                "question": now.get("question"),
                "evidence": now.get("evidence", ()),
                "transcript": now.get("transcript", ()),
                "loops": (),
                "turns": now.get("turns", ()),
                "done": now["done"],
                "snapshot": now["snapshot"],
                "good": now["snapshot"],
                "tries": now.get("tries", 0),
            }
        )
        done = seen.get("done", now["done"])
        taken = replace(
            worker,
            tree=now["snapshot"].tree,
            taken=worker.taken + 1,
            faults=0,
            done=done,
            turns=seen.get("turns", now.get("turns", ())),
            evidence=seen.get("evidence", now.get("evidence", ()))[-3:],
            tries=seen.get("tries", now.get("tries", 0)),
            pending=now.get("pending"),
            question=now.get("question"),
        )
        if worker.step in done:
            # The conversation is kept: it goes on if the branch comes back.
            touched = await self.store.changed(state["run"], worker.base, taken.tree)
            taken, talk = replace(taken, status="queued", touched=touched), now.get("transcript", ())
        else:
            talk = seen.get("transcript", now.get("transcript", ()))
            taken = standing(taken, ending.message if (ending := seen.get("ending")) is not None else "")
        return WorkerTurn(
            worker=taken,
            snapshot=now["snapshot"],
            transcript=talk,
            spent=difference(now["spent"], own["spent"]),
            outside=now["task"].outside,
        )

    async def channels(self, state: TeamInput, before: WorkerTurn) -> ExecuteInput:
        """The channels of the state as a worker sees them: the run's, and its own branch, step and conversation."""
        worker, snapshot, transcript = before.worker, before.snapshot, before.transcript
        return {
            "run": state["run"],
            "org": state["org"],
            "task": state["task"],
            "pinned": state["pinned"],
            "expert": state["expert"],
            "plan": await self._plan(state, worker, fresh=not transcript),
            "baseline": state["baseline"],
            "context": state["context"],
            "snapshot": snapshot,
            "spent": state["spent"],
            "worker": worker.id,
            "loops": (),
            "done": worker.done,
            "turns": worker.turns,
            "evidence": worker.evidence,
            "tries": worker.tries,
            "transcript": transcript,
            "pending": worker.pending,
            "question": worker.question,
            "verdict": state.get("verdict") if worker.pending is not None else None,
        }

    async def _plan(self, state: TeamInput, worker: TeamWorker, *, fresh: bool) -> Plan:
        """The plan as a worker sees it: its own step, and behind it the merge, so that the step is not the last one."""
        plan, team = state["plan"], state["team"] or Team()
        step = next(each for each in plan.steps if each.id == worker.step)
        others = [f"- {each.title}" for each in plan.steps if each.id != step.id]
        detail = [step.detail, DUTIES[worker.role], MEANWHILE, "Steps of the others:", *others]
        if fresh and worker.attempt >= NEUTRAL:
            detail += await self.both_sides(state, worker, team)
        own = replace(step, needs=(), detail="\n".join(detail)[:20_000])
        return replace(
            plan, steps=(own, Step(id=MERGE if step.id != MERGE else f"{MERGE}-2", title=MERGE, needs=(own.id,)))
        )

    async def both_sides(self, state: TeamInput, worker: TeamWorker, team: Team) -> list[str]:
        """What somebody who wrote none of it needs to know: what the author wanted, and what landed meanwhile."""
        author = next(each for each in team.workers if each.step == worker.step and each.attempt < worker.attempt)
        run, masker = state["run"], await self.masks(state["run"])
        branch = masker.text(await self.store.diff(run, author.base, author.tree))[: DIFF_CHARS // 4]
        landed = masker.text(await self.store.diff(run, author.base, worker.base))[: DIFF_CHARS // 4]
        return [
            f"Another one tried this step before you, and was stopped: {author.note[:2_000]}",
            "You begin with what has landed. What the other one had written, and is not in your files:",
            f"<output>\n{branch}\n</output>",
            *(
                ["What landed while it worked, and is in your files:", f"<output>\n{landed}\n</output>"]
                if landed
                else []
            ),
        ]


def standing(worker: TeamWorker, ending: str) -> TeamWorker:
    """How a worker stands after a turn that did not finish its step. Pure."""
    silent = verdict_on(worker.turns) == NO_ACTION
    last = worker.evidence[-1] if worker.evidence else None
    # Answers without turns: the same rule as for a coder that is alone.
    spent = not worker.turns and worker.tries >= PATIENCE and last is not None and not last.ok
    why = "It answered without an action again and again." if silent else stopped_by(worker)
    why = ending or why or ("Its attempts did not work." if spent else "")
    if why:
        return replace(worker, status="stopped", note=why[:2_000], pending=None, question=None)
    asks = worker.pending is not None or worker.question is not None
    return replace(worker, status="asking" if asks else "working")


def seconds_after_fault(worker: TeamWorker, error: SignoffError) -> float | None:
    """How long a worker pauses after a turn that broke off; None: it is not tried again."""
    if not isinstance(error, Transient) or worker.faults + 1 >= ATTEMPTS:
        return None
    return seconds_before(error, worker.faults + 1)


def broken_off(worker: TeamWorker, error: SignoffError) -> TeamWorker | None:
    """The worker after a turn that broke off; None: the error is the whole run's. Pure."""
    if isinstance(error, Transient):
        return replace(worker, faults=worker.faults + 1) if seconds_after_fault(worker, error) is not None else None
    if (
        isinstance(error, Exhausted)
        or error.stable_code in {"run_killed", "lease_lost"}
        or not isinstance(error, Refused)
    ):
        return None
    announce("note", f"Worker {worker.id} is stopped: {error.message}", code=error.stable_code, subject="team")
    return replace(worker, status="stopped", note=f"{error.message} ({error.stable_code})"[:2_000])


def difference(after: Spent, before: Spent) -> Spent:
    """What was used between two states of the books."""
    return Spent(
        steps=after.steps - before.steps,
        tokens_in=after.tokens_in - before.tokens_in,
        tokens_out=after.tokens_out - before.tokens_out,
        cost=max(Decimal(0), after.cost - before.cost),
        model_calls=after.model_calls - before.model_calls,
        sandbox_seconds=after.sandbox_seconds - before.sandbox_seconds,
        waited_seconds=after.waited_seconds - before.waited_seconds,
    )
