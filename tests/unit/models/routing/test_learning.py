"""The router learns from runs: the catalogue is wrong, and after some runs it asks the right one, with the numbers."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import Task
from domain.evidence import FailureKind
from models import ModelSettings, SelectionContext
from models.routing import ModelPolicy, Route, load_catalogue
from models.routing.catalogue import ModelCard, ModelCards
from models.routing.learning import expected, learned_order, learned_reason
from models.routing.router import Circumstances, choose, route_request
from models.wrappers.outcomes import MemoryOutcomes, RunOutcome, SuccessRate

OURS = load_catalogue()
CARDS = (
    ModelCard(id="praised", tier="advanced", price_in=Decimal(2), price_out=Decimal(2)),
    ModelCard(id="modest", tier="balanced", price_in=Decimal(1), price_out=Decimal(1)),
    ModelCard(id="forbidden", provider="elsewhere", tier="premium"),
)
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
POLICY = ModelPolicy(allowed=("vllm",))


def asked(
    rates: Sequence[SuccessRate],
    *,
    strategy: str = "balanced",
    health: dict[str, str] | None = None,
    cards: Sequence[ModelCard] = CARDS,
    expert: str | None = None,
) -> Route:
    """Whom the router would ask to write a change."""
    context = SelectionContext(run="r", org="a", task=Task(text="x", repo="/x", strategy=strategy))
    settings = ModelSettings(max_tokens=10)
    request = replace(route_request("coder", context, OURS.strategy(strategy), (), settings), expert=expert)
    now = Circumstances(policy=POLICY, health=health or {}, rates=tuple(rates))  # type: ignore[arg-type]
    return choose(request, ModelCards(others=tuple(cards)), replace(OURS, models=tuple(cards)), now)


def rate(model: str, succeeded: int, runs: int) -> SuccessRate:
    return SuccessRate(model=model, runs=runs, succeeded=succeeded)


async def test_where_the_catalogue_is_wrong_the_router_learns_it() -> None:
    """A simulation: the praised model mends one type error in five, the modest one four."""
    truth: dict[FailureKind, dict[str, float]] = {
        "types": {"praised": 0.2, "modest": 0.8},
        "tests": {"praised": 0.9, "modest": 0.5},
    }
    outcomes, dice = MemoryOutcomes(), random.Random(7)
    chosen: dict[FailureKind, list[str]] = {"types": [], "tests": []}
    for number in range(200):
        kind: FailureKind = "types" if number % 2 else "tests"
        route = asked(await outcomes.rates("a", kind))
        first = route.choices[0].asked_as
        chosen[kind].append(first)
        succeeded = dice.random() < truth[kind][first]
        at = NOW + timedelta(minutes=number)
        await outcomes.record(
            RunOutcome(at=at, org="a", run=f"r{number}", failure=kind, model=first, succeeded=succeeded)
        )
    assert chosen["types"][0] == "praised", "at first the catalogue is believed"
    assert chosen["types"][-50:].count("modest") == 50
    assert chosen["tests"][-50:].count("praised") == 50, "what is learnt of one kind says nothing of another"
    route = asked(await outcomes.rates("a", "types"))
    modest = next(each for each in await outcomes.rates("a", "types") if each.model == "modest")
    assert f"modest {modest.succeeded} of {modest.runs}" in route.reason
    assert "it goes first" in route.reason
    assert asked(await outcomes.rates("b", "types")).choices[0].asked_as == "praised", "not for another organisation"


def test_what_policy_forbids_is_not_learnt_into_the_choice() -> None:
    route = asked([rate("forbidden", 100, 100), rate("praised", 0, 50)])
    assert [each.asked_as for each in route.choices] == ["modest", "praised"]


@pytest.mark.parametrize("strategy", ["quality", "fast", "low_ram", "single"])
def test_a_strategy_that_names_its_tier_keeps_it(strategy: str) -> None:
    bad = [rate("praised", 0, 100), rate("modest", 0, 100)]
    for rates in (bad[:1], bad[1:]):
        assert asked(rates, strategy=strategy).choices == asked([], strategy=strategy).choices


def test_one_bad_run_moves_nothing_and_one_that_is_slow_stays_behind() -> None:
    assert expected(0, rate("praised", 0, 1)) > expected(1, None)
    learnt = [rate("praised", 1, 10), rate("modest", 9, 10)]
    assert asked(learnt).choices[0].asked_as == "modest"
    assert asked(learnt, health={"modest": "slow"}).choices[0].asked_as == "praised"


def test_a_slow_model_stays_behind_with_an_adapter_of_the_expert_too() -> None:
    adapted = tuple(replace(card, lora={"django": f"{card.id}-django"}) for card in CARDS)
    learnt = [rate("praised-django", 1, 10), rate("modest-django", 9, 10)]
    assert asked(learnt, cards=adapted, expert="django").choices[0].asked_as == "modest-django"
    slow = asked(learnt, cards=adapted, expert="django", health={"modest": "slow"})
    assert slow.choices[0].asked_as == "praised-django"


@dataclass(frozen=True)
class Choice:
    asked_as: str


NAMES = ("a", "b", "c", "d")
RATES = st.dictionaries(
    st.sampled_from(NAMES), st.integers(0, 50).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
)


@given(RATES)
def test_nobody_is_added_or_lost_and_equal_runs_give_the_same_order(seen: dict[str, tuple[int, int]]) -> None:
    rates = {name: rate(name, *each) for name, each in seen.items()}
    choices = [Choice(name) for name in NAMES]
    order = learned_order(choices, rates)
    assert sorted(each.asked_as for each in order) == sorted(NAMES)
    assert order == learned_order(choices, dict(reversed(rates.items())))
    assert bool(learned_reason(choices, order, rates)) == (order[0] != choices[0])


@given(st.integers(0, 9), st.integers(0, 40), st.integers(0, 40))
def test_a_success_raises_what_is_expected_and_a_failure_lowers_it(place: int, won: int, lost: int) -> None:
    runs = won + lost
    before = expected(place, rate("m", won, runs))
    assert expected(place, rate("m", won + 1, runs + 1)) > before > expected(place, rate("m", won, runs + 1))
