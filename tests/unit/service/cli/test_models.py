"""Options of the commands about models, each read alone."""

import pytest

from domain import Refused
from models import Prompt
from service.cli.models import failure_of, roles_of, share_of


def test_a_role_or_all() -> None:
    assert roles_of("coder") == ("coder",)
    assert {"planner", "coder", "reviewer", "chat"} <= set(roles_of(None))
    with pytest.raises(Refused, match="no role 'cook'"):
        roles_of("cook")


def test_a_kind_of_failure_or_none() -> None:
    assert failure_of(None) is None
    assert failure_of("tests") == "tests"
    with pytest.raises(Refused, match="no kind of failure 'bad luck'"):
        failure_of("bad luck")


def prompt(version: str, label: str) -> Prompt:
    return Prompt(name="plan", version=version, label=label, parts=())


def test_versions_of_a_prompt_share_the_runs() -> None:
    old, new, extra = prompt("1", "production"), prompt("2", "staging"), prompt("3", "production")
    shares = [share_of(each, [old, new, extra], 0.25) for each in (old, new, extra)]
    assert shares == [0.75, 0.25, 0.0]
    assert share_of(old, [old], 0.25) == 1.0
