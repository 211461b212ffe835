"""Take a thread back to an earlier checkpoint: before a turn that is rolled back, or to try again from there."""

from typing import Any, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.types import StateSnapshot

from service.engine import Engine
from service.refusals import refuse


async def checkpoint(engine: Engine, thread: str, id_: str) -> StateSnapshot:
    """The state at a checkpoint. Raises ``checkpoint_not_found``."""
    state = await engine.graph.aget_state(at(engine, thread, id_))
    if not state.created_at:
        raise refuse("checkpoint_not_found", f"This thread has no checkpoint {id_[:64]!r}.")
    return state


def at(engine: Engine, thread: str, id_: str) -> RunnableConfig:
    """The configuration that names a checkpoint."""
    config = engine.config(thread)
    return {**config, "configurable": {**config.get("configurable", {}), "checkpoint_id": id_, "checkpoint_ns": ""}}


async def rewind(engine: Engine, thread: str, id_: str) -> None:
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
    await engine.graph.aupdate_state(at(engine, thread, id_), cleaned, as_node=came_from)


async def roll_back(engine: Engine, thread: str, before: str) -> None:
    """Undo everything since that checkpoint; empty: everything."""
    if before:
        await engine.graph.aupdate_state(at(engine, thread, before), None, as_node="__copy__")
        return
    saver = engine.graph.checkpointer
    if isinstance(saver, BaseCheckpointSaver):
        await cast("BaseCheckpointSaver[str]", saver).adelete_thread(thread)
