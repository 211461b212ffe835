"""Which models to ask, in which order, and why (D2, E1, E3, F2). Pure: the same question has the same answer."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from domain import value
from models.contract import Role, Usage
from models.policy import WorkspacePolicy
from models.routing.catalogue import KIND_OF, TIERS, Catalogue, Kind, ModelCard, Pick, Strategy, Tier
from models.routing.entitlements import Stands

Health = Literal["up", "slow", "down"]


@value
class Ask:
    """What somebody is wanted for."""

    role: Role
    strategy: str = "balanced"
    kind: Kind | None = None
    """None: the usual kind of the role."""
    tier: Tier | None = None
    """At least this tier, whatever the strategy says (a hard task, a repeated failure)."""
    stands: Stands = Field(default_factory=Stands)
    """How the requester stands; what settings name (``override``) is for everybody."""
    expert: str | None = None
    """With an adapter of its own at some models (B20)."""
    tokens_in: int = Field(default=0, ge=0)
    tokens_out: int = Field(default=2_048, ge=0)
    override: str | None = None
    """This model and no other (one setting overrides everything)."""
    provider: str | None = None
    """Only models of this provider (a rule for the kind of failure names it)."""


@value
class Chosen:
    """One model, and the name to ask it by (an adapter's, where the expert has one)."""

    card: ModelCard
    asked_as: str
    worst_cost: Decimal


@value
class Route:
    """Models to ask, best first, and the reason in words. Nobody to ask: ``choices`` is empty."""

    choices: tuple[Chosen, ...]
    reason: str
    passed_over: Annotated[tuple[str, ...], Field(max_length=200)] = ()
    """Who was left out, each with its reason."""


def route(
    ask: Ask,
    catalogue: Catalogue,
    *,
    policy: WorkspacePolicy | None = None,
    health: Mapping[str, Health] | None = None,
    money_left: Decimal | None = None,
) -> Route:
    """Order the models of the catalogue for one question.

    Left out: what the policy does not allow, is down, does not serve the role, has too short a context,
    or could cost more than is left. The rest is ordered by how well it fits the strategy's wish, then by
    the strategy's preference, then as the catalogue has it.
    """
    health = health or {}
    wish = _wish(ask, catalogue)
    fitting: list[ModelCard] = []
    out: list[str] = []
    for card in catalogue.models:
        why = _unfit(card, ask, policy or WorkspacePolicy(), health.get(card.id, "up"), money_left)
        if why:
            out.append(f"{card.id}: {why}")
        else:
            fitting.append(card)
    strategy = catalogue.strategy(ask.strategy)
    order = sorted(
        fitting, key=lambda card: (_distance(card, wish), health.get(card.id) == "slow", _liking(card, strategy))
    )
    choices = tuple(Chosen(card=c, asked_as=_name(c, ask), worst_cost=worst_cost(c, ask)) for c in order)
    return Route(choices=choices, reason=_reason(ask, wish, choices), passed_over=tuple(out[:200]))


def _wish(ask: Ask, catalogue: Catalogue) -> Pick:
    """What the strategy wants for this kind of work, raised to the tier that is asked for."""
    if ask.override is not None:
        return Pick(model=ask.override)
    strategy = catalogue.strategy(ask.strategy)
    kind: Kind = "fix" if strategy.single else ask.kind or KIND_OF[ask.role]
    pick = strategy.tasks.get(kind, Pick())
    if pick.model is not None:
        return pick
    standing = ask.stands.standing
    wanted = [TIERS.index(tier) for tier in (ask.tier, pick.tier, standing.at_least) if tier is not None]
    if not wanted:
        return pick
    highest = len(TIERS) - 1 if standing.at_most is None else TIERS.index(standing.at_most)
    return Pick(tier=TIERS[min(max(wanted), highest)])


def _unfit(card: ModelCard, ask: Ask, policy: WorkspacePolicy, health: Health, money_left: Decimal | None) -> str:
    if ask.override is not None and card.id != ask.override:
        return "another model is set for everything"
    if ask.provider not in {None, card.provider, card.id}:
        return f"it is not of {ask.provider}"
    if why := _forbidden(card, ask, policy):
        return why
    if ask.role not in card.roles and ask.override is None:
        return f"it is no {ask.role}"
    if health == "down":
        return "it does not answer"
    if card.context < ask.tokens_in + ask.tokens_out:
        return f"its context of {card.context} tokens is too short"
    if money_left is not None and worst_cost(card, ask) > money_left:
        return "it could cost more than is left of the budget"
    return ""


def _forbidden(card: ModelCard, ask: Ask, policy: WorkspacePolicy) -> str:
    if not policy.allows(card.provider, card.id):
        return "the policy does not allow it"
    standing = ask.stands.standing
    if ask.override is None and not standing.allows(card.tier):
        return f"the policy ends at {standing.at_most} for the standing {ask.stands.name}"
    return ""


def worst_cost(card: ModelCard, ask: Ask) -> Decimal:
    """What the question costs when every token that is allowed is written."""
    return card.price.of(Usage(tokens_in=ask.tokens_in, tokens_out=ask.tokens_out))


def _distance(card: ModelCard, wish: Pick) -> int:
    """0: exactly what is wanted. Better ones come before worse ones: a task fails by too weak a model."""
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


def _name(card: ModelCard, ask: Ask) -> str:
    return card.lora.get(ask.expert, card.id) if ask.expert is not None else card.id


def _standing(ask: Ask) -> str:
    """What the requester's standing has to do with it."""
    standing = ask.stands.standing
    ends = [f"at least {standing.at_least}"] if standing.at_least else []
    ends += [f"at most {standing.at_most}"] if standing.at_most else []
    if not ends or ask.override is not None:
        return ""
    return f"; standing {ask.stands.name} ({ask.stands.because}): {', '.join(ends)}"


def _reason(ask: Ask, wish: Pick, choices: Sequence[Chosen]) -> str:
    if ask.override is not None:
        why = "one model is set for everything"
    elif wish.model is not None:
        why = f"strategy {ask.strategy} names it for this"
    elif wish.tier is not None:
        why = f"strategy {ask.strategy} wants the tier {wish.tier} for this"
    else:
        why = f"strategy {ask.strategy} leaves the choice open"
    if not choices:
        return f"Nobody can be asked as {ask.role}: {why}, and every model was passed over."
    first = choices[0]
    if wish.model is not None and first.card.id != wish.model:
        why = f"strategy {ask.strategy} names {wish.model}, which cannot be asked; this comes next"
    elif wish.tier is not None and first.card.tier != wish.tier:
        why = f"{why}; this is the nearest"
    why += _standing(ask)
    adapter = f" with the adapter {first.asked_as}" if first.asked_as != first.card.id else ""
    return f"{first.card.id} ({first.card.tier}){adapter} as {ask.role}: {why}."
