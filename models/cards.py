"""The parts of a catalogue file: models, strategies, rules and roles, as people write them."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from domain import FailureKind, Line, Name, value
from models.chat import Price
from models.contract import Role
from models.experts import Expert
from models.policy import WorkspacePolicy
from models.standing import Standing
from models.tiers import TIERS, Tier

Kind = Literal["analyze", "fix", "validate", "document"]
"""What a model is wanted for (E1). The planner analyses, the coder fixes, the reviewer validates."""
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
    """Money for 1,000 tokens read. Local models have a price too: the machine's. None: nobody said; the dearest
    price of the catalogue is assumed, so that budgets hold. For free is ``"0"``."""
    price_out: Money | None = None
    memory_gb: float = Field(default=0.0, ge=0)
    """To serve it, weights and a working cache."""
    tokens_per_s: float = Field(default=0.0, ge=0)
    """Of one request, as measured; 0: nobody did."""
    lora: dict[Name, Name] = Field(default_factory=dict)
    """Expert id → adapter name at the endpoint (B20)."""

    @property
    def price(self) -> Price:
        return self.price_or(Price())

    def price_or(self, other: Price) -> Price:
        """The price; ``other`` for what nobody said."""
        return Price(
            per_1k_in=other.per_1k_in if self.price_in is None else self.price_in,
            per_1k_out=other.per_1k_out if self.price_out is None else self.price_out,
        )

    @property
    def priced(self) -> bool:
        """True when somebody said what it costs."""
        return self.price_in is not None and self.price_out is not None


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
    """Roles that nobody is asked for."""
    providers: Annotated[tuple[Name, ...], Field(max_length=10)] = ()
    """Who proposes changes, whatever the rules say. Empty: the rules."""
    candidates: int = Field(default=2, ge=1, le=10)
    """At most so many providers are asked for the same change."""
    last_resort: bool = True
    """Whether the built-in repair engine answers where no model does."""
    tasks: dict[Kind, Pick] = Field(default_factory=dict)


@value
class Rule:
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
class File:
    """The whole of a catalogue file. A user's file is laid over ours, entry by entry."""

    models: Annotated[tuple[ModelCard, ...], Field(max_length=200)] = ()
    strategies: dict[Name, Strategy] = Field(default_factory=dict)
    roles: dict[Role, RoleCard] = Field(default_factory=dict)
    rules: Annotated[tuple[Rule, ...], Field(max_length=40)] = ()
    experts: Annotated[tuple[Expert, ...], Field(max_length=100)] = ()
    policy: WorkspacePolicy = Field(default_factory=WorkspacePolicy)
    """Of the whole installation. A workspace can only tighten it."""
    standings: dict[Name, Standing] = Field(default_factory=dict)
    """How requesters may stand (D2); keys, people and organisations have one by its name."""
    persistence: Persistence | None = None


__all__ = [
    "KIND_OF",
    "TIERS",
    "File",
    "Kind",
    "ModelCard",
    "Persistence",
    "Pick",
    "RoleCard",
    "Rule",
    "Strategy",
    "Tier",
]
