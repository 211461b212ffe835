"""Router: which models to ask, in which order, and why (D2, E1, E3, F2). Pure: the same request has the same route."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from domain import value
from models.contract import TIERS, Role, Tier, Usage
from models.policy import ModelPolicy
from models.routing.catalogue import KIND_OF, Catalogue, Kind, ModelCard, Pick, Strategy
from models.routing.entitlements import HeldEntitlement

Health = Literal["up", "slow", "down"]


@value
class RouteRequest:
    """What a model is tiers for."""

    role: Role
    strategy: str = "balanced"
    kind: Kind | None = None
    """None: the usual kind of the role."""
    tier: Tier | None = None
    """At least this tier, whatever the strategy says (a hard task, a repeated failure)."""
    entitlement: HeldEntitlement = Field(default_factory=HeldEntitlement)
    """The requester's; what settings name (``override``) is for all of them."""
    expert: str | None = None
    """With an adapter of its own at some models (B20)."""
    tokens_in: int = Field(default=0, ge=0)
    tokens_out: int = Field(default=2_048, ge=0)
    override: str | None = None
    """This model and no other (one setting overrides everything)."""
    provider: str | None = None
    """Only models of this provider (a rule for the kind of failure names it)."""


@value
class RankedModel:
    """One model, and the name to ask it by (an adapter's, where the expert has one)."""

    card: ModelCard
    asked_as: str
    worst_cost: Decimal


@value
class Route:
    """Models to ask, best first, and the reason in words. No model to ask: ``choices`` is empty."""

    choices: tuple[RankedModel, ...]
    reason: str
    passed_over: Annotated[tuple[str, ...], Field(max_length=200)] = ()
    """Who was left out, each with its reason."""


def route(
    request: RouteRequest,
    catalogue: Catalogue,
    *,
    policy: ModelPolicy | None = None,
    health: Mapping[str, Health] | None = None,
    money_left: Decimal | None = None,
) -> Route:
    """Order the models of the catalogue for one question.

    Left out: what the policy does not allow, is down, does not serve the role, has too short a context,
    or could cost more than is left. The rest is ordered by how well it fits the strategy's wish, then by
    the strategy's preference, then as the catalogue has it.
    """
    health = health or {}
    wish = _wish(request, catalogue)
    fitting: list[ModelCard] = []
    out: list[str] = []
    for card in catalogue.models:
        why = _unfit(card, request, policy or ModelPolicy(), health.get(card.id, "up"), money_left)
        if why:
            out.append(f"{card.id}: {why}")
        else:
            fitting.append(card)
    strategy = catalogue.strategy(request.strategy)
    order = sorted(
        fitting, key=lambda card: (_distance(card, wish), health.get(card.id) == "slow", _liking(card, strategy))
    )
    choices = tuple(RankedModel(card=c, asked_as=_name(c, request), worst_cost=worst_cost(c, request)) for c in order)
    return Route(choices=choices, reason=_reason(request, wish, choices), passed_over=tuple(out[:200]))


def _wish(request: RouteRequest, catalogue: Catalogue) -> Pick:
    """What the strategy wants for this kind of work, raised to the tier that is asked for."""
    if request.override is not None:
        return Pick(model=request.override)
    strategy = catalogue.strategy(request.strategy)
    kind: Kind = "fix" if strategy.single else request.kind or KIND_OF[request.role]
    pick = strategy.tasks.get(kind, Pick())
    if pick.model is not None:
        return pick
    entitlement = request.entitlement.entitlement
    tiers = [TIERS.index(tier) for tier in (request.tier, pick.tier, entitlement.at_least) if tier is not None]
    if not tiers:
        return pick
    highest = len(TIERS) - 1 if entitlement.at_most is None else TIERS.index(entitlement.at_most)
    return Pick(tier=TIERS[min(max(tiers), highest)])


def _unfit(
    card: ModelCard, request: RouteRequest, policy: ModelPolicy, health: Health, money_left: Decimal | None
) -> str:
    if request.override is not None and card.id != request.override:
        return "another model is set for everything"
    if request.provider not in {None, card.provider, card.id}:
        return f"it is not of {request.provider}"
    if why := _forbidden(card, request, policy):
        return why
    if request.role not in card.roles and request.override is None:
        return f"it is no {request.role}"
    if health == "down":
        return "it does not answer"
    if card.context < request.tokens_in + request.tokens_out:
        return f"its context of {card.context} tokens is too short"
    if money_left is not None and worst_cost(card, request) > money_left:
        return "it could cost more than is left of the budget"
    return ""


def _forbidden(card: ModelCard, request: RouteRequest, policy: ModelPolicy) -> str:
    if not policy.allows(card.provider, card.id):
        return "the policy does not allow it"
    entitlement = request.entitlement.entitlement
    if request.override is None and not entitlement.allows(card.tier):
        return f"the policy ends at {entitlement.at_most} for the standing {request.entitlement.name}"
    return ""


def worst_cost(card: ModelCard, request: RouteRequest) -> Decimal:
    """What the question costs when every token that is allowed is written."""
    return card.price.of(Usage(tokens_in=request.tokens_in, tokens_out=request.tokens_out))


def _distance(card: ModelCard, wish: Pick) -> int:
    """0: exactly what is tiers. Better ones come before worse ones: a task fails by too weak a model."""
    if wish.model is not None:
        return 0 if card.id == wish.model else 1
    if wish.tier is None:
        return 0
    steps = TIERS.index(card.tier) - TIERS.index(wish.tier)
    return 2 * steps if steps >= 0 else -2 * steps + 1


def _liking(card: ModelCard, strategy: Strategy) -> tuple[Decimal | float, ...]:
    match strategy.prefer:
        case "price":
            return (_price(card),)
        case "speed":
            return (-card.tokens_per_s,)
        case "memory":
            return (card.memory_gb,)
        case "tier":
            return (-TIERS.index(card.tier), _price(card))


def _price(card: ModelCard) -> Decimal:
    return card.price.per_1k_in + card.price.per_1k_out


def _name(card: ModelCard, request: RouteRequest) -> str:
    return card.lora.get(request.expert, card.id) if request.expert is not None else card.id


def _limits_of(request: RouteRequest) -> str:
    """What the requester's entitlement has to do with it."""
    entitlement = request.entitlement.entitlement
    ends = [f"at least {entitlement.at_least}"] if entitlement.at_least else []
    ends += [f"at most {entitlement.at_most}"] if entitlement.at_most else []
    if not ends or request.override is not None:
        return ""
    return f"; standing {request.entitlement.name} ({request.entitlement.because}): {', '.join(ends)}"


def _reason(request: RouteRequest, wish: Pick, choices: Sequence[RankedModel]) -> str:
    if request.override is not None:
        why = "one model is set for everything"
    elif wish.model is not None:
        why = f"strategy {request.strategy} names it for this"
    elif wish.tier is not None:
        why = f"strategy {request.strategy} wants the tier {wish.tier} for this"
    else:
        why = f"strategy {request.strategy} leaves the choice open"
    if not choices:
        return f"Nobody can be asked as {request.role}: {why}, and every model was passed over."
    first = choices[0]
    if wish.model is not None and first.card.id != wish.model:
        why = f"strategy {request.strategy} names {wish.model}, which cannot be asked; this comes next"
    elif wish.tier is not None and first.card.tier != wish.tier:
        why = f"{why}; this is the nearest"
    why += _limits_of(request)
    adapter = f" with the adapter {first.asked_as}" if first.asked_as != first.card.id else ""
    return f"{first.card.id} ({first.card.tier}){adapter} as {request.role}: {why}."
