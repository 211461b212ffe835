from decimal import Decimal
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.contract import TIERS
from models.policy import CallLimits, ModelPolicy, parse_policy
from models.routing import load_catalogue, providers_for
from models.routing.catalogue import Catalogue, ModelCard, Pick, Strategy
from models.routing.router import (
    RouteRequest,
    distance,
    pick_for,
    preference,
    route,
    tier_for,
    worst_cost,
)

OURS = load_catalogue()
IDS = [card.id for card in OURS.models]
ASKS = st.builds(
    RouteRequest,
    role=st.sampled_from(["planner", "coder", "reviewer", "chat"]),
    strategy=st.sampled_from(sorted(OURS.strategies)),
    tier=st.none() | st.sampled_from(TIERS),
    tokens_in=st.integers(0, 70_000),
    tokens_out=st.integers(0, 8_000),
    override=st.none() | st.sampled_from(IDS),
)
POLICIES = st.builds(
    ModelPolicy,
    allowed=st.none() | st.lists(st.sampled_from([*IDS, "vllm", "openai"]), max_size=4).map(tuple),
    quotas=st.dictionaries(
        st.sampled_from(["vllm", "openai"]),
        st.builds(CallLimits, rpm=st.none() | st.integers(0, 9), daily_calls=st.none() | st.integers(0, 9)),
    ),
)
HEALTH = st.dictionaries(st.sampled_from(IDS), st.sampled_from(["up", "slow", "down"]))
MONEY = st.none() | st.decimals(0, 1, places=4)


@given(ASKS, POLICIES, HEALTH, MONEY)
def test_nobody_is_chosen_who_may_not_or_cannot(ask, policy, health, money):
    found = route(ask, OURS, policy=policy, health=health, money_left=money)
    assert found.reason
    assert len(found.choices) + len(found.passed_over) == len(OURS.models)
    for choice in found.choices:
        card = choice.card
        assert policy.allows(card.provider, card.id)
        assert health.get(card.id) != "down"
        assert card.context >= ask.tokens_in + ask.tokens_out
        assert ask.override in {None, card.id}
        assert money is None or choice.worst_cost <= money


@given(ASKS, POLICIES, HEALTH, MONEY)
def test_the_same_question_has_the_same_answer(ask, policy, health, money):
    asked = {"policy": policy, "health": health, "money_left": money}
    assert route(ask, OURS, **asked) == route(ask, OURS, **asked)


@given(ASKS, POLICIES, POLICIES)
def test_a_workspace_policy_only_tightens(ask, mine, theirs):
    both = mine.tightened(theirs)
    names = lambda policy: {c.card.id for c in route(ask, OURS, policy=policy).choices}  # noqa: E731
    assert names(both) == names(mine) & names(theirs)
    for name in ("vllm", "openai"):
        for limit in ("rpm", "daily_calls"):
            given_ = [getattr(p.limits(name), limit) for p in (mine, theirs)]
            assert getattr(both.limits(name), limit) == min((g for g in given_ if g is not None), default=None)


@given(ASKS)
def test_better_before_worse_before_much_better(ask):
    found = route(ask, OURS)
    strategy = OURS.strategy(ask.strategy)
    if ask.override is None and not strategy.single and ask.tier is None and ask.strategy == "balanced":
        wanted = {"planner": "balanced", "coder": "advanced", "reviewer": "balanced", "chat": "fast"}[ask.role]
        fitting = {c.card.tier for c in found.choices}
        if wanted in fitting:
            assert found.choices[0].card.tier == wanted


@pytest.mark.parametrize(
    ("strategy", "role", "tier"),
    [
        ("balanced", "coder", "advanced"),
        ("balanced", "planner", "balanced"),
        ("quality", "reviewer", "premium"),
        ("fast", "coder", "fast"),
        ("low_ram", "planner", "fast"),
        ("single", "reviewer", "balanced"),
        ("custom", "coder", "fast"),
    ],
)
def test_strategies_choose_as_they_say(strategy, role, tier):
    found = route(RouteRequest(role=role, strategy=strategy), OURS)
    assert found.choices[0].card.tier == tier
    assert strategy in found.reason


def test_who_is_slow_comes_after_equals():
    cards = tuple(ModelCard(id=name, tier="advanced") for name in ("a", "b"))
    two = Catalogue(models=cards, strategies=OURS.strategies, roles=OURS.roles, rules=OURS.rules, experts=OURS.experts)
    assert route(RouteRequest(role="coder"), two).choices[0].card.id == "a"
    assert route(RouteRequest(role="coder"), two, health={"a": "slow"}).choices[0].card.id == "b"


