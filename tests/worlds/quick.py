"""Colleagues that take no time: a graph of ours with real questions and deliveries, and nothing else in it."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from langchain_core.messages import AIMessage

from approvals import action_digest
from benchmarks.idle import DIGEST, PLAN, nodes
from domain import Action, Ending, Plan, Refused, Requirement, Risk, Spent, Step, Verdict
from graphs import Nodes, coding
from nodes.ask import Asker, AskInput
from nodes.assess import AssessInput
from nodes.deliver import DeliverInput
from nodes.execute import ExecuteInput
from nodes.receive import ReceiveInput
from nodes.replan import ReplanInput
from nodes.wait import Waiter
from sandbox import Pinned, Store
from service.wiring.application import Application
from service.wiring.telemetry import RunSpans

Answer = Mapping[str, Any]
ACTION = Action(tool="branch", arguments={"message": "m", "branch": "b"}, target="/nowhere", content="tree")

FORKED = Plan(
    goal="Four steps <script>",
    steps=(
        Step(id="model", title="Write <b>the</b> model"),
        Step(id="api", title="The API over it, with a title that is longer than its box", needs=("model",)),
        Step(id="docs", title="Say so in the docs", needs=("model",), role="docs"),
        Step(id="tests", title="Tests for both", needs=("model", "api", "docs")),
    ),
)


@dataclass(frozen=True, slots=True)
class Receives:
    set_up: Any = field(default_factory=lambda: SimpleNamespace(environments=None))
    """Nothing is built here."""

    async def __call__(self, state: ReceiveInput) -> Answer:
        return {"task": state["task"], "expert": "code_general", "spent": Spent(), "round": 0}


@dataclass(frozen=True, slots=True)
class Executes:
    """Waits at a gate when the task says ``slow``, breaks when it says ``broken``."""

    gate: asyncio.Event

    async def __call__(self, state: ExecuteInput) -> Answer:
        if "slow" in state["task"].text:
            await self.gate.wait()
        if "broken" in state["task"].text:
            raise RuntimeError("something nobody thought of")
        return {"attempts": (), "tries": 1, "spent": Spent(steps=1), "plan": PLAN}


@dataclass(frozen=True, slots=True)
class Replans:
    """Has no other plan: what a signer rejects with words ends there."""

    async def __call__(self, state: ReplanInput) -> Answer:
        verdict = state.get("verdict")
        # Words on a thread that has ended come as a rejection, too, of no ballot: they are the next work.
        rejected = verdict is not None and verdict.state == "rejected" and verdict.ballot != ""
        return {"ending": Ending(status="rejected", answer_markdown="Then not.")} if rejected else {}


@dataclass(frozen=True, slots=True)
class Assesses:
    """A signature is due when the task or its repository says ``sign``; ``forked`` had a plan of four steps."""

    humans: int = 1
    alone: bool = True

    async def __call__(self, state: AssessInput) -> Answer:
        task = state["task"]
        asks = self.humans if "sign" in task.text + task.repo else 0
        tier = "high" if asks else "low"
        requirement = Requirement(tier=tier, humans=asks, allow_self=self.alone, notify=bool(asks))
        plan = {"plan": FORKED} if "forked" in task.text else {}
        return {"action": ACTION, "risk": Risk(tier=tier), "requirement": requirement, "verdict": None, **plan}


class Blank(Store):
    """The content store of runs that have no repository: nothing lies in it."""

    def __init__(self) -> None:
        super().__init__(Path("/nonexistent"))

    def pinned(self, run: str) -> Pinned:
        return Pinned(repo=run, commit="0" * 40, tree="0" * 40)

    async def files(self, run: str, tree: str) -> tuple[str, ...]:
        return ()

    async def read_many(self, run: str, tree: str, paths: Sequence[str], *, limit: int) -> dict[str, bytes]:
        return {}


@dataclass(frozen=True, slots=True)
class Asks:
    """Asks for real, unless the task says ``nothing``: then only the service itself is measured."""

    ballots: Any

    async def __call__(self, state: AskInput) -> Answer:
        if "nothing" not in state["task"].text:
            return await Asker(ballots=self.ballots)(state)
        return {"ballot": "b", "verdict": Verdict(ballot="b", state="approved", action_digest=DIGEST)}


@dataclass(frozen=True, slots=True)
class Delivers:
    """Uses the approval up and writes a line."""

    ballots: Any
    book: Path

    async def __call__(self, state: DeliverInput) -> Answer:
        if "nothing" in state["task"].text:
            return {"ending": Ending(status="delivered", answer_markdown="Nothing.")}
        try:
            await self.ballots.consume(state["ballot"], state["org"], action_digest(state["action"]))
        except Refused as error:
            # As the real one: consumed before a crash, so the world is looked at before it is acted on again.
            if error.stable_code != "already_consumed":
                raise
        lines = self.book.read_text().split() if self.book.exists() else []
        if state["run"] not in lines:
            with self.book.open("a") as book:
                book.write(f"{state['run']}\n")
        await self.ballots.executed(state["ballot"], state["org"])
        return {"ending": Ending(status="delivered", answer_markdown="Done."), "messages": [AIMessage(content="Done.")]}


def quick(application: Application, book: Path, gate: asyncio.Event, *, humans: int = 1) -> Nodes:
    """Colleagues that take no time; only questions and deliveries are real."""
    assert isinstance(application.engine.spans, RunSpans)
    people: dict[str, Any] = {
        "receive": Receives(),
        "execute": Executes(gate),
        "replan": Replans(),
        "assess": Assesses(humans, application.settings.approvals_mode == "solo"),
        "ask": Asks(application.ballots),
        "wait": Waiter(ballots=application.ballots, clock=application.engine.clock),
        "deliver": Delivers(application.ballots, book),
    }
    return replace(nodes(application.engine.spans.tracing.tracer), **people)


def idle_house(application: Application, book: Path, gate: asyncio.Event, *, humans: int = 1) -> Application:
    """The same house, with colleagues that take no time."""
    quiet = replace(application, revise=replace(application.revise, store=Blank()))
    return employing(quiet, quick(application, book, gate, humans=humans))


def employing(application: Application, nodes: Nodes) -> Application:
    """The same house with other colleagues."""
    graph = coding(nodes, checkpointer=application.engine.graph.checkpointer)
    return replace(application, nodes=nodes, engine=replace(application.engine, graph=graph))
