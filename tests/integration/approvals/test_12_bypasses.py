"""12. The corpus of dangerous commands and their disguises: none is low, alone or as part of a change."""

from benchmarks.risk import dangerous
from domain import CodeChange
from risk import RiskEngine

LONGEST_LINE = 2_000


def test_12_none_is_low() -> None:
    engine, corpus = RiskEngine(), [command for command, _ in dangerous()]
    assert len(corpus) >= 250
    assert [command for command in corpus if engine.command(command).tier == "low"] == []


def test_12_none_is_low_as_the_last_command_of_a_change() -> None:
    engine = RiskEngine()
    fitting = [command for command, _ in dangerous() if len(command) <= LONGEST_LINE]
    changes = [CodeChange(cmd_instructions=("true", command)) for command in fitting]
    assert [change for change in changes if engine.change(change).tier == "low"] == []
