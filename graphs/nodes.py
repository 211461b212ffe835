"""Nodes of the graphs, by name. The wiring makes them once."""

from dataclasses import dataclass

from opentelemetry.trace import Tracer

from graphs.spans import Node
from nodes.ask import Asker
from nodes.assess import Assessor
from nodes.deliver import Deliverer
from nodes.execute import Executor
from nodes.observe import Observer
from nodes.plan import Planner
from nodes.receive import Receiver
from nodes.replan import Replanner
from nodes.review import Reviewer
from nodes.team import Supervisor
from nodes.wait import Waiter


@dataclass(frozen=True, slots=True, kw_only=True)
class Nodes:
    """Every node, and the tracer that their visits are seen by."""

    receive: Receiver
    plan: Planner
    execute: Executor
    observe: Observer
    replan: Replanner
    team: Supervisor
    review: Reviewer
    assess: Assessor
    ask: Asker
    wait: Waiter
    deliver: Deliverer
    tracer: Tracer

    def coding(self) -> dict[str, Node]:
        """The nodes of the main graph, by name."""
        return {
            "receive": self.receive,
            "plan": self.plan,
            "execute": self.execute,
            "observe": self.observe,
            "replan": self.replan,
            "team": self.team,
            "review": self.review,
            "deliver": self.deliver,
        }

    def approving(self) -> dict[str, Node]:
        """The nodes of the subgraph that gets a signature, by name."""
        return {"assess": self.assess, "ask": self.ask, "wait": self.wait}
