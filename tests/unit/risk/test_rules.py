"""Rules and policies are data: wrong ones are refused with their line, and a workspace may only tighten."""

from importlib import resources

import pytest

from domain import TIERS, CodeChange, NewFile, Refused
from risk import RiskEngine, RiskPolicy, Tightening, default_rules, denials, read_policy, read_rules
from risk.grammar import read_programs

EFFECTS = "version: 1\neffects:\n  read: {sealed: low, packages: low, host: low, message: reads}\n"
RULE = """  - rule: a.b
    kind: command
    effect: read
    pattern: 'x+'
    message: m
    match: [ax]
    not_match: [b]
"""


def refusal(text):
    with pytest.raises(Refused) as caught:
        read_rules(text)
    assert caught.value.stable_code == "bad_rules"
    assert caught.value.hint
    return caught.value.message


def test_the_rules_of_the_house_pass_their_own_examples():
    rules = default_rules()
    assert sum(len(group) for group in rules.by_kind.values()) > 50
    assert len(rules.programs) > 500
    for group in rules.by_kind.values():
        assert all(rule.match and rule.not_match for rule in group)


def test_a_rule_that_misses_its_example_is_refused_with_its_line():
    assert "line 5: a.b: its own example 'q' does not match" in refusal(
        EFFECTS + "rules:\n" + RULE.replace("[ax]", "[q]")
    )
    assert "line 5: a.b: 'x' must not match" in refusal(EFFECTS + "rules:\n" + RULE.replace("[b]", "[x]"))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("effect: read", "effect: nope", "there is no effect"),
        ("'x+'", "'x('", "regular expression"),
        ("kind: command", "kind: nope", "kind"),
        ("    match: [ax]\n", "", "match"),
        ("message: m", "mesage: m", "mes"),
        ("a.b", "A B", "rule"),
    ],
)
def test_mistakes_are_named(old, new, told):
    message = refusal(EFFECTS + "rules:\n" + RULE.replace(old, new))
    assert told in message
    assert message.startswith("line 5")


def test_text_that_is_no_rule_file():
    assert "line 2" in refusal("version: 1\n  x: [")
    assert "mapping" in refusal("- a")
    assert "twice" in refusal("version: 1\nversion: 1\n")
    refusal("version: 2\n")


def test_a_grammar_with_a_mistake_is_refused():
    for text in (
        "x: {efect: read}",
        "x: {effect: nope}",
        'x: {effect: read, options: "-a=nope"}',
        "x: {effect: read, arguments: [nope]}",
    ):
        with pytest.raises(Refused):
            read_programs(text, {"read": 1, "unknown": 1})


def test_without_programs_nothing_is_low():
    engine = RiskEngine(read_rules(default_text()))
    assert engine.command("ls").tier == "medium"


def default_text():
    return (resources.files("risk") / "rules.yaml").read_text(encoding="utf-8")


POLICY = """
version: 1
tighten:
  - {command: 'pytest .*--integration', tier: high, because: it books real orders}
  - {path: 'billing/*', tier: critical, because: money}
  - {command: '^git push', deny: true, because: we deliver by mail}
"""


def test_a_workspace_raises_and_denies():
    engine = RiskEngine(policy=read_policy(POLICY))
    assert engine.command("pytest -q").tier == "medium"
    assert engine.command("pytest --integration").tier == "high"
    change = CodeChange(files_to_create=(NewFile(path="billing/a.py", content=""),))
    assert engine.change(change).tier == "critical"
    assert not denials(engine.change(change))
    for command in ("git push", "sudo 'git' push", "sh -c 'gi''t push'", "find . -exec git push \\;"):
        assert {reason.tier for reason in denials(engine.command(command))} == {"critical"}
    assert not denials(engine.command("git status"))


def test_a_policy_can_not_lower():
    every = RiskPolicy(tighten=(Tightening(command=".*", tier="low", because="please"),))
    for command in ("ls", "pytest", "git push -f", "rm -rf /"):
        lower, plain = RiskEngine(policy=every).command(command), RiskEngine().command(command)
        assert TIERS.index(lower.tier) >= TIERS.index(plain.tier)


@pytest.mark.parametrize(
    "text",
    [
        "tighten: [{tier: high, because: x}]",
        "tighten: [{command: '(', because: x}]",
        "allow: ['.*']",
        "tighten: [{path: a, command: b, because: x}]",
    ],
)
def test_a_bad_policy_is_refused_with_its_line(text):
    with pytest.raises(Refused) as caught:
        read_policy(f"version: 1\n{text}\n")
    assert "line" in caught.value.message


@pytest.mark.parametrize("path", ["infra/x.tf", "./infra/x.tf", "infra//x.tf", "infra/./x.tf"])
def test_a_denied_path_is_denied_however_it_is_written(path: str) -> None:
    text = "version: 1\ntighten:\n  - path: infra/x.tf\n    deny: true\n    because: never\n"
    engine = RiskEngine(policy=read_policy(text))
    change = CodeChange(files_to_create=(NewFile(path=path, content=""),))
    assert denials(engine.change(change))
    assert denials(engine.change(CodeChange(cmd_outputs=(path,))))
