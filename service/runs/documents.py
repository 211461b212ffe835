"""JSON documents of threads, runs and states, as LangGraph's SDK reads them. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableConfig
from langgraph.types import StateSnapshot

from service.errors import refuse
from service.runs.runs import shown
from service.runs.streaming import interrupts
from service.runs.threads import GRAPH, Thread, picked
from service.runs.turns import Turn

RUN_FIELDS = frozenset(
    {
        "run_id",
        "thread_id",
        "assistant_id",
        "created_at",
        "updated_at",
        "status",
        "metadata",
        "multitask_strategy",
        "kwargs",
        "cancel_reason",
        "error",
    }
)


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
        "kwargs": {
            **turn.asked.get("kwargs", {}),
            "webhook": turn.webhook,
            "stream_mode": turn.asked.get("modes", []),
            "subgraphs": bool(turn.asked.get("subgraphs")),
        },
        "cancel_reason": turn.cancel_reason,
        "error": {"code": turn.error_code, "message": turn.error} if turn.error_code else None,
    }


def thread_document(thread: Thread, state: StateSnapshot | None, failed: Turn | None = None) -> dict[str, Any]:
    """A thread of the API, with its state where that was read; ``failed``: the turn that left it in error."""
    tasks = state.tasks if state else ()
    return {
        "thread_id": thread.id,
        "created_at": thread.created_at.isoformat(),
        "updated_at": thread.updated_at.isoformat(),
        "state_updated_at": (state.created_at if state else None) or thread.updated_at.isoformat(),
        "metadata": thread.metadata,
        "config": thread.config,
        "status": thread.status,
        "error": {"error": failed.error_code, "message": failed.error} if failed and failed.error_code else None,
        "values": shown(state.values) if state and state.values else None,
        "interrupts": {task.id: interrupts(task.interrupts) for task in tasks if task.interrupts},
    }


EXTRACTABLE = frozenset({"values", "metadata", "config", "interrupts"})
MOST_EXTRACTS = 10


def ensure_extracts(paths: Mapping[str, str]) -> None:
    """Check what a search wants to have extracted. Raises ``request_invalid``, where LangGraph's server does."""
    if len(paths) > MOST_EXTRACTS:
        raise refuse("request_invalid", f"At most {MOST_EXTRACTS} values are extracted.")
    for alias, path in paths.items():
        if not (alias.isascii() and alias.isidentifier()):
            raise refuse("request_invalid", f"{alias[:60]!r} is no name for an extracted value.")
        if path.split(".")[0].split("[")[0] not in EXTRACTABLE:
            raise refuse("request_invalid", f"Paths to extract begin with one of: {', '.join(sorted(EXTRACTABLE))}.")


def extracted(document: Any, path: str) -> Any:
    """What stands in a JSON document at a path such as ``values.messages[-1].content``; None: nothing."""
    for part in path.replace("[", ".[").split("."):
        index = part[1:-1] if part.startswith("[") and part.endswith("]") else None
        if index is None:
            document = document.get(part) if isinstance(document, dict) else None
            continue
        digits = index.removeprefix("-")
        if not isinstance(document, list) or not (digits.isascii() and digits.isdigit()) or len(digits) > _DIGITS:
            return None
        document = document[int(index)] if -len(document) <= int(index) < len(document) else None
    return document


# Of an index; no list is longer.
_DIGITS = 9


def select_state(document: Mapping[str, Any], select: Sequence[str] | None) -> dict[str, Any]:
    """Only these fields of a state; ``values.KEY`` is one of its values. Raises ``request_invalid``."""
    if not select:
        return dict(document)
    whole = [name for name in select if not name.startswith("values.")]
    chosen = picked(document, whole, allowed=document) if whole else {}
    keys = [name.removeprefix("values.") for name in select if name.startswith("values.")]
    if keys and "values" not in chosen:
        chosen["values"] = {key: document["values"][key] for key in keys if key in document["values"]}
    return chosen


def state_document(state: StateSnapshot) -> dict[str, Any]:
    """A ``ThreadState``."""
    here, parent = _checkpoint(state.config), _checkpoint(state.parent_config)
    return {
        "values": _with_calls(shown(state.values), state),
        "next": list(state.next),
        "tasks": [
            {
                "id": task.id,
                "name": task.name,
                "path": list(task.path),
                "error": str(task.error) if task.error else None,
                "interrupts": interrupts(task.interrupts),
                "checkpoint": None,
                "state": state_document(task.state) if isinstance(task.state, StateSnapshot) else None,
                "result": task.result,
            }
            for task in state.tasks
        ],
        "metadata": {
            "thread_id": state.config.get("configurable", {}).get("thread_id"),
            "graph_id": GRAPH,
            **(state.metadata or {}),
        },
        "created_at": state.created_at,
        "checkpoint": here,
        "parent_checkpoint": parent,
        "interrupts": interrupts(state.interrupts),
        "checkpoint_id": here["checkpoint_id"] if here else None,
        "parent_checkpoint_id": parent["checkpoint_id"] if parent else None,
    }


CALL = "waits-for-"
"""How the ids of messages begin that are shown and are in no state."""


def _with_calls(values: dict[str, Any], state: StateSnapshot) -> dict[str, Any]:
    """The values, with a message that calls for what the state waits for: chat clients offer a decision at such a call.

    It is there as long as the interrupt is, so what was decided is told by nothing but what happened then.
    """
    calls = [
        AIMessage(
            "", id=f"{CALL}{each.id}", tool_calls=[{"name": request["name"], "args": request["args"], "id": each.id}]
        )
        for each in state.interrupts
        if isinstance(each.value, dict)
        for request in each.value.get("action_requests", ())
    ]
    return {**values, "messages": [*values.get("messages", ()), *calls]} if calls else values


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
