"""How a question is put to the router, and what it means when nobody is left. Pure."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from domain import Exhausted, FailureKind, Refused, SignoffError, Unavailable, value
from models.contract import Errand, Message, Role, Settings
from models.policy import Limits, WorkspacePolicy
from models.routing.catalogue import TIERS, Catalogue, ModelCard, Strategy, Tier
from models.routing.endpoints import Cards
from models.routing.entitlements import Stands
from models.routing.router import Ask, Chosen, Health, Route, route
from models.wrappers.cache import shelf_name
from models.wrappers.usage_log import Decisions, Used

_SIGNS_OF_TROUBLE = ("deadlock", "race condition", "concurren", "segfault", "memory leak", "architecture", "refactor",
                     "migrate", "security", "distributed", "rewrite")  # fmt: skip
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
class Turn:
    """Who proposes a change now, best first, and the rule that says so (F2)."""

    providers: tuple[str, ...]
    reason: str


def providers_for(failure: FailureKind | None, catalogue: Catalogue, *, policy: WorkspacePolicy | None = None) -> Turn:
    """Return who is asked after this kind of failure: the first rule for it holds, less whom the policy forbids."""
    wanted = failure or "general"
    rule = next((rule for rule in catalogue.rules if rule.failure == wanted), None)
    if rule is None:
        return Turn(providers=("coder",), reason=f"There is no rule for {wanted}: the coder.")
    allowed = tuple(name for name in rule.providers if name == "coder" or (policy or WorkspacePolicy()).allows(name))
    return Turn(providers=allowed, reason=f"{wanted}: {rule.reason}")


@value
class Counted:
    """A quota that holds for a call: who shares it, what it is called, how much it is."""

    name: str
    """No two organisations have the same, whatever they are called."""
    called: str
    limits: Limits


def counted(errand: Errand, policy: WorkspacePolicy, stands: Stands, card: ModelCard) -> tuple[Counted, ...]:
    """Every quota that holds when this model is asked: the policies', and the requester's own."""
    org, task = errand.org, errand.task
    found = [
        Counted(
            name=shelf_name(org, "repo", task.repo, key) if workspace else shelf_name(org, "all", key),
            called=key, limits=limits,
        )
        for workspace, key, limits in policy.quotas_of(card.provider, card.id)
    ]  # fmt: skip
    if stands.name:
        mine = shelf_name(org, "standing", stands.name, task.requester)
        called = f"With the standing {stands.name}, models"
        found.append(Counted(name=mine, called=called, limits=stands.standing.limits))
    return tuple(found)


HOUR = timedelta(hours=1)
FRESH_S = 20.0
"""So long it is not read again."""


@dataclass(slots=True)
class Lately:
    """Remembers for a moment what the decisions of an organisation say."""

    read_at: dict[str, float] = field(default_factory=dict[str, float])
    used: dict[str, tuple[Used, ...]] = field(default_factory=dict[str, tuple[Used, ...]])

    async def __call__(self, decisions: Decisions, org: str, now: datetime) -> tuple[Used, ...]:
        """Return what each model did, by this organisation's decisions."""
        if time.monotonic() - self.read_at.get(org, float("-inf")) > FRESH_S:
            self.used[org] = tuple(await decisions.usage(org, since=now - HOUR))
            self.read_at[org] = time.monotonic()
        return self.used[org]


BYTES_PER_TOKEN = 4
ENOUGH = 5
"""Calls of the last hour from which a model is judged."""
UNRELIABLE = 0.5
"""Share of failed calls from which a model is asked after its equals."""


@value
class Circumstances:
    """What a choice depends on beside the question."""

    policy: WorkspacePolicy
    health: dict[str, Health]
    lately: tuple[Used, ...] = ()
    """What the models did in the last hour."""
    money_left: Decimal | None = None


