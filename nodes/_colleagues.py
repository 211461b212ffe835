"""What the nodes need of the people they work with, as narrow as it gets."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol, TypedDict

from domain import FailureKind, Requirement, Spent, Task, Tier
from models import Model, ModelSettings, Provider, Role, SelectionContext
from sandbox import Pinned

Clock = Callable[[], datetime]
"""Says what time it is, with a time zone."""

Require = Callable[[Tier], Requirement]
"""Says who must sign an action of a tier, in the organisation's mode."""


class Asking(TypedDict):
    """What a node's slice holds when it asks somebody."""

    run: str
    org: str
    task: Task
    pinned: Pinned
    expert: str
    spent: Spent


def errand(
    state: Asking, *, attempt: int = 1, failure: FailureKind | None = None, spent: Spent | None = None
) -> SelectionContext:
    """What somebody is wanted for, as the state has it."""
    return SelectionContext(
        run=state["run"], org=state["org"], task=state["task"], tree=state["pinned"].tree, expert=state["expert"],
        spent=spent or state["spent"], attempt=attempt, failure=failure,
    )  # fmt: skip


class Roster(Protocol):
    """Knows who does which job (role, strategy, kind of failure, workspace policy, what is left of the budget)."""

    async def admit(self, errand: SelectionContext) -> None:
        """Refuse at the start what would be refused in the middle of the run.

        Raises:
            Refused: ``unknown_strategy``, ``workspace_policy_invalid``, ``policy_forbids_all`` …
        """
        ...

    async def model(self, role: Role, errand: SelectionContext) -> Model | None:
        """The model for a role; None: none is configured or allowed, or the strategy spares the role."""
        ...

    def settings(self, role: Role) -> ModelSettings:
        """Sampling and bounds of a role."""
        ...

    async def providers(self, errand: SelectionContext) -> Sequence[Provider]:
        """Who proposes a change now, best first; several mean n-best by evidence."""
        ...

    async def last_resort(self, errand: SelectionContext) -> Provider | None:
        """Who is asked when none of the providers answered (F6)."""
        ...

    def choose_expert(self, text: str, paths: Sequence[str]) -> str:
        """Id of the expert for a task."""
        ...

    def expert_prompt(self, expert: str) -> str:
        """What this expert is told about itself."""
        ...
