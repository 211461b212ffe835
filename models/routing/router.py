"""Router: which models to ask, in which order, and why (D2, E1, E3, F2). Pure: the same request has the same route.

Below it selection: what the router is asked for a run's question, who is needed (tier, providers, quotas), and what an
answer means in which no model is left.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from domain import Exhausted, Refused, SignoffError, Unavailable, value
from domain.evidence import FailureKind
from models.contract import (
    TIERS,
    Message,
    ModelSettings,
    Role,
    SelectionContext,
    Tier,
    Tool,
    Usage,
    estimated_size,
)
from models.policy import CallLimits, HeldEntitlement, ModelPolicy
from models.routing.catalogue import KIND_OF, Catalogue, Kind, ModelCard, ModelCards, Pick, Strategy
from models.routing.learning import reordered
from models.wrappers.cache import key_of
from models.wrappers.outcomes import SuccessRate
from models.wrappers.usage_log import UsageTotal

Health = Literal["up", "slow", "down"]


@value
class RouteRequest:
    """What a model is chosen for."""

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
    wish = pick_for(request, catalogue)
    fitting: list[ModelCard] = []
    out: list[str] = []
    for card in catalogue.models:
        # The first reason is said.
        why = next(_unfit(card, request, policy or ModelPolicy(), health.get(card.id, "up"), money_left), "")
        if why:
            out.append(f"{card.id}: {why}")
        else:
            fitting.append(card)
    strategy = catalogue.strategy(request.strategy)
    order = sorted(
        fitting, key=lambda card: (distance(card, wish), health.get(card.id) == "slow", preference(card, strategy))
    )
    choices = tuple(
        RankedModel(card=c, asked_as=c.lora.get(request.expert or "", c.id), worst_cost=worst_cost(c, request))
        for c in order
    )
    return Route(choices=choices, reason=_reason(request, wish, choices), passed_over=tuple(out[:200]))


def pick_for(request: RouteRequest, catalogue: Catalogue) -> Pick:
    """What the strategy wants for this kind of work, raised to the tier that is asked for."""
    if request.override is not None:
        return Pick(model=request.override)
    strategy = catalogue.strategy(request.strategy)
    # One model for everything is the one that writes code: that is the hardest of it.
    kind: Kind = "fix" if strategy.single else request.kind or KIND_OF[request.role]
    pick = strategy.tasks.get(kind, Pick())
    if pick.model is not None:
        return pick
    entitlement = request.entitlement.entitlement
    tiers = [TIERS.index(tier) for tier in (request.tier, pick.tier, entitlement.at_least) if tier is not None]
    if not tiers:
        return pick
    # What a requester may have bounds what the task seems to need.
    highest = len(TIERS) - 1 if entitlement.at_most is None else TIERS.index(entitlement.at_most)
    return Pick(tier=TIERS[min(max(tiers), highest)])


def _unfit(
    card: ModelCard, request: RouteRequest, policy: ModelPolicy, health: Health, money_left: Decimal | None
) -> Iterator[str]:
    """Why a model cannot be asked; nothing: it can. Rules come before what may change."""
    entitlement = request.entitlement.entitlement
    if request.override not in {None, card.id}:
        yield "another model is set for everything"
    if request.provider not in {None, card.provider, card.id}:
        yield f"it is not of {request.provider}"
    if not policy.allows(card.provider, card.id):
        yield "the policy does not allow it"
    if request.override is None and not entitlement.allows(card.tier):
        yield f"the policy ends at {entitlement.at_most} for the standing {request.entitlement.name}"
    if request.role not in card.roles and request.override is None:
        yield f"it is no {request.role}"
    if health == "down":
        yield "it does not answer"
    if card.context < request.tokens_in + request.tokens_out:
        yield f"its context of {card.context} tokens is too short"
    if money_left is not None and worst_cost(card, request) > money_left:
        yield "it could cost more than is left of the budget"


def worst_cost(card: ModelCard, request: RouteRequest) -> Decimal:
    """What the question costs when every token that is allowed is written."""
    return card.price.of(Usage(tokens_in=request.tokens_in, tokens_out=request.tokens_out))


def distance(card: ModelCard, wish: Pick) -> int:
    """How far a model is from what a strategy wants; 0: exactly that.

    Better ones come before worse ones: a task fails by too weak a model.
    """
    if wish.model is not None:
        return 0 if card.id == wish.model else 1
    if wish.tier is None:
        return 0
    steps = TIERS.index(card.tier) - TIERS.index(wish.tier)
    return 2 * steps if steps >= 0 else -2 * steps + 1


def preference(card: ModelCard, strategy: Strategy) -> tuple[Decimal | float, ...]:
    """What a strategy sorts equals by: the smaller comes first."""
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
    held, limits = request.entitlement, request.entitlement.entitlement
    ends = [f"at least {limits.at_least}"] if limits.at_least else []
    ends += [f"at most {limits.at_most}"] if limits.at_most else []
    if ends and request.override is None:
        why += f"; standing {held.name} ({held.because}): {', '.join(ends)}"
    adapter = f" with the adapter {first.asked_as}" if first.asked_as != first.card.id else ""
    return f"{first.card.id} ({first.card.tier}){adapter} as {request.role}: {why}."


ENOUGH = 5
"""Calls of the last hour from which a model is judged."""
UNRELIABLE = 0.5
"""Share of failed calls from which a model is asked after its equals."""
_SIGNS_OF_TROUBLE = (
    "deadlock",
    "race condition",
    "concurren",
    "segfault",
    "memory leak",
    "architecture",
    "refactor",
    "migrate",
    "security",
    "distributed",
    "rewrite",
)
_EASY: frozenset[FailureKind] = frozenset({"style", "docs"})
_LONG_TASK, _MANY_FILES = 1_500, 8


def tier_for(text: str, *, files: int = 0, failure: FailureKind | None = None, attempt: int = 1) -> Tier:
    """How good a model a task needs, by signs anybody can check (E3): length, words, files, failures so far."""
    if failure in _EASY and attempt == 1:
        return "fast"
    lower = text.lower()
    points = (len(text) > _LONG_TASK) + (files > _MANY_FILES) + any(sign in lower for sign in _SIGNS_OF_TROUBLE)
    return TIERS[min(len(TIERS) - 1, 1 + points + (attempt > 1))]


@value
class CountedQuota:
    """A quota that holds for a call: who shares it, what it is called, how much it is."""

    name: str
    """No two organisations have the same, whatever they are called."""
    called: str
    limits: CallLimits


def quotas_for(
    context: SelectionContext, policy: ModelPolicy, entitlement: HeldEntitlement, card: ModelCard
) -> tuple[CountedQuota, ...]:
    """Every quota that holds when this model is asked: the policies', and the requester's own."""
    org, task = context.org, context.task
    quotas = [
        CountedQuota(
            name=key_of(org, "repo", task.repo, key) if workspace else key_of(org, "all", key),
            called=key,
            limits=limits,
        )
        for workspace, key, limits in policy.quotas_of(card.provider, card.id)
    ]
    if entitlement.name:
        requesters = key_of(org, "standing", entitlement.name, task.requester)
        called = f"With the standing {entitlement.name}, models"
        quotas.append(CountedQuota(name=requesters, called=called, limits=entitlement.entitlement.limits))
    return tuple(quotas)


@value
class Circumstances:
    """What a choice depends on beside the question."""

    policy: ModelPolicy
    health: dict[str, Health]
    recent: tuple[UsageTotal, ...] = ()
    """What the models did in the last hour."""
    money_left: Decimal | None = None
    rates: tuple[SuccessRate, ...] = ()
    """What came of earlier runs with a failure of this kind, by model."""


def route_request(
    role: Role,
    context: SelectionContext,
    strategy: Strategy,
    messages: Sequence[Message],
    settings: ModelSettings,
    *,
    provider: str | None = None,
    entitlement: HeldEntitlement | None = None,
    tools: Sequence[Tool] = (),
) -> RouteRequest:
    """Return the router's question for one call. The tier follows task and failures where the strategy wants that."""
    tier = None
    if strategy.automatic == "always" or (strategy.automatic == "after_failure" and context.attempt > 1):
        tier = tier_for(context.task.text, failure=context.failure, attempt=context.attempt)
    return RouteRequest(
        role=role,
        strategy=context.task.strategy,
        tier=tier,
        expert=context.expert,
        tokens_in=estimated_size(messages, tools=tools),
        tokens_out=settings.max_tokens,
        provider=provider,
        entitlement=entitlement or HeldEntitlement(),
    )


