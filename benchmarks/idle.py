"""The graph of a run with nobody doing anything: what is left is what Signoff itself costs.

``nodes`` gives eleven nodes that read their real slices and answer at once; ``bare`` is a LangGraph
graph of the same shape, with the same answers and arrows and nothing of ours around them.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, cast, get_type_hints

from langgraph.graph import END, START, StateGraph
from langgraph.types import Checkpointer
from opentelemetry.trace import Tracer

from domain import Ending, Plan, Risk, Spent, Step, Task, Verdict
from graphs import CodingGraph
from graphs.nodes import Nodes
from graphs.routes import (
    after_approve,
    after_ask,
    after_observe,
    after_plan,
    after_replan,
    after_review,
    after_team,
    after_wait,
)
from graphs.state import State

TASK = Task(text="Nothing at all", repo="/nowhere", accept="true")
PLAN = Plan(goal="nothing", steps=(Step(id="1", title="do nothing"),), acceptance="true")
DIGEST = "0" * 64

ANSWERS: Mapping[str, Mapping[str, Any]] = {
    "receive": {"task": TASK, "expert": "code_general", "spent": Spent()},
    "plan": {"plan": PLAN, "done": (), "context": "", "planning": ()},
    "execute": {"attempts": (), "tries": 1, "spent": Spent(steps=1)},
    "observe": {"done": ("1",), "evidence": (), "tries": 0},
    "replan": {},
    "team": {},
    "review": {"findings": (), "diff": "", "review": None},
    "assess": {"risk": Risk(tier="low"), "verdict": None},
    "ask": {"ballot": "b", "verdict": Verdict(ballot="b", state="approved", action_digest=DIGEST)},
    "wait": {},
    "deliver": {"ending": Ending(status="delivered")},
}
VISITS = 8
"""Nodes of one run: receive plan execute observe review assess ask deliver."""

Node = Callable[[Any], Awaitable[Mapping[str, Any]]]


def idler(name: str, slice_: type) -> Node:
    """A node that declares the real node's slice and does nothing with it."""
    answer = ANSWERS[name]

    @dataclass(frozen=True, slots=True)
    class Idler:
        async def __call__(self, _: Any) -> Mapping[str, Any]:
            return answer

    Idler.__call__.__annotations__["_"] = slice_
    return Idler()


def nodes(tracer: Tracer) -> Nodes:
    """Eleven idlers and a real tracer."""
    people: dict[str, Any] = {"tracer": tracer}
    hints = get_type_hints(Nodes)
    for name in ANSWERS:
        hints_of_call = get_type_hints(hints[name].__call__)
        people[name] = idler(name, next(iter(hints_of_call.values())))
    assert set(people) == {field.name for field in fields(Nodes)}
    return Nodes(**people)


def bare(checkpointer: Checkpointer) -> CodingGraph:
    """The same nodes and arrows in plain LangGraph: no slices, spans, events, logs, retries or time-outs."""

    def plain(name: str) -> Any:
        async def node(_: State) -> Mapping[str, Any]:
            return ANSWERS[name]

        return node

    approve = StateGraph(State)
    for name in ("assess", "ask", "wait"):
        approve.add_node(name, plain(name))
    approve.add_edge(START, "assess")
    approve.add_edge("assess", "ask")
    approve.add_conditional_edges("ask", after_ask, ["wait", END])
    approve.add_conditional_edges("wait", after_wait, ["wait", END])

    graph = StateGraph(State)
    for name in ("receive", "plan", "execute", "observe", "replan", "team", "review", "deliver"):
        graph.add_node(name, plain(name))
    graph.add_node("approve", approve.compile())
    graph.add_edge(START, "receive")
    graph.add_edge("receive", "plan")
    graph.add_conditional_edges("plan", after_plan, ["execute", "team"])
    graph.add_edge("execute", "observe")
    graph.add_conditional_edges("observe", after_observe, ["approve", "execute", "replan", "review", "team", END])
    graph.add_conditional_edges("replan", after_replan, ["execute", "team", END])
    graph.add_conditional_edges("team", after_team, ["approve", "replan", "review", "team", END])
    graph.add_conditional_edges("review", after_review, ["approve", "replan", END])
    graph.add_conditional_edges("approve", after_approve, ["execute", "team", "deliver", "replan", END])
    graph.add_edge("deliver", END)
    return cast("CodingGraph", graph.compile(checkpointer=checkpointer))
