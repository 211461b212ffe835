"""JSON documents of threads, runs and states, as LangGraph's SDK reads them. Pure."""

from collections.abc import Mapping
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.types import StateSnapshot

from service.runs.runs import shown
from service.runs.streaming import interrupts
from service.runs.threads import Thread
from service.runs.turns import Turn


def run_document(turn: Turn) -> dict[str, Any]:
    """A run of the API."""
    return {
        "run_id": turn.id,
        "thread_id": turn.thread,
        "assistant_id": turn.assistant,
        "created_at": turn.created_at.isoformat(),
        "updated_at": turn.updated_at.isoformat(),
        "status": turn.status,
        "metadata": turn.metadata,
        "multitask_strategy": turn.strategy,
        "kwargs": {"webhook": turn.webhook, "stream_mode": turn.asked.get("modes", [])},
        "cancel_reason": turn.cancel_reason,
        "error": {"code": turn.error_code, "message": turn.error} if turn.error_code else None,
    }


def thread_document(thread: Thread, state: StateSnapshot | None) -> dict[str, Any]:
    """A thread of the API, with its state where that was read."""
    tasks = state.tasks if state else ()
    return {
        "thread_id": thread.id,
        "created_at": thread.created_at.isoformat(),
        "updated_at": thread.updated_at.isoformat(),
        "state_updated_at": (state.created_at if state else None) or thread.updated_at.isoformat(),
        "metadata": thread.metadata,
        "config": thread.config,
        "status": thread.status,
        "values": shown(state.values) if state and state.values else None,
        "interrupts": {task.id: interrupts(task.interrupts) for task in tasks if task.interrupts},
    }


def state_document(state: StateSnapshot) -> dict[str, Any]:
    """A ``ThreadState``."""
    here, parent = _checkpoint(state.config), _checkpoint(state.parent_config)
    return {
        "values": shown(state.values),
        "next": list(state.next),
        "tasks": [
            {
                "id": task.id,
                "name": task.name,
                "path": list(task.path),
                "error": str(task.error) if task.error else None,
                "interrupts": interrupts(task.interrupts),
                "checkpoint": None,
                "state": None,
                "result": task.result,
            }
            for task in state.tasks
        ],
        "metadata": state.metadata,
        "created_at": state.created_at,
        "checkpoint": here,
        "parent_checkpoint": parent,
        "interrupts": interrupts(state.interrupts),
        "checkpoint_id": here["checkpoint_id"] if here else None,
        "parent_checkpoint_id": parent["checkpoint_id"] if parent else None,
    }


def _checkpoint(config: RunnableConfig | None) -> dict[str, Any] | None:
    named: Mapping[str, Any] = (config or {}).get("configurable", {})
    if not named:
        return None
    return {
        "thread_id": named.get("thread_id"),
        "checkpoint_ns": named.get("checkpoint_ns", ""),
        "checkpoint_id": named.get("checkpoint_id"),
        "checkpoint_map": None,
    }