def question(
    role: Role,
    errand: Errand,
    strategy: Strategy,
    messages: Sequence[Message],
    settings: Settings,
    *,
    provider: str | None = None,
    stands: Stands | None = None,
) -> Ask:
    """Return the router's question for one call."""
    read = sum(len(message.content.encode(errors="replace")) for message in messages) // BYTES_PER_TOKEN
    return Ask(
        role=role, strategy=errand.task.strategy, tier=tier_of(errand, strategy), expert=errand.expert,
        tokens_in=read, tokens_out=settings.max_tokens, provider=provider, stands=stands or Stands(),
    )  # fmt: skip


def tier_of(errand: Errand, strategy: Strategy) -> Tier | None:
    """The tier that task and failures ask for, where the strategy listens to them (E3)."""
    failed = errand.attempt > 1
    if strategy.automatic == "never" or (strategy.automatic == "after_failure" and not failed):
        return None
    return tier_for(errand.task.text, failure=errand.failure, attempt=errand.attempt)


def choose(ask: Ask, cards: Cards, catalogue: Catalogue, now: Circumstances) -> Route:
    """Order all models for a question: those that settings name first, then by the strategy.

    A prompt that is too long for everybody is no reason to ask nobody: it is compacted for whoever is asked.
    """
    found = _ordered(ask, cards, catalogue, now)
    if not found.choices and any("too short" in why for why in found.passed_over):
        found = _ordered(replace(ask, tokens_in=0, tokens_out=0), cards, catalogue, now)
        found = replace(found, reason=f"{found.reason} The conversation is shortened to fit.")
    return found


def _ordered(ask: Ask, cards: Cards, catalogue: Catalogue, now: Circumstances) -> Route:
    health: dict[str, Health] = {**_unreliable(now.lately), **now.health}
    routes = [
        route(
            replace(ask, override=card.id), replace(catalogue, models=(card,)), policy=now.policy, health=health,
            money_left=now.money_left,
        )
        for card in cards.named
    ]  # fmt: skip
    if cards.others or not cards.named:
        others = tuple(_measured(card, now.lately) for card in cards.others)
        routes.append(
            route(
                ask, replace(catalogue, models=others), policy=now.policy, health=health, money_left=now.money_left
            )
        )  # fmt: skip
    choices: dict[tuple[str | None, str], Chosen] = {}
    for choice in (choice for each in routes for choice in each.choices):
        choices.setdefault((choice.card.endpoint, choice.asked_as), choice)
    reason = next((each.reason for each in routes if each.choices), routes[0].reason)
    passed = tuple(why for each in routes for why in each.passed_over)
    return Route(choices=tuple(choices.values()), reason=reason, passed_over=passed[:200])


def _unreliable(lately: Sequence[Used]) -> dict[str, Health]:
    return {u.name: "slow" for u in lately if u.calls >= ENOUGH and u.failed / u.calls >= UNRELIABLE}


def _measured(card: ModelCard, lately: Sequence[Used]) -> ModelCard:
    """The card with the speed that was seen here, where enough was (E3)."""
    used = next((u for u in lately if u.name == card.id and u.calls >= ENOUGH and u.tokens_per_s > 0), None)
    return card if used is None else replace(card, tokens_per_s=used.tokens_per_s)


def nobody(role: Role, found: Route) -> SignoffError:
    """Say why nobody can be asked, as an error of the house."""
    said = "; ".join(found.passed_over[:10]) or "there is no model"
    message = f"No model can be asked as {role}: {said}."
    whys = [why.partition(": ")[2] for why in found.passed_over]
    if any("budget" in why for why in whys):
        return Exhausted(message, hint="Raise it and go on: signoff resume RUN --max-cost N")
    if any("does not answer" in why for why in whys):
        return Unavailable(message, hint="Look at them with `signoff models probe`, then resume.")
    if any("policy" in why for why in whys):
        return Refused(message, code="policy_forbids_all",
                       hint="Allow a provider in .signoff/policy.yaml or in the catalogue's policy, or a better tier "
                            "in its `standings`.")  # fmt: skip
    return Refused(message, code="llm_none", hint="See what there is: signoff models list")
