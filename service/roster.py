"""Who does which job: models by role and strategy, the repair engine where there is none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from domain import FailureKind, Task
from models import Asked, Catalogue, Model, Provider, Role, Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The roster of one process. Without models everybody's work falls to the repair engine."""

    models: Mapping[Role, Model]
    catalogue: Catalogue
    repair: Provider
    timeout_s: float = 300.0

    def model(self, role: Role, task: Task) -> Model | None:
        """The model for a role; ``single`` and ``fast`` spare the planner and the reviewer."""
        self.catalogue.strategy(task.strategy)  # an unknown name is refused here
        alone = task.strategy in {"single", "fast"} and role in {"planner", "reviewer"}
        return None if alone else self.models.get(role)

    def settings(self, role: Role) -> Settings:
        return self.catalogue.settings(role, timeout_s=self.timeout_s)

    def providers(self, task: Task, *, attempt: int, failure: FailureKind | None) -> Sequence[Provider]:
        """The coder; several candidates where quality is wanted or failing tests resist."""
        coder = self.models.get("coder")
        if coder is None:
            return (self.repair,)
        asked = Asked(model=coder)
        if task.strategy == "quality" or (attempt > 1 and failure == "tests" and task.strategy == "balanced"):
            return (asked, self.repair)
        return (asked,)

    def last_resort(self, task: Task) -> Provider | None:
        """The repair engine answers when no endpoint does."""
        return self.repair if "coder" in self.models and task.strategy != "single" else None

    def choose_expert(self, text: str, paths: Sequence[str]) -> str:
        return self.catalogue.choose_expert(text, paths).id

    def expert_prompt(self, expert: str) -> str:
        return self.catalogue.expert(expert).prompt
