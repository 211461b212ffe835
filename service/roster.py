"""Who does which job: models by role and strategy, the repair engine where there is none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from models import Asked, Catalogue, Errand, Model, Provider, Role, Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The roster of one process. Without models everybody's work falls to the repair engine."""

    models: Mapping[Role, Model]
    catalogue: Catalogue
    repair: Provider
    timeout_s: float = 300.0

    async def admit(self, errand: Errand) -> None:
        """Refuse an unknown strategy before anything happens."""
        self.catalogue.strategy(errand.task.strategy)

    def model(self, role: Role, errand: Errand) -> Model | None:
        """The model for a role; ``single`` and ``fast`` spare the planner and the reviewer."""
        alone = errand.task.strategy in {"single", "fast"} and role in {"planner", "reviewer"}
        return None if alone else self.models.get(role)

    def settings(self, role: Role) -> Settings:
        return self.catalogue.settings(role, timeout_s=self.timeout_s)

    async def providers(self, errand: Errand) -> Sequence[Provider]:
        """The coder; several candidates where quality is wanted or failing tests resist."""
        coder = self.models.get("coder")
        if coder is None:
            return (self.repair,)
        asked = Asked(model=coder)
        strategy, again = errand.task.strategy, errand.attempt > 1 and errand.failure == "tests"
        if strategy == "quality" or (again and strategy == "balanced"):
            return (asked, self.repair)
        return (asked,)

    async def last_resort(self, errand: Errand) -> Provider | None:
        """The repair engine answers when no endpoint does."""
        return self.repair if "coder" in self.models and errand.task.strategy != "single" else None

    def choose_expert(self, text: str, paths: Sequence[str]) -> str:
        return self.catalogue.choose_expert(text, paths).id

    def expert_prompt(self, expert: str) -> str:
        return self.catalogue.expert(expert).prompt
