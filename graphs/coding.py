"""The state machine of a run: receive → plan → execute → observe → replan → review → approve → deliver."""

from typing import Any, cast

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import RetryPolicy, TimeoutPolicy

from domain import Transient
from graphs.approving import approving
from graphs.routes import after_approve, after_observe, after_replan, after_review, at_once
from graphs.spans import traced
from graphs.staff import Staff
from graphs.state import State

CodingGraph = CompiledStateGraph[Any, Any, Any, Any]

RETRY = RetryPolicy(initial_interval=0.5, max_interval=30.0, max_attempts=4, retry_on=Transient)
"""Only what can get better by itself is tried again."""

SECONDS = {"receive": 600, "plan": 1_800, "execute": 3_600, "observe": 120, "replan": 900, "review": 3_600,
           "deliver": 600}  # fmt: skip
"""Hard ends for nodes that hang; the run's own budget is tighter and is checked before each call."""


def coding(staff: Staff, *, checkpointer: BaseCheckpointSaver[str] | None = None) -> CodingGraph:
    """Compile the graph that ``staff`` works in. The LangGraph server brings its own checkpointer."""
    graph = StateGraph(State)
    for name, node in staff.coding().items():
        # Delivering twice is worse than not delivering: its errors go to a person at once.
        graph.add_node(
            name,
            cast("Any", traced(name, node, staff.tracer)),
            input_schema=input_of(node),
            retry_policy=None if name == "deliver" else RETRY,
            timeout=TimeoutPolicy(run_timeout=SECONDS[name]),
        )
    graph.add_node("approve", approving(staff))
    graph.add_edge(START, "receive")
    graph.add_edge("receive", "plan")
    graph.add_edge("plan", "execute")
    graph.add_edge("execute", "observe")
    graph.add_conditional_edges("observe", at_once(after_observe), ["approve", "execute", "replan", "review", END])
    graph.add_conditional_edges("replan", at_once(after_replan), ["execute", END])
    graph.add_conditional_edges("review", at_once(after_review), ["approve", "replan", END])
    graph.add_conditional_edges("approve", at_once(after_approve), ["execute", "deliver", "replan", END])
    graph.add_edge("deliver", END)
    return graph.compile(checkpointer=checkpointer, name="coding")


def input_of(node: object) -> type[Any]:
    """Return the slice of the state that a node declares: the type of its first parameter."""
    return next(iter(type(node).__call__.__annotations__.values()))
