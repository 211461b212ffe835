"""What the nodes need of the people they work with, as narrow as it gets."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from domain import FailureKind, Requirement, Task, Tier
from models import Model, Provider, Role, Settings

Clock = Callable[[], datetime]
"""Says what time it is, with a time zone."""

Require = Callable[[Tier], Requirement]
"""Says who must sign an action of a tier, in the organisation's mode."""


class Roster(Protocol):
    """Knows who does which job for a task (strategy, role, kind of failure)."""

    def model(self, role: Role, task: Task) -> Model | None:
        """The model for a role; None when no model is configured."""
        ...

    def settings(self, role: Role) -> Settings:
        """Sampling and bounds of a role."""
        ...

    def providers(self, task: Task, *, attempt: int, failure: FailureKind | None) -> Sequence[Provider]:
        """Who proposes a change now, best first; several mean n-best by evidence."""
        ...

    def last_resort(self, task: Task) -> Provider | None:
        """Who is asked when none of the providers answered (F6)."""
        ...

    def choose_expert(self, text: str, paths: Sequence[str]) -> str:
        """Id of the expert for a task."""
        ...

    def expert_prompt(self, expert: str) -> str:
        """What this expert is told about itself."""
        ...
