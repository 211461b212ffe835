"""Nodes of the graph, each with what it works with."""

from functools import partial

from approvals import Ballots, Clock, Voter
from database import now
from graphs import Nodes
from nodes._masking import Masks
from nodes._rating import Reviser
from nodes.ask import Asker
from nodes.assess import Assessor
from nodes.coder.changes import ChangeRunner
from nodes.coder.context import RecentTrees
from nodes.coder.loops import CandidateLoops
from nodes.coder.single import SingleAnswer
from nodes.coder.turns import CoderLoop
from nodes.deliver import Deliverer
from nodes.execute import Executor
from nodes.observe import Observer
from nodes.plan import Planner
from nodes.receive import EnvironmentSetup, Receiver
from nodes.replan import Replanner
from nodes.review import Reviewer
from nodes.wait import Waiter
from retrieval import IndexFolder
from sandbox import Delivery, Workspaces
from sandbox.environments import Environments
from service.settings import Settings
from service.wiring.models import ModelSelection
from service.wiring.prompts import prompt_sources
from service.wiring.telemetry import (
    trace_decision,
)
from telemetry import Tracing


def _executor(
    settings: Settings, changes: ChangeRunner, selection: ModelSelection, trees: RecentTrees, clock: Clock
) -> Executor:
    says = prompt_sources(settings)
    loop = CoderLoop(changes=changes, roster=selection, prompt=says["turn"], clock=clock, trees=trees)
    seconds, judging = settings.repair_seconds, says["judge"]
    single = SingleAnswer(
        changes=changes,
        roster=selection,
        prompt=says["execute"],
        judging=judging,
        clock=clock,
        trees=trees,
        provider_seconds=seconds,
    )
    return Executor(
        changes=changes,
        roster=selection,
        loop=loop,
        candidates=CandidateLoops(
            changes=changes, roster=selection, loop=loop, judging=judging, clock=clock, repair_seconds=seconds
        ),
        single=single,
        clock=clock,
    )


def build_nodes(
    settings: Settings,
    selection: ModelSelection,
    *,
    masks: Masks,
    indexes: IndexFolder,
    workspaces: Workspaces,
    environments: Environments | None = None,
    ballots: Ballots,
    spans: Tracing,
    revise: Reviser,
    clock: Clock = now,
    resume_votes_as: Voter | None = None,
) -> Nodes:
    """Build the nodes, each with what it works with."""
    store, risk, require, says = revise.store, revise.engine, revise.require, prompt_sources(settings)
    decided, set_up = partial(trace_decision, spans), EnvironmentSetup(environments=environments, tracer=spans.tracer)
    changes = ChangeRunner(
        workspaces=workspaces,
        store=store,
        masks=masks,
        engine=risk,
        require=require,
        ballots=ballots,
        tracer=spans.tracer,
        indexes=indexes,
    )
    return Nodes(
        receive=Receiver(store=store, masks=masks, roster=selection, clock=clock, set_up=set_up),
        plan=Planner(
            workspaces=workspaces,
            store=store,
            masks=masks,
            roster=selection,
            prompt=says["plan"],
            clock=clock,
            tracer=spans.tracer,
            indexes=indexes,
        ),
        execute=_executor(settings, changes, selection, RecentTrees(store, masks, indexes), clock),
        observe=Observer(prompt=says["observe"], result=says["result"]),
        replan=Replanner(
            workspaces=workspaces, roster=selection, prompt=says["replan"], planner=says["plan"], clock=clock
        ),
        review=Reviewer(
            workspaces=workspaces,
            store=store,
            masks=masks,
            roster=selection,
            engine=risk,
            prompt=says["review"],
            clock=clock,
            tracer=spans.tracer,
        ),
        assess=Assessor(engine=risk, store=store, require=require, tracer=spans.tracer),
        ask=Asker(ballots=ballots, masks=masks),
        wait=Waiter(ballots=ballots, clock=clock, voter=resume_votes_as, revise=revise, decided=decided),
        deliver=Deliverer(delivery=Delivery(store), ballots=ballots),
        tracer=spans.tracer,
    )