def test_an_expert_with_an_adapter_is_asked_by_its_name():
    card = ModelCard(id="base", lora={"code_python": "base-python"})
    one = Catalogue(
        models=(card,), strategies=OURS.strategies, roles=OURS.roles, rules=OURS.rules, experts=OURS.experts
    )
    found = route(RouteRequest(role="coder", expert="code_python"), one)
    assert found.choices[0].asked_as == "base-python"
    assert "adapter base-python" in found.reason
    assert route(RouteRequest(role="coder", expert="code_ts"), one).choices[0].asked_as == "base"


def test_nobody_left():
    found = route(RouteRequest(role="coder"), OURS, policy=ModelPolicy(allowed=()))
    assert found.choices == ()
    assert "Nobody" in found.reason
    assert all("policy" in why for why in found.passed_over)


def test_a_question_costs_at_most():
    card = ModelCard(id="a", price_in=Decimal(1), price_out=Decimal(2))
    assert worst_cost(card, RouteRequest(role="coder", tokens_in=1_000, tokens_out=500)) == 2


@pytest.mark.parametrize(
    ("task", "tier"),
    [
        ({"text": "typo", "failure": "style"}, "fast"),
        ({"text": "The sum is wrong"}, "balanced"),
        ({"text": "The sum is wrong", "attempt": 2}, "advanced"),
        ({"text": "A deadlock in the pool", "files": 20}, "premium"),
    ],
)
def test_how_good_a_model_a_task_needs(task, tier):
    assert tier_for(**task) == tier


@given(st.text(max_size=50), st.integers(0, 20), st.integers(1, 4))
def test_more_trouble_never_means_a_weaker_model(text, files, attempt):
    weaker, stronger = (
        tier_for(text, files=files, attempt=attempt),
        tier_for(text, files=files + 9, attempt=attempt + 1),
    )
    assert TIERS.index(weaker) <= TIERS.index(stronger)


def test_failures_have_their_providers_and_a_reason():
    assert providers_for("tests", OURS).providers == ("coder", "repair")
    assert providers_for("types", OURS).providers == ("coder",)
    assert providers_for(None, OURS) == providers_for("general", OURS)
    strict = providers_for("tests", OURS, policy=ModelPolicy(allowed=("vllm",)))
    assert strict.providers == ("coder",)
    assert "tests:" in strict.reason


def test_a_policy_file():
    policy = parse_policy("allowed: [vllm, repair]\nquotas:\n  vllm: {rpm: 30, daily_calls: 500}\n")
    assert policy.limits("vllm") == CallLimits(rpm=30, daily_calls=500)
    assert policy.allows("any", "vllm")
    assert not policy.allows("openai")
    assert parse_policy("") == ModelPolicy()


CARDS = st.sampled_from(OURS.models)


@given(st.sampled_from(TIERS), st.sampled_from(TIERS))
def test_a_better_model_is_nearer_than_a_worse_one(tier, wanted):
    near = distance(ModelCard(id="m", tier=tier), Pick(tier=wanted))
    assert (near == 0) == (tier == wanted)
    for other in TIERS:
        steps, others = TIERS.index(tier) - TIERS.index(wanted), TIERS.index(other) - TIERS.index(wanted)
        if others < 0 <= steps and abs(steps) <= abs(others):
            assert near < distance(ModelCard(id="m", tier=other), Pick(tier=wanted))


@given(CARDS, CARDS)
def test_a_model_that_is_named_is_nearest(card, named):
    assert (distance(card, Pick(model=named.id)) == 0) == (card.id == named.id)
    assert distance(card, Pick()) == 0


@given(st.permutations(OURS.models))
def test_equals_are_sorted_by_what_the_strategy_prefers(cards):
    first = {
        prefer: min(cards, key=partial(lambda like, card: preference(card, like), Strategy(prefer=prefer)))
        for prefer in ("price", "speed", "memory", "tier")
    }
    assert first["speed"].tokens_per_s == max(card.tokens_per_s for card in cards)
    assert first["memory"].memory_gb == min(card.memory_gb for card in cards)
    assert first["tier"].tier == max((card.tier for card in cards), key=TIERS.index)
    totals = [card.price.per_1k_in + card.price.per_1k_out for card in cards]
    assert first["price"].price.per_1k_in + first["price"].price.per_1k_out == min(totals)


@given(ASKS)
def test_what_a_strategy_wants_is_a_model_or_a_tier_that_is_allowed(ask):
    pick = pick_for(ask, OURS)
    assert pick.model is None or pick.tier is None
    if ask.override is not None:
        assert pick.model == ask.override
    elif ask.tier is not None and pick.model is None:
        assert TIERS.index(pick.tier) >= TIERS.index(ask.tier)
