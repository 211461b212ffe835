"""The state machine of a run: receive → plan → execute → observe → replan → review → approve → deliver."""

from typing import Any, cast

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import TimeoutPolicy

from graphs.approving import approving
from graphs.nodes import Nodes
from graphs.retry import retried
from graphs.routes import after_approve, after_observe, after_plan, after_replan, after_review, after_team, at_once
from graphs.spans import traced
from graphs.state import State

CodingGraph = CompiledStateGraph[Any, Any, Any, Any]

SECONDS = {
    "receive": 5_400,
    "plan": 3_600,
    "execute": 7_200,
    "observe": 240,
    "replan": 1_800,
    "review": 5_400,
    "deliver": 600,
}
"""Hard ends for nodes that hang, all attempts together; the run's own budget is tighter and is checked before each
call."""


def coding(nodes: Nodes, *, checkpointer: BaseCheckpointSaver[str] | None = None) -> CodingGraph:
    """Compile the graph that ``nodes`` works in. The LangGraph server brings its own checkpointer."""
    graph = StateGraph(State)
    for name, node in nodes.coding().items():
        visit = traced(name, node, nodes.tracer)
        # Delivering twice is worse than not delivering: its errors go to a person at once. A team tries its turns and
        # merges again by itself.
        graph.add_node(
            name,
            cast("Any", visit if name in {"deliver", "team"} else retried(visit)),
            input_schema=input_of(node),
            # A team bounds its turns and merges itself: they outlast the visit that began them, and what a node with a
            # time-out tells after its end is dropped by LangGraph.
            timeout=TimeoutPolicy(run_timeout=SECONDS[name]) if name in SECONDS else None,
        )
    graph.add_node("approve", approving(nodes))
    graph.add_edge(START, "receive")
    graph.add_edge("receive", "plan")
    graph.add_conditional_edges("plan", at_once(after_plan), ["execute", "team"])
    graph.add_edge("execute", "observe")
    graph.add_conditional_edges(
        "observe", at_once(after_observe), ["approve", "execute", "replan", "review", "team", END]
    )
    graph.add_conditional_edges("replan", at_once(after_replan), ["execute", "team", END])
    graph.add_conditional_edges("team", at_once(after_team), ["approve", "replan", "review", "team", END])
    graph.add_conditional_edges("review", at_once(after_review), ["approve", "replan", END])
    graph.add_conditional_edges("approve", at_once(after_approve), ["execute", "team", "deliver", "replan", END])
    graph.add_edge("deliver", END)
    return graph.compile(checkpointer=checkpointer, name="coding")


def input_of(node: object) -> type[Any]:
    """Return the slice of the state that a node declares: the type of its first parameter."""
    return next(iter(type(node).__call__.__annotations__.values()))
