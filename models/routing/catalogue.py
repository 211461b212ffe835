"""Catalogue: the models, strategies, roles, experts and rules there are to choose from. Read from YAML and checked."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import Field

from domain import Refused, value
from domain.evidence import FailureKind
from domain.work import MOST_WORKERS, Line, Name
from models.contract import TIERS, CodeForm, DialectName, ModelSettings, Price, Role, Tier
from models.experts import Expert, choose_expert
from models.policy import Entitlement, HeldEntitlement, ModelPolicy, entitlement_named, entitlement_of
from models.yaml import read_yaml

Kind = Literal["analyze", "fix", "validate", "document"]
"""What a model is asked for (E1). The planner analyses, the coder fixes, the reviewer validates."""
KIND_OF: dict[Role, Kind] = {"planner": "analyze", "coder": "fix", "reviewer": "validate", "chat": "document"}

Money = Annotated[Decimal, Field(ge=0)]


@value
class ModelCard:
    """One model that is served somewhere."""

    id: Name
    """What it is called at its endpoint."""
    endpoint: Line | None = None
    """Base URL. None: wherever ``SIGNOFF_MODEL_BASE_URL`` points to, if it serves this model."""
    key: Name | None = None
    """Which key of ``SIGNOFF_MODEL_KEYS`` its endpoint wants; the catalogue holds no secrets."""
    provider: Name = "vllm"
    """Who serves it, as the workspace policy names it: vllm, huggingface, openai, anthropic, google …"""
    roles: Annotated[tuple[Role, ...], Field(min_length=1)] = ("planner", "coder", "reviewer", "chat")
    tier: Tier = "balanced"
    context: int = Field(default=8_192, ge=256)
    """Tokens the model was made for; what is served may be less and is probed."""
    price_in: Money | None = None
    """Money for 1,000 tokens read. Local models have a price too: the machine's. None: unknown; the dearest
    price of the catalogue is assumed, so that budgets hold. For free is ``"0"``."""
    price_out: Money | None = None
    memory_gb: float = Field(default=0.0, ge=0)
    """To serve it, weights and a working cache."""
    tokens_per_s: float = Field(default=0.0, ge=0)
    """Of one request, as measured; 0: it was not."""
    dialect: DialectName | None = None
    """How the coder works with it, whatever a probe said. None: as probed, else as ``dialects`` knows its name."""
    code_form: CodeForm = "blocks"
    """How it writes a whole change at once: in fenced blocks, or as a JSON object (where a grammar holds it to one)."""
    lora: dict[Name, Name] = Field(default_factory=dict)
    """Expert id → adapter name at the endpoint (B20)."""

    @property
    def price(self) -> Price:
        return self.price_or(Price())

    def price_or(self, other: Price) -> Price:
        """The price; ``other`` where it has none."""
        return Price(
            per_1k_in=other.per_1k_in if self.price_in is None else self.price_in,
            per_1k_out=other.per_1k_out if self.price_out is None else self.price_out,
        )

    @property
    def priced(self) -> bool:
        """True when it is known what it costs."""
        return self.price_in is not None and self.price_out is not None


@dataclass(frozen=True, slots=True)
class ModelCards:
    """Which models there are for a role: those that settings name, first choice first; then those to choose from."""

    named: tuple[ModelCard, ...] = ()
    others: tuple[ModelCard, ...] = ()

    @property
    def all(self) -> tuple[ModelCard, ...]:
        return (*self.named, *self.others)


@value
class Pick:
    """Which model a strategy wants for a kind of work: one by name, or any of a tier."""

    model: Name | None = None
    tier: Tier | None = None


@value
class Strategy:
    """How much to spend on what (E1)."""

    description: Line = ""
    prefer: Literal["tier", "price", "speed", "memory"] = "tier"
    """What decides between models that would all do."""
    single: bool = False
    """One model for everything: the first choice for the coder."""
    automatic: Literal["never", "after_failure", "always"] = "never"
    """When the tier follows the task and its failures (E3), instead of what stands under ``tasks``."""
    spares: Annotated[tuple[Role, ...], Field(max_length=4)] = ()
    """Roles that no model is asked for."""
    providers: Annotated[tuple[Name, ...], Field(max_length=10)] = ()
    """Who proposes changes, whatever the rules say. Empty: the rules."""
    candidates: int = Field(default=2, ge=1, le=10)
    """At most so many providers are asked for the same change."""
    loops: int = Field(default=1, ge=1, le=5)
    """So many loops of the coder work on a change, each on a fork of its own, until two agree (F4)."""
    team: int = Field(default=0, ge=0, le=MOST_WORKERS)
    """So many workers share the steps of a plan, each on a branch of its own (B3). 0: one coder does them in turn."""
    last_resort: bool = True
    """Whether the built-in repair engine answers where no model does."""
    tasks: dict[Kind, Pick] = Field(default_factory=dict)

    def follows_outcomes(self, role: Role) -> bool:
        """Whether earlier runs may move the models: of who writes changes, where it follows failures at all."""
        named = self.tasks.get(KIND_OF[role], Pick()).model
        return role == "coder" and self.automatic != "never" and named is None


@value
class ProviderRule:
    """Who is asked first for a kind of failure (F2)."""

    failure: FailureKind
    providers: Annotated[tuple[Name, ...], Field(min_length=1, max_length=10)]
    """In this order: ``coder`` (the model), ``repair`` (the built-in engine), or a model's provider name."""
    reason: Line


