"""Models as the nodes know them: who is asked for which role, and a question within the run's budget."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import Protocol, TypedDict, TypeVar

from pydantic import TypeAdapter

from domain import Requirement, Spent, Task, Tier
from domain.evidence import FailureKind
from domain.limits import QUESTION, ensure_within
from domain.progress import CandidateLoop
from models import (
    Message,
    Model,
    ModelSettings,
    Provider,
    Question,
    Reply,
    Role,
    SelectionContext,
    Usage,
    metered,
)
from models.contract import DialectName
from nodes._events import announce
from sandbox import Pinned

T = TypeVar("T")

Clock = Callable[[], datetime]
"""Says what time it is, with a time zone."""

Require = Callable[[Tier], Requirement]
"""Says who must sign an action of a tier, in the organisation's mode."""


class Asking(TypedDict):
    """What a node's slice holds when it asks a model."""

    run: str
    org: str
    task: Task
    pinned: Pinned
    expert: str
    spent: Spent


def selection(
    state: Asking,
    *,
    attempt: int = 1,
    failure: FailureKind | None = None,
    spent: Spent | None = None,
    red: FailureKind = "general",
) -> SelectionContext:
    """What a model or a provider is chosen by, as the state has it."""
    return SelectionContext(
        run=state["run"],
        org=state["org"],
        task=state["task"],
        tree=state["pinned"].tree,
        expert=state["expert"],
        spent=spent or state["spent"],
        attempt=attempt,
        failure=failure,
        red=red,
    )


class Roster(Protocol):
    """Knows who does which job (role, strategy, kind of failure, workspace policy, what is left of the budget)."""

    async def admit(self, context: SelectionContext) -> None:
        """Refuse at the start what would be refused in the middle of the run.

        Raises:
            Refused: ``unknown_strategy``, ``workspace_policy_invalid``, ``policy_forbids_all`` …
        """
        ...

    async def model(self, role: Role, context: SelectionContext, *, provider: str = "") -> Model | None:
        """The model for a role, of ``provider`` where one is named.

        None: none is configured or allowed, or the strategy spares the role.
        """
        ...

    def settings(self, role: Role) -> ModelSettings:
        """Sampling and bounds of a role."""
        ...

    async def dialect(self, role: Role, context: SelectionContext, *, provider: str = "") -> DialectName:
        """How this role's model is spoken to: turn by turn with tools or in text, or with one answer for all."""
        ...

    async def loops(self, context: SelectionContext) -> tuple[CandidateLoop, ...]:
        """The loops of the coder that work on one change as candidates; none: one coder works on its own."""
        ...

    async def team(self, context: SelectionContext) -> int:
        """How many workers share the steps of a plan; 0: one coder does them one after the other."""
        ...

    async def providers(self, context: SelectionContext) -> Sequence[Provider]:
        """Who proposes a change now, best first; several mean n-best by evidence."""
        ...

    async def last_resort(self, context: SelectionContext) -> Provider | None:
        """Who is asked when none of the providers answered (F6)."""
        ...

    def choose_expert(self, text: str, paths: Sequence[str]) -> str:
        """Id of the expert for a task."""
        ...

    def expert_prompt(self, expert: str) -> str:
        """What this expert is told about itself."""
        ...


def spent_on(usage: Usage) -> Spent:
    """Book a model's usage."""
    return Spent(
        tokens_in=usage.tokens_in, tokens_out=usage.tokens_out, cost=usage.cost, model_calls=max(1, usage.calls)
    )


async def ask_within_budget(
    model: Model, question: Question[T], *, task: Task, spent: Spent, now: datetime
) -> Reply[T]:
    """Ask, while the run has tokens, minutes and money left. What the call itself may use is checked by its ledger.

    Raises:
        Exhausted: before anything was sent.
        everything ``Model.ask`` raises.
    """
    ensure_within(task.budget, spent, started_at=task.received_at, now=now, limits=QUESTION)
    with metered() as meter:
        reply = await model.ask(question)
    reply = replace(reply, usage=meter.usage)  # those who were asked before and failed are paid for, too
    announce(
        "model_called",
        reply.model,
        tokens_in=reply.usage.tokens_in,
        tokens_out=reply.usage.tokens_out,
        cost=str(reply.usage.cost),
        latency_ms=round(reply.latency_ms, 1),
    )
    return reply


async def consult(
    model: Model,
    messages: Sequence[Message],
    answer: type[T],
    *,
    settings: ModelSettings,
    task: Task,
    spent: Spent,
    now: datetime,
) -> Reply[T]:
    """Ask for a value. See ``ask_within_budget``."""
    question = Question(messages, answer, settings=settings)
    return await ask_within_budget(model, question, task=task, spent=spent, now=now)


def as_json(value: object) -> str:
    """Return a value of the domain as the JSON a model would have answered."""
    return _adapter(type(value)).dump_json(value).decode()


@cache
def _adapter(kind: type) -> TypeAdapter[object]:
    # Making one costs ten times what using it does.
    return TypeAdapter(kind)
