"""An action that a person edited: only what executes, rated anew, and never below what was known."""

from dataclasses import replace

import pytest

from domain import Action, CodeChange, Refused
from nodes.rating.rules import edited_delivery, edited_shell, shell_arguments
from risk import OUTSIDE, RiskEngine
from tests.worlds.ballots import COMMIT, ballot

ENGINE = RiskEngine()
SHELL = Action(tool="shell", arguments=shell_arguments(CodeChange(cmd_instructions=("npm install left-pad",))))


def code_of(refused: pytest.ExceptionInfo[Refused]) -> str:
    return refused.value.stable_code


def test_an_edited_command_is_what_runs_and_is_rated_anew():
    edited = replace(SHELL, arguments={**SHELL.arguments, "commands": ["ls"]})
    action, risk = edited_shell(ENGINE, ballot(SHELL), edited)
    assert action.arguments == shell_arguments(CodeChange(cmd_instructions=("ls",)))
    assert risk.tier == "low"
    worse = replace(SHELL, arguments={**SHELL.arguments, "commands": ["git push --force"]})
    assert edited_shell(ENGINE, ballot(SHELL), worse)[1].tier == "critical"


def test_what_outsiders_wrote_stays_so_after_an_edit():
    edited = replace(SHELL, arguments={**SHELL.arguments, "commands": ["curl http://x.example"]})
    plain, tainted = (edited_shell(ENGINE, ballot(SHELL, *rules), edited)[1] for rules in ((), (OUTSIDE,)))
    assert OUTSIDE in {reason.rule for reason in tainted.reasons} - {reason.rule for reason in plain.reasons}


@pytest.mark.parametrize("arguments", [{"commands": ["ls"]}, {**SHELL.arguments, "change": "no JSON"}])
def test_a_shell_action_keeps_its_form(arguments: dict[str, object]):
    with pytest.raises(Refused) as refused:
        edited_shell(ENGINE, ballot(SHELL), replace(SHELL, arguments=arguments))
    assert code_of(refused) == "action_invalid"


def test_of_a_delivery_only_the_message_changes():
    edited = replace(COMMIT, arguments={**COMMIT.arguments, "message": "Say why"})
    action, risk = edited_delivery(ENGINE, ballot(COMMIT), edited)
    assert action == edited
    assert risk.tier in {"high", "critical"}


@pytest.mark.parametrize("arguments", [{"message": " ", "parent": "c" * 40}, {"message": "x", "parent": "d" * 40}, {}])
def test_a_delivery_keeps_its_parent_and_has_a_message(arguments: dict[str, object]):
    with pytest.raises(Refused) as refused:
        edited_delivery(ENGINE, ballot(COMMIT), replace(COMMIT, arguments=arguments))
    assert code_of(refused) == "action_invalid"
