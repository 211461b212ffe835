"""History of a run: the checkpoints it has, new runs that start from one, files and all, and rewinding to one (G4)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.types import StateSnapshot

from domain import Refused, Task, Verdict
from domain.masking import Masker
from service.errors import refuse
from service.runs.engine import RunEngine
from service.runs.runs import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One checkpoint: its number, what came next, and the tree the files had."""

    step: int
    next: str
    tree: str
    at: datetime | None = None


async def moments(engine: RunEngine, run: str) -> list[Moment]:
    """Return the steps of a run, oldest first."""
    steps: list[Moment] = []
    for step, state in enumerate(await _states(engine, run)):
        snapshot = state.values.get("snapshot")
        at = datetime.fromisoformat(state.created_at) if state.created_at else None
        following, tree = ", ".join(state.next) or "end", snapshot.tree if snapshot else ""
        steps.append(Moment(step=step, next=following, tree=tree, at=at))
    return steps


async def fork(engine: RunEngine, run: Run, step: int) -> Run:
    """Return a new run that stands where ``run`` stood at ``step``.

    Raises:
        Refused: ``step_unknown``.
    """
    states = await _states(engine, run.id)
    if not 0 <= step < len(states):
        raise Refused(
            f"Run {run.id} has no step {step}.",
            code="step_unknown",
            hint=f"It has steps 0 to {len(states) - 1}; see signoff show {run.id}",
        )
    forked = await engine.create(run.task, forked_from=run.id)
    values = states[step].values
    if step == 0 or "pinned" not in values:
        return forked  # nothing had happened yet: the new run starts from the task
    await engine.store.fork(run.id, forked.id)
    # What the other run published stays its own: this one gets a branch and a pull request of its own.
    own = {"run": forked.id, "ending": None, "delivered": None, "published": None, "ballot": ""}
    cleaned: dict[str, Any] = {**values, **own}
    # LangGraph goes on behind the node that is said to have written: the one that led to this step.
    came_from = states[step - 1].next[0]
    await engine.graph.aupdate_state(engine.config(forked.id), cleaned, as_node=came_from)
    return forked


def contributors(values: Mapping[str, Any], by: str) -> tuple[str, ...]:
    """Who has shaped a run besides its requester, once ``by`` has said something, too: in a team none of them signs."""
    before: tuple[str, ...] = values.get("contributors", ())
    return before if not by or by in {*before, values["task"].requester} else (*before, by)


async def refine(engine: RunEngine, run: Run, wish: str, by: str) -> None:
    """Send an ended run back to the planner with what a person wants instead (A10).

    Raises:
        Refused: ``nothing_to_refine`` before there is a plan.
    """
    standing = await engine.standing(run.id)
    if "plan" not in standing.values or standing.interrupts:
        raise Refused(
            f"Run {run.id} cannot be refined now.",
            code="nothing_to_refine",
            hint="Decide its approval first, or wait until it ended.",
        )
    verdict = Verdict(ballot="", state="rejected", action_digest="", feedback=wish)
    ask_round = standing.values.get("ask_round", 0) + 1
    update = {
        "verdict": verdict,
        "ending": None,
        "delivered": None,
        "pending": None,
        "ask_round": ask_round,
        "round": 0,
        "contributors": contributors(standing.values, by),
    }
    # As if a signer had rejected it with these words: behind ``approve`` that leads to the planner.
    await engine.graph.aupdate_state(engine.config(run.id), update, as_node="approve")


async def answer_question(engine: RunEngine, run: Run, text: str, by: str, *, once: bool = False) -> bool:
    """Put a person's answer into a run whose coder waits for one; False where it stands there already.

    It becomes a part of the checkpoint, so that what wakes the run carries no authority, and a fork has it, too.

    Raises:
        Refused: ``no_question`` when there is nothing to answer, but for ``once``: then it may have been answered.
    """
    standing = await engine.standing(run.id)
    question = standing.values.get("question")
    if question is None or question.answer is not None:
        if once:
            return False
        raise Refused(
            f"Run {run.id} asks nothing now.",
            code="no_question",
            hint=f"See how it stands: signoff show {run.id}",
        )
    answered = replace(question, answer=Masker().text(text)[:20_000], answered_by=by[:200], answered_at=engine.clock())
    update = {"question": answered, "contributors": contributors(standing.values, by)}
    # Behind ``observe`` the graph goes on with the coder, who finds the answer in the state.
    await engine.graph.aupdate_state(engine.config(run.id), update, as_node="observe")
    return True


async def raise_budget(engine: RunEngine, run: Run, **limits: Any) -> Run:
    """Return the run with higher limits; they hold from its next step on."""
    higher = {name: limit for name, limit in limits.items() if limit is not None}
    if not higher:
        return run
    task: Task = replace(run.task, budget=replace(run.task.budget, **higher))
    await engine.runs.retask(run.id, task)
    return replace(run, task=task)


async def _states(engine: RunEngine, run: str) -> list[StateSnapshot]:
    newest_first = [state async for state in engine.graph.aget_state_history(engine.config(run))]
    # The checkpoint of the input is no step: nothing had run.
    return [state for state in reversed(newest_first) if state.next != ("__start__",)]


async def checkpoint(engine: RunEngine, thread: str, id_: str, *, subgraphs: bool = False) -> StateSnapshot:
    """The state at a checkpoint. Raises ``checkpoint_not_found``."""
    state = await engine.graph.aget_state(at(engine, thread, id_), subgraphs=subgraphs)
    if not state.created_at:
        raise refuse("checkpoint_not_found", f"This thread has no checkpoint {id_[:64]!r}.")
    return state


def at(engine: RunEngine, thread: str, id_: str) -> RunnableConfig:
    """The configuration that names a checkpoint."""
    config = engine.config(thread)
    return {**config, "configurable": {**config.get("configurable", {}), "checkpoint_id": id_, "checkpoint_ns": ""}}


async def rewind(engine: RunEngine, thread: str, id_: str) -> None:
    """Make a new head that stands where the checkpoint stood; the questions asked since are asked anew."""
    state = await checkpoint(engine, thread, id_)
    parent = state.parent_config
    before = await engine.graph.aget_state(parent) if parent else None
    came_from = before.next[0] if before is not None and before.next else None
    if came_from is None or came_from == "__start__":
        await engine.graph.aupdate_state(at(engine, thread, id_), None, as_node="__copy__")
        return
    again = state.values.get("ask_round", 0) + 1
    cleaned: dict[str, Any] = {"ending": None, "delivered": None, "ballot": "", "ask_round": again}
    # What was published cannot be taken back: the next delivery goes on top of it, from an earlier step on, too.
    head = await engine.graph.aget_state(engine.config(thread))
    if (published := head.values.get("published")) is not None:
        cleaned["published"] = published
    await engine.graph.aupdate_state(at(engine, thread, id_), cleaned, as_node=came_from)


async def roll_back(engine: RunEngine, thread: str, before: str) -> None:
    """Undo everything since that checkpoint; empty: everything."""
    if before:
        await engine.graph.aupdate_state(at(engine, thread, before), None, as_node="__copy__")
        return
    saver = engine.graph.checkpointer
    if isinstance(saver, BaseCheckpointSaver):
        await cast("BaseCheckpointSaver[str]", saver).adelete_thread(thread)