def choose(request: RouteRequest, cards: ModelCards, catalogue: Catalogue, now: Circumstances) -> Route:
    """Order all models for a question: those that settings name first, then by the strategy.

    A prompt that is too long for all of them is no reason to ask none: it is compacted for the one that is asked.
    """
    order = _ordered(request, cards, catalogue, now)
    if not order.choices and any("too short" in why for why in order.passed_over):
        order = _ordered(replace(request, tokens_in=0, tokens_out=0), cards, catalogue, now)
        order = replace(order, reason=f"{order.reason} The conversation is shortened to fit.")
    return order


def _ordered(request: RouteRequest, cards: ModelCards, catalogue: Catalogue, now: Circumstances) -> Route:
    health = dict(now.health)
    for total in now.recent:
        if total.calls >= ENOUGH and total.failed / total.calls >= UNRELIABLE:
            # An open circuit is down already; past failures only send a model behind its equals.
            health.setdefault(total.name, "slow")
    routes = [
        route(
            # Named by the settings: neither strategy nor entitlement moves it, only what it cannot do.
            replace(request, override=card.id),
            replace(catalogue, models=(card,)),
            policy=now.policy,
            health=health,
            money_left=now.money_left,
        )
        for card in cards.named
    ]
    if cards.others or not cards.named:
        # With the speed that was seen here, where enough was (E3).
        speeds = {u.name: u.tokens_per_s for u in now.recent if u.calls >= ENOUGH and u.tokens_per_s > 0}
        seen = (replace(card, tokens_per_s=speeds.get(card.id, card.tokens_per_s)) for card in cards.others)
        others = replace(catalogue, models=tuple(seen))
        order = route(request, others, policy=now.policy, health=health, money_left=now.money_left)
        if catalogue.strategy(request.strategy).follows_outcomes(request.role):
            slow = [
                each.asked_as
                for each in order.choices
                if "slow" in {health.get(each.card.id), health.get(each.asked_as)}
            ]
            moved, why = reordered(order.choices, now.rates, slow=slow)
            order = replace(order, choices=moved, reason=f"{order.reason} {why}".strip())
        routes.append(order)
    choices: dict[tuple[str | None, str], RankedModel] = {}
    for choice in (choice for each in routes for choice in each.choices):
        choices.setdefault((choice.card.endpoint, choice.asked_as), choice)
    reason = next((each.reason for each in routes if each.choices), routes[0].reason)
    passed = tuple(why for each in routes for why in each.passed_over)
    return Route(choices=tuple(choices.values()), reason=reason, passed_over=passed[:200])


def no_model_error(role: Role, empty: Route, failures: Mapping[str, str]) -> SignoffError:
    """Say why no model can be asked, as an error by who can act. ``failures``: what endpoints said last, by model."""
    reasons = "; ".join(empty.passed_over[:10]) or "there is no model"
    message = f"No model can be asked as {role}: {reasons}."
    whys = [why.partition(": ")[2] for why in empty.passed_over]
    # What the person can change comes first: a budget, then an endpoint, then a policy.
    if any("budget" in why for why in whys):
        return Exhausted(message, hint="Raise it and go on: signoff resume RUN --max-cost N")
    if any("does not answer" in why for why in whys):
        # In the endpoint's own words: what a run ends with may be all that a person sees of it.
        said_last = "".join(f" {name}, the last time: {text}" for name, text in sorted(failures.items()) if text)
        return Unavailable(message + said_last[:2_000], hint="Look at them with `signoff models probe`, then resume.")
    if any("policy" in why for why in whys):
        return Refused(
            message,
            code="policy_forbids_all",
            hint="Allow a provider in .signoff/policy.yaml or in the catalogue's policy, or a better tier "
            "in its `standings`.",
        )
    return Refused(message, code="llm_none", hint="See what there is: signoff models list")