@value
class RoleCard:
    """How a role is asked (A1)."""

    temperature: float = Field(ge=0, le=2)
    max_tokens: int = Field(ge=1)
    timeout_s: float | None = Field(default=None, gt=0)
    """Seconds for one answer, all attempts together. None: ``SIGNOFF_MODEL_TIMEOUT_S``."""


@value
class Persistence:
    """What happens when a model does not answer (D2): the next ones at once, then all of them again."""

    fallbacks: int = Field(default=5, ge=0, le=50)
    """How many other models are asked, at most."""
    attempts: int = Field(default=4, ge=1, le=20)
    first_pause_s: float = Field(default=0.5, ge=0)
    longest_pause_s: float = Field(default=20.0, ge=0)
    """Pauses double up to this; what a server's ``Retry-After`` says counts instead."""


@value
class KnownDialect:
    """Models of a name, and in which dialect they work best."""

    match: Line
    """A pattern with ``*``, whatever the case of letters."""
    dialect: DialectName


@value
class CatalogueFile:
    """The whole of a catalogue file. A user's file is laid over ours, entry by entry."""

    models: Annotated[tuple[ModelCard, ...], Field(max_length=200)] = ()
    strategies: dict[Name, Strategy] = Field(default_factory=dict)
    roles: dict[Role, RoleCard] = Field(default_factory=dict)
    rules: Annotated[tuple[ProviderRule, ...], Field(max_length=40)] = ()
    dialects: Annotated[tuple[KnownDialect, ...], Field(max_length=200)] = ()
    experts: Annotated[tuple[Expert, ...], Field(max_length=100)] = ()
    policy: ModelPolicy = Field(default_factory=ModelPolicy)
    """Of the whole installation. A workspace can only tighten it."""
    standings: dict[Name, Entitlement] = Field(default_factory=dict)
    """Entitlements of requesters (D2); keys, people and organisations have one by its name."""
    persistence: Persistence | None = None


HERE = Path(__file__).parents[1]

Entry = TypeVar("Entry", ModelCard, Expert)


@value
class Catalogue:
    """Everything there is to choose from."""

    models: tuple[ModelCard, ...]
    strategies: dict[str, Strategy]
    roles: dict[Role, RoleCard]
    rules: tuple[ProviderRule, ...]
    experts: tuple[Expert, ...]
    policy: ModelPolicy = Field(default_factory=ModelPolicy)
    """Of the installation."""
    standings: dict[str, Entitlement] = Field(default_factory=dict)
    persistence: Persistence = Field(default_factory=Persistence)
    dialects: tuple[KnownDialect, ...] = ()

    def settings(self, role: Role, *, timeout_s: float = 300.0) -> ModelSettings:
        """Sampling and bounds of a role."""
        card = self.roles[role]
        return ModelSettings(
            temperature=card.temperature, max_tokens=card.max_tokens, timeout_s=card.timeout_s or timeout_s
        )

    def dialect_of(self, model_id: str) -> DialectName | None:
        """The dialect that a model is known for by its name: the first pattern counts."""
        name = model_id.casefold()
        return next((known.dialect for known in self.dialects if fnmatchcase(name, known.match.casefold())), None)

    def choose_expert(self, text: str, paths: Sequence[str]) -> Expert:
        """See ``experts.choose_expert``."""
        return choose_expert(self.experts, text, paths)

    def expert(self, expert_id: str) -> Expert:
        """Return an expert by its id.

        Raises:
            Refused: ``unknown_expert``, naming those there are.
        """
        if (expert := next((e for e in self.experts if e.id == expert_id), None)) is not None:
            return expert
        known = ", ".join(e.id for e in self.experts)
        raise Refused(f"There is no expert {expert_id!r}.", code="unknown_expert", hint=f"There are: {known}.")

    def model(self, model_id: str) -> ModelCard:
        """Return a model by its id.

        Raises:
            Refused: ``unknown_model``.
        """
        if (card := next((m for m in self.models if m.id == model_id), None)) is not None:
            return card
        known = ", ".join(m.id for m in self.models)
        raise Refused(f"The catalogue has no model {model_id!r}.", code="unknown_model", hint=f"There are: {known}.")

    def strategy(self, name: str) -> Strategy:
        """Return a strategy by its name.

        Raises:
            Refused: ``unknown_strategy``.
        """
        if name not in self.strategies:
            raise Refused(
                f"There is no strategy {name!r}.",
                code="unknown_strategy",
                hint=f"There are: {', '.join(sorted(self.strategies))}.",
            )
        return self.strategies[name]

    def entitlement_of(self, org: str, subject: str, key_has: str = "") -> HeldEntitlement:
        """See ``entitlements.entitlement_of``."""
        return entitlement_of(self.standings, org=org, subject=subject, key_has=key_has)

    def standing(self, name: str) -> Entitlement:
        """Return a standing by its name. Raises Refused ``unknown_standing``."""
        return entitlement_named(self.standings, name)

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


