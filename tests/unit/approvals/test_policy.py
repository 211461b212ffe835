"""The policy: what each tier needs, in each world, and what nobody may loosen."""

from importlib.resources import files

import pytest
import yaml

from approvals import Policy, default_policy, read_policy
from domain import TIERS, Refused


def test_the_four_tiers() -> None:
    needs = {tier: default_policy().requirement(tier, mode="team") for tier in TIERS}
    assert [needs[tier].humans for tier in TIERS] == [0, 0, 1, 2]
    assert [needs[tier].notify for tier in TIERS] == [False, True, True, True]
    assert (needs["high"].expires_in_seconds, needs["critical"].expires_in_seconds) == (24 * 3600, 4 * 3600)
    assert {need.use_within_seconds for need in needs.values()} == {15 * 60}
    assert needs["critical"].roles == ("critical_approver",)
    assert needs["critical"].session_within_seconds == 600
    assert not any(need.allow_self for need in needs.values())


def test_alone_one_signs_high_and_only_high() -> None:
    assert [default_policy().requirement(tier, mode="solo").allow_self for tier in TIERS] == [False, False, True, False]


def test_the_version_changes_with_every_rule() -> None:
    base = default_policy()
    assert base.version == default_policy().version
    raised = read_policy(yaml.safe_dump(changed(["tiers", "high", "humans"], 2)))
    assert raised.version != base.version
    assert raised.requirement("high", mode="team").policy_version == raised.version


def changed(path: list[str], new: object) -> object:
    whole = yaml.safe_load(files("approvals").joinpath("policy.yaml").read_text(encoding="utf-8"))
    place = whole
    for key in path[:-1]:
        place = place[key]
    if new is None:
        del place[path[-1]]
    else:
        place[path[-1]] = new
    return whole


@pytest.mark.parametrize(
    ("path", "new"),
    [
        (["tiers", "high", "humans"], 0),
        (["tiers", "critical", "humans"], 1),
        (["tiers", "critical"], None),
        (["tiers", "high", "expires_in"], 31 * 86_400),
        (["tiers", "high", "expires_in"], 0),
        (["tiers", "high", "roles"], []),
        (["tiers", "high", "unknown"], 1),
        (["team", "allow_self"], ["high"]),
        (["solo", "allow_self"], ["critical"]),
        (["tiers"], "nonsense"),
    ],
)
def test_what_would_loosen_the_promise_is_refused(path: list[str], new: object) -> None:
    with pytest.raises(Refused) as no:
        read_policy(yaml.safe_dump(changed(path, new)))
    assert no.value.stable_code == "policy_invalid"


@pytest.mark.parametrize("text", ["", "[", "- a", "tiers: {}", "!!python/object/apply:os.system ['true']"])
def test_what_is_no_policy_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        read_policy(text)


def test_a_policy_is_a_value() -> None:
    assert isinstance(default_policy(), Policy)
    assert default_policy() == default_policy()
