"""What there is to choose from: models, strategies, roles, experts, rules. Read from YAML, checked, never guessed."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from pydantic import Field

from domain import Refused, value
from models.cards import TIERS, File, ModelCard, Persistence, RoleCard, Rule, Strategy
from models.chat import Price
from models.contract import Role, Settings
from models.experts import Expert, choose_expert
from models.policy import WorkspacePolicy
from models.sources import read_yaml
from models.standing import Standing, Stands, known, stands

HERE = Path(__file__).parent

Entry = TypeVar("Entry", ModelCard, Expert)


@value
class Catalogue:
    """Everything there is to choose from."""

    models: tuple[ModelCard, ...]
    strategies: dict[str, Strategy]
    roles: dict[Role, RoleCard]
    rules: tuple[Rule, ...]
    experts: tuple[Expert, ...]
    policy: WorkspacePolicy = Field(default_factory=WorkspacePolicy)
    """Of the installation."""
    standings: dict[str, Standing] = Field(default_factory=dict)
    persistence: Persistence = Field(default_factory=Persistence)

    def settings(self, role: Role, *, timeout_s: float = 300.0) -> Settings:
        """Sampling and bounds of a role."""
        card = self.roles[role]
        return Settings(
            temperature=card.temperature, max_tokens=card.max_tokens, timeout_s=card.timeout_s or timeout_s
        )  # fmt: skip

    def choose_expert(self, text: str, paths: Sequence[str]) -> Expert:
        """See ``experts.choose_expert``."""
        return choose_expert(self.experts, text, paths)

    def expert(self, expert_id: str) -> Expert:
        """Return an expert by its id.

        Raises:
            Refused: ``unknown_expert``, naming those there are.
        """
        if (found := next((e for e in self.experts if e.id == expert_id), None)) is not None:
            return found
        known = ", ".join(e.id for e in self.experts)
        raise Refused(f"There is no expert {expert_id!r}.", code="unknown_expert", hint=f"There are: {known}.")

    def model(self, model_id: str) -> ModelCard:
        """Return a model by its id.

        Raises:
            Refused: ``unknown_model``.
        """
        if (found := next((m for m in self.models if m.id == model_id), None)) is not None:
            return found
        known = ", ".join(m.id for m in self.models)
        raise Refused(f"The catalogue has no model {model_id!r}.", code="unknown_model", hint=f"There are: {known}.")

    def strategy(self, name: str) -> Strategy:
        """Return a strategy by its name.

        Raises:
            Refused: ``unknown_strategy``.
        """
        if name not in self.strategies:
            raise Refused(f"There is no strategy {name!r}.", code="unknown_strategy",
                          hint=f"There are: {', '.join(sorted(self.strategies))}.")  # fmt: skip
        return self.strategies[name]

    def stands(self, org: str, subject: str, given: str = "") -> Stands:
        """See ``standing.stands``."""
        return stands(self.standings, org=org, subject=subject, given=given)

    def standing(self, name: str) -> Standing:
        """Return a standing by its name. Raises Refused ``unknown_standing``."""
        return known(self.standings, name)

    def price(self, model_id: str | None) -> Price:
        """What a model costs. One that the catalogue does not know costs as much as the dearest one: budgets hold."""
        card = next((card for card in self.models if card.id == model_id), None)
        return self.dearest if card is None else card.price_or(self.dearest)

    @property
    def dearest(self) -> Price:
        """The highest price of the catalogue, in and out."""
        return Price(
            per_1k_in=max((card.price_in for card in self.models if card.price_in is not None), default=Decimal(0)),
            per_1k_out=max((card.price_out for card in self.models if card.price_out is not None), default=Decimal(0)),
        )

    @property
    def premium(self) -> Price:
        """What the best model costs: savings are measured against it (D3)."""
        best = max(self.models, key=lambda card: (TIERS.index(card.tier), card.price.per_1k_out), default=None)
        return self.price(best.id) if best is not None else Price()


def load_catalogue(path: Path | None = None) -> Catalogue:
    """Read our catalogue, and lay the user's file over it where there is one.

    Raises:
        Refused: ``catalogue_invalid``, naming file, line and column.
    """
    ours = read_yaml(HERE / "catalogue.yaml", File, code="catalogue_invalid")
    experts = read_yaml(HERE / "experts.yaml", tuple[Expert, ...], code="catalogue_invalid")
    theirs = read_yaml(path, File, code="catalogue_invalid") if path is not None else File()
    catalogue = Catalogue(
        models=_over(ours.models, theirs.models),
        strategies={**ours.strategies, **theirs.strategies},
        roles={**ours.roles, **theirs.roles},
        rules=(*theirs.rules, *ours.rules),
        experts=_over(experts, theirs.experts),
        policy=theirs.policy,
        standings={**ours.standings, **theirs.standings},
        persistence=theirs.persistence or ours.persistence or Persistence(),
    )
    return _checked(catalogue, str(path or HERE / "catalogue.yaml"))


def _over(ours: tuple[Entry, ...], theirs: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """Theirs where ids are equal, in our order; what is new comes first, so that it wins ties."""
    changed = {entry.id: entry for entry in theirs}
    known = {entry.id for entry in ours}
    new = tuple(entry for entry in theirs if entry.id not in known)
    return (*new, *(changed.get(entry.id, entry) for entry in ours))


def _checked(catalogue: Catalogue, name: str) -> Catalogue:
    """Check what only the whole can tell: that what is named exists."""
    ids = {card.id for card in catalogue.models}
    picks = [(s, pick.model) for s, strategy in catalogue.strategies.items() for pick in strategy.tasks.values()]
    lost = [f"strategy {s!r} wants the model {wanted!r}" for s, wanted in picks if wanted and wanted not in ids]
    experts = {expert.id for expert in catalogue.experts}
    lost += [
        f"{c.id} has an adapter for {e!r}, which is no expert"
        for c in catalogue.models
        for e in c.lora
        if e not in experts
    ]
    if lost:
        raise Refused(f"{name}: {'; '.join(lost)}", code="catalogue_invalid", hint="Name what exists, or add it.")
    return catalogue
