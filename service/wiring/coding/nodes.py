"""Nodes of the graphs, each with what it works with."""

from functools import partial

from approvals import Ballots, Clock, Voter
from database import now
from graphs import Nodes
from models import PromptSource
from nodes._masking import Masks
from nodes.ask import Asker
from nodes.assess import Assessor
from nodes.coder.changes import ChangeRunner
from nodes.deliver import Deliverer
from nodes.memory.recall import Recall
from nodes.observe import Observer
from nodes.plan import Planner
from nodes.publishing import Publisher
from nodes.rating.rules import Reviser
from nodes.receive import EnvironmentSetup, Receiver
from nodes.replan import Replanner
from nodes.review import Reviewer
from nodes.wait import Waiter
from retrieval import IndexFolder
from sandbox import Workspaces
from sandbox.environments import Environments
from service.prompts.selection import RunPrompts
from service.settings import Settings
from service.wiring.coding.coder import build_executor, build_team
from service.wiring.models import ModelSelection
from service.wiring.telemetry import trace_decision
from telemetry import Tracing
from tools import ToolServers


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
    publisher: Publisher,
    clock: Clock = now,
    resume_votes_as: Voter | None = None,
    tools: ToolServers | None = None,
    recall: Recall,
    prompts: RunPrompts,
) -> Nodes:
    """Build the nodes, each with what it works with."""
    store, risk, require, says = revise.store, revise.engine, revise.require, prompts.sources
    decided, set_up = partial(trace_decision, spans), EnvironmentSetup(environments=environments, tracer=spans.tracer)
    changes = ChangeRunner(
        workspaces=workspaces,
        store=store,
        masks=masks,
        indexes=indexes,
        engine=risk,
        require=require,
        ballots=ballots,
        tracer=spans.tracer,
    )
    execute = build_executor(settings, changes, selection, clock, says, tools, recall)
    observe = Observer(prompt=says["observe"], result=says["result"])
    return Nodes(
        receive=Receiver(store=store, masks=masks, roster=selection, clock=clock, set_up=set_up, publisher=publisher),
        plan=Planner(
            workspaces=workspaces,
            store=store,
            masks=masks,
            roster=selection,
            prompt=says["plan"],
            clock=clock,
            tracer=spans.tracer,
            test_minutes=settings.test_minutes,
            indexes=indexes,
            recall=recall,
        ),
        execute=execute,
        observe=observe,
        team=build_team(changes, execute, observe, says["returned"], clock),
        replan=Replanner(
            workspaces=workspaces, roster=selection, prompt=says["replan"], planner=says["plan"], clock=clock
        ),
        review=_reviewer(says["review"], selection, changes, clock),
        assess=Assessor(engine=risk, store=store, require=require, tracer=spans.tracer, publisher=publisher),
        ask=Asker(ballots=ballots, masks=masks),
        wait=Waiter(ballots=ballots, clock=clock, voter=resume_votes_as, revise=revise, decided=decided),
        deliver=Deliverer(delivery=publisher.delivery, ballots=ballots, publisher=publisher),
        tracer=spans.tracer,
    )


def _reviewer(prompt: PromptSource, selection: ModelSelection, changes: ChangeRunner, clock: Clock) -> Reviewer:
    return Reviewer(
        workspaces=changes.workspaces,
        store=changes.store,
        masks=changes.masks,
        roster=selection,
        engine=changes.engine,
        prompt=prompt,
        clock=clock,
        tracer=changes.tracer,
    )
