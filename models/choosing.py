"""How a question is put to the router, and what it means when nobody is left. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from domain import Exhausted, Refused, SignoffError, Unavailable, value
from models.cards import ModelCard, Strategy, Tier
from models.catalogue import Catalogue
from models.contract import Message, Role, Settings
from models.decisions import Used
from models.errand import Errand
from models.policy import WorkspacePolicy
from models.router import Ask, Chosen, Health, Route, route
from models.rules import tier_for
from models.seats import Cards
from models.standing import Stands

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