@value
class ProviderOrder:
    """Who proposes a change now, best first, and the rule that says so (F2)."""

    providers: tuple[str, ...]
    reason: str


def providers_for(
    failure: FailureKind | None, catalogue: Catalogue, *, policy: ModelPolicy | None = None
) -> ProviderOrder:
    """Return who is asked after this kind of failure: the first rule for it holds, less whom the policy forbids."""
    kind = failure or "general"
    rule = next((rule for rule in catalogue.rules if rule.failure == kind), None)
    if rule is None:
        return ProviderOrder(providers=("coder",), reason=f"There is no rule for {kind}: the coder.")
    allowed = tuple(name for name in rule.providers if name == "coder" or (policy or ModelPolicy()).allows(name))
    return ProviderOrder(providers=allowed, reason=f"{kind}: {rule.reason}")


def load_catalogue(path: Path | None = None) -> Catalogue:
    """Read our catalogue, and lay the user's file over it where there is one.

    Raises:
        Refused: ``catalogue_invalid``, naming file, line and column.
    """
    ours = read_yaml(HERE / "catalogue.yaml", CatalogueFile, code="catalogue_invalid")
    experts = read_yaml(HERE / "experts.yaml", tuple[Expert, ...], code="catalogue_invalid")
    theirs = read_yaml(path, CatalogueFile, code="catalogue_invalid") if path is not None else CatalogueFile()
    catalogue = Catalogue(
        models=_over(ours.models, theirs.models),
        strategies={**ours.strategies, **theirs.strategies},
        roles={**ours.roles, **theirs.roles},
        # The first rule for a failure holds: theirs.
        rules=(*theirs.rules, *ours.rules),
        experts=_over(experts, theirs.experts),
        policy=theirs.policy,
        standings={**ours.standings, **theirs.standings},
        dialects=(*theirs.dialects, *ours.dialects),
        persistence=theirs.persistence or ours.persistence or Persistence(),
    )
    # What only the whole can tell: that what is named exists. A user's strategy may name one of our models.
    ids, ids_of_experts = {card.id for card in catalogue.models}, {expert.id for expert in catalogue.experts}
    picks = [(name, pick.model) for name, each in catalogue.strategies.items() for pick in each.tasks.values()]
    unknown = [f"strategy {name!r} wants the model {model!r}" for name, model in picks if model and model not in ids]
    adapters = [(card.id, expert) for card in catalogue.models for expert in card.lora]
    unknown += [
        f"{model} has an adapter for {expert!r}, which is no expert"
        for model, expert in adapters
        if expert not in ids_of_experts
    ]
    if unknown:
        name = str(path or HERE / "catalogue.yaml")
        raise Refused(f"{name}: {'; '.join(unknown)}", code="catalogue_invalid", hint="Name what exists, or add it.")
    return catalogue


def _over(ours: tuple[Entry, ...], theirs: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """Theirs where ids are equal, in our order; what is new comes first, so that it wins ties."""
    changed = {entry.id: entry for entry in theirs}
    listed = {entry.id for entry in ours}
    new = tuple(entry for entry in theirs if entry.id not in listed)
    # In our order: equals are chosen by it, and a changed price is no reason for another choice.
    return (*new, *(changed.get(entry.id, entry) for entry in ours))
