"""Selection: what the router is asked for a run's question, and what its answer means when no model is left. Pure.

Beside it what decides who is needed (tier, providers, quotas), and what the models did in the last hour.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from domain import Exhausted, FailureKind, Refused, SignoffError, Unavailable, value
from models.contract import TIERS, Message, ModelSettings, Role, SelectionContext, Tier, Tool
from models.policy import CallLimits, ModelPolicy
from models.routing.catalogue import Catalogue, ModelCard, ModelCards, Strategy
from models.routing.entitlements import HeldEntitlement
from models.routing.router import Health, RankedModel, Route, RouteRequest, route
from models.tokens import estimated_size
from models.wrappers.cache import key_of
from models.wrappers.usage_log import Decisions, UsageTotal

ENOUGH = 5
"""Calls of the last hour from which a model is judged."""
UNRELIABLE = 0.5
"""Share of failed calls from which a model is asked after its equals."""
HOUR = timedelta(hours=1)
FRESH_S = 20.0
"""So long the last hour is not read again."""
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


@dataclass(slots=True)
class RecentUsage:
    """What the models did in the last hour, by an organisation's decisions; it decides between equals (E3)."""

    read_at: dict[str, float] = field(default_factory=dict[str, float])
    totals: dict[str, tuple[UsageTotal, ...]] = field(default_factory=dict[str, tuple[UsageTotal, ...]])

    async def __call__(self, decisions: Decisions, org: str, now: datetime) -> tuple[UsageTotal, ...]:
        """Return what each model did; read again after ``FRESH_S``."""
        if time.monotonic() - self.read_at.get(org, float("-inf")) > FRESH_S:
            self.totals[org] = tuple(await decisions.usage(org, since=now - HOUR))
            self.read_at[org] = time.monotonic()
        return self.totals[org]


@value
class Circumstances:
    """What a choice depends on beside the question."""

    policy: ModelPolicy
    health: dict[str, Health]
    recent: tuple[UsageTotal, ...] = ()
    """What the models did in the last hour."""
    money_left: Decimal | None = None


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
            health.setdefault(total.name, "slow")
    routes = [
        route(
            replace(request, override=card.id),
            replace(catalogue, models=(card,)),
            policy=now.policy,
            health=health,
            money_left=now.money_left,
        )
        for card in cards.named
    ]
    if cards.others or not cards.named:
        others = replace(catalogue, models=tuple(_measured(card, now.recent) for card in cards.others))
        routes.append(route(request, others, policy=now.policy, health=health, money_left=now.money_left))
    choices: dict[tuple[str | None, str], RankedModel] = {}
    for choice in (choice for each in routes for choice in each.choices):
        choices.setdefault((choice.card.endpoint, choice.asked_as), choice)
    reason = next((each.reason for each in routes if each.choices), routes[0].reason)
    passed = tuple(why for each in routes for why in each.passed_over)
    return Route(choices=tuple(choices.values()), reason=reason, passed_over=passed[:200])


def _measured(card: ModelCard, recent: Sequence[UsageTotal]) -> ModelCard:
    """The card with the speed that was seen here, where enough was (E3)."""
    total = next((u for u in recent if u.name == card.id and u.calls >= ENOUGH and u.tokens_per_s > 0), None)
    return card if total is None else replace(card, tokens_per_s=total.tokens_per_s)


def no_model_error(role: Role, empty: Route) -> SignoffError:
    """Say why no model can be asked, as an error by who can act."""
    reasons = "; ".join(empty.passed_over[:10]) or "there is no model"
    message = f"No model can be asked as {role}: {reasons}."
    whys = [why.partition(": ")[2] for why in empty.passed_over]
    if any("budget" in why for why in whys):
        return Exhausted(message, hint="Raise it and go on: signoff resume RUN --max-cost N")
    if any("does not answer" in why for why in whys):
        return Unavailable(message, hint="Look at them with `signoff models probe`, then resume.")
    if any("policy" in why for why in whys):
        return Refused(
            message,
            code="policy_forbids_all",
            hint="Allow a provider in .signoff/policy.yaml or in the catalogue's policy, or a better tier "
            "in its `standings`.",
        )
    return Refused(message, code="llm_none", hint="See what there is: signoff models list")
