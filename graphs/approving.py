"""The subgraph that gets an action signed: assess → ask → wait."""

from typing import Any, cast

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from graphs.nodes import Nodes
from graphs.routes import after_ask, after_wait, at_once
from graphs.spans import traced
from graphs.state import State


def approving(nodes: Nodes) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Compile the subgraph. Side effects live in ``ask``; the interrupt lives alone in ``wait``."""
    graph = StateGraph(State)
    for name, node in nodes.approving().items():
        slice_ = next(iter(type(node).__call__.__annotations__.values()))
        graph.add_node(name, cast("Any", traced(name, node, nodes.tracer)), input_schema=slice_)
    graph.add_edge(START, "assess")
    graph.add_edge("assess", "ask")
    graph.add_conditional_edges("ask", at_once(after_ask), ["wait", END])
    graph.add_conditional_edges("wait", at_once(after_wait), ["wait", END])
    # Without a checkpointer of its own it has its parent's: a pause in here is a pause of the run.
    return graph.compile(name="approve")
