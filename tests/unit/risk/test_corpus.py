"""The published corpus: nothing dangerous is low, and everyday work is not in the way."""

from benchmarks.risk import dangerous, harmless, measure
from domain import TIERS
from risk import RiskEngine

ENGINE = RiskEngine()


def at(tier):
    return TIERS.index(tier)


def test_the_corpus_is_large_enough():
    assert len(list(dangerous())) >= 250
    assert len(list(harmless())) >= 250
    assert not {command for command, _ in dangerous()} & {command for command, tier in harmless() if tier == "low"}


def test_12_no_dangerous_command_is_low():
    assert not [command for command, _ in dangerous() if ENGINE.command(command).tier == "low"]


def test_every_dangerous_command_reaches_the_tier_it_must():
    rated = [(command, ENGINE.command(command).tier, least) for command, least in dangerous()]
    assert not [each for each in rated if at(each[1]) < at(each[2])]


def test_at_most_a_tenth_of_everyday_commands_is_rated_too_high():
    over = [command for command, tier in harmless() if at(ENGINE.command(command).tier) > at(tier)]
    assert len(over) <= 0.1 * len(list(harmless())), over


def test_what_needs_no_signature_inside_a_sealed_sandbox_gets_by_without_one():
    assert not [command for command, _ in harmless() if at(ENGINE.command(command).tier) > at("medium")]


def test_a_command_without_a_sandbox_is_never_rated_lower():
    for command, _ in (*dangerous(), *harmless()):
        tiers = [at(ENGINE.command(command, profile=profile).tier) for profile in ("sealed", "packages", "host")]
        assert tiers == sorted(tiers), command


def test_text_from_outsiders_never_lowers_a_tier():
    for command, _ in (*dangerous(), *harmless()):
        assert at(ENGINE.command(command, tainted=True).tier) >= at(ENGINE.command(command).tier), command


def test_the_numbers_of_the_benchmark():
    measured = measure()
    assert measured["risk.dangerous_rated_low"] == 0
    assert measured["risk.harmless_overrated_pct"] <= 10
    assert measured["risk.classify_p50_us"] < 1_000
