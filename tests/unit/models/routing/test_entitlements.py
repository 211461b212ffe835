"""How a requester stands bounds the tier of the models they get, and says so."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import Plan, RateLimited, Refused, Task
from models import Question, SelectionContext
from models.contract import TIERS
from models.policy import CallLimits, Entitlement, HeldEntitlement, entitlement_of
from models.routing import load_catalogue
from models.routing.catalogue import Catalogue
from models.routing.router import RouteRequest, route
from tests.unit.models.flaky import ASK
from tests.unit.models.routing.test_routed import COLD, Desk

OURS = load_catalogue()
TIER = st.none() | st.sampled_from(TIERS)


@st.composite
def standings(draw: st.DrawFn) -> HeldEntitlement:
    low, high = draw(TIER), draw(TIER)
    if low and high and TIERS.index(low) > TIERS.index(high):
        low, high = high, low
    return HeldEntitlement(name="s", because="ann has it", entitlement=Entitlement(at_least=low, at_most=high))


@given(standings(), st.sampled_from(sorted(OURS.strategies)), TIER, st.sampled_from(["planner", "coder", "reviewer"]))
def test_no_better_model_is_asked_and_no_worse_one_comes_first(holding, strategy, tier, role):
    found = route(RouteRequest(role=role, strategy=strategy, tier=tier, entitlement=holding), OURS)
    standing = holding.entitlement
    assert all(standing.allows(choice.card.tier) for choice in found.choices)
    if standing.at_least is not None:
        assert TIERS.index(found.choices[0].card.tier) >= TIERS.index(standing.at_least)
    assert ("standing s (ann has it)" in found.reason) == bool(standing.at_least or standing.at_most)
    assert len(found.choices) + len(found.passed_over) == len(OURS.models)


def test_what_settings_name_is_for_everybody():
    best = OURS.models[-1].id
    held = HeldEntitlement(name="s", entitlement=Entitlement(at_most="fast"))
    found = route(RouteRequest(role="coder", override=best, entitlement=held), OURS)
    assert [choice.card.id for choice in found.choices] == [best]
    assert "standing" not in found.reason


@pytest.mark.parametrize(
    ("given_", "org", "subject", "name"),
    [
        ("keyed", "acme", "ann", "keyed"),
        ("", "acme", "ann", "personal"),
        ("", "globex", "ann", "standard"),
        ("", "acme", "bob", "team"),
        ("", "evil/acme", "ann", "standard"),
    ],
)
def test_the_key_comes_before_the_person_and_the_person_before_the_organisation(given_, org, subject, name):
    there = {
        "keyed": Entitlement(),
        "personal": Entitlement(people=("acme/ann",)),
        "team": Entitlement(organisations=("acme",)),
        "standard": Entitlement(),
    }
    assert entitlement_of(there, org=org, subject=subject, key_has=given_).name == name


def test_a_standing_that_is_gone_is_no_way_around_its_bounds():
    with pytest.raises(Refused) as caught:
        entitlement_of({"standard": Entitlement()}, org="a", subject="ann", key_has="trial")
    assert (caught.value.stable_code, "standard" in caught.value.hint) == ("unknown_standing", True)
    assert entitlement_of({}, org="a", subject="ann") == HeldEntitlement()


def test_bounds_are_in_order():
    with pytest.raises(ValueError, match="above"):
        Entitlement(at_least="premium", at_most="fast")


async def test_each_requester_has_calls_of_their_own():
    limited = Entitlement(limits=CallLimits(rpm=2), organisations=("a",))
    roster = Desk()
    fields = {name: getattr(OURS, name) for name in OURS.__slots__}
    board = roster.board(Catalogue(**{**fields, "standings": {"trial": limited}}))

    async def ask(org: str, who: str) -> None:
        wanted = SelectionContext(run="r1", org=org, task=Task(text="Fix it", repo="/x", requester=who))
        await board.model("chat", wanted).ask(Question(ASK, Plan, settings=COLD))

    for who in ("ann", "ann", "bob", "bob"):
        await ask("a", who)
    with pytest.raises(RateLimited, match="With the standing trial, models may be asked 2 times a minute"):
        await ask("a", "ann")
    for _ in range(4):
        await ask("b", "ann")
