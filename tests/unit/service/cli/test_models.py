"""Options of the commands about models, each read alone."""

import pytest

from domain import Refused
from service.cli.models import failure_of, roles_of


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
