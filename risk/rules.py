"""Rules: what is known to be dangerous, as data. Effects with tiers, and patterns with examples that are checked."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import resources
from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from domain import TIERS, Tier
from domain.work import Profile
from risk.executed import Executed, executed_files
from risk.grammar import ProgramGrammar, Programs, default_programs
from risk.yaml import LINE, bad, line_of, numbered

Setting = Profile | Literal["host"]
"""Where a command would run. ``host``: on a person's machine or a server, with whatever it can reach."""
Kind = Literal["read", "write", "file", "secret", "code", "variable", "command", "ref"]
_STRICT = ConfigDict(extra="forbid", frozen=True)


class Effect(BaseModel):
    """What something does to the world, and how bad that is in each setting."""

    model_config = _STRICT
    line: int = Field(default=0, alias=LINE)
    sealed: Tier
    packages: Tier
    host: Tier
    message: str
    outward: bool = False
    """True when text from outsiders makes it worse: egress, use of secrets, edits of CI."""

    def tier(self, setting: Setting) -> Tier:
        if setting == "host":
            return self.host
        return self.packages if setting == "packages" else self.sealed


class Expression(Protocol):
    """Whatever can be searched for."""

    def search(self, string: str, /) -> object:
        """Something true where it occurs in a text."""
        ...


class PatternRule(BaseModel):
    """A regular expression on one kind of text, with texts that it must and must not match."""

    model_config = _STRICT
    line: int = Field(default=0, alias=LINE)
    rule: str = Field(pattern=r"^[a-z_]+(\.[a-z0-9_]+)+$")
    kind: Kind
    effect: str
    pattern: str
    message: str
    language: str = ""
    """For ``code``: the only language it is about."""
    match: tuple[str, ...] = Field(min_length=1)
    not_match: tuple[str, ...] = Field(min_length=1)

    @cached_property
    def expression(self) -> Expression:
        return re.compile(self.pattern)


class _File(BaseModel):
    model_config = _STRICT
    line: int = Field(default=0, alias=LINE)
    version: Literal[1]
    effects: dict[str, Effect] = {}
    settings: str = ""
    rules: tuple[PatternRule, ...] = ()


@dataclass(frozen=True)
class Rules:
    """Everything the engine knows by heart."""

    effects: Mapping[str, Effect]
    by_kind: Mapping[Kind, tuple[PatternRule, ...]]
    programs: Programs = field(default_factory=dict[str, ProgramGrammar])
    settings: frozenset[str] = frozenset()
    """Environment variables that only change how something is shown or how much it says."""
    ecosystems: bool = False
    """Files are also looked up in the table of names by ecosystem; rules on files are asked first."""

    @cached_property
    def commands(self) -> frozenset[str]:
        """The programs that rules on commands have examples of."""
        return frozenset(text.split()[0] for rule in self.by_kind.get("command", ()) for text in rule.match)

    def plus(self, rules: tuple[PatternRule, ...]) -> "Rules":
        """Return these rules and some more on commands, with the effects of a workspace's policy."""
        if not rules:
            return self
        # Tiers of a policy hold in every setting: its author had no other in mind.
        of_policy: dict[str, Effect] = {
            f"policy_{tier}": Effect.model_construct(sealed=tier, packages=tier, host=tier, message="", outward=False)
            for tier in TIERS
        }
        commands = (*self.by_kind.get("command", ()), *rules)
        return replace(self, effects={**self.effects, **of_policy}, by_kind={**self.by_kind, "command": commands})

    @cached_property
    def executed(self) -> tuple[Executed, ...]:
        """The table, read when the first path is rated: most commands rate none."""
        return executed_files() if self.ecosystems else ()

    def file(self, path: str) -> Iterator[PatternRule | Executed]:
        """Every rule on files that matches a path; the table adds its word only where none says the same."""
        effects: set[str] = set()
        for rule in self.of("file", path):
            effects.add(rule.effect)
            yield rule
        for group in self.executed:
            if group.effect not in effects and path in group:
                effects.add(group.effect)
                yield group

    def of(self, kind: Kind, text: str, language: str = "") -> Iterator[PatternRule]:
        """Every rule of a kind that matches; none is hidden by another, so the strictest wins."""
        for rule in self.by_kind.get(kind, ()):
            if (not rule.language or rule.language == language) and rule.expression.search(text):
                yield rule


def checked_rule(rule: PatternRule, effects: Mapping[str, Effect]) -> PatternRule:
    """The rule, if its effect is there and its own examples come out as it says.

    Raises:
        Refused: ``bad_rules`` with the rule's line.
    """
    # When the file is read, not when the rule is first met: a rule that cannot work must not wait for the day.
    if rule.effect not in effects:
        raise bad(f"{rule.rule}: there is no effect {rule.effect!r}", rule.line)
    try:
        expression = rule.expression
    except (re.error, RecursionError, OverflowError) as error:
        raise bad(f"{rule.rule}: the pattern is not a regular expression: {error}", rule.line) from error
    for text in rule.match:
        if not expression.search(text):
            raise bad(f"{rule.rule}: its own example {text!r} does not match", rule.line)
    for text in rule.not_match:
        if expression.search(text):
            raise bad(f"{rule.rule}: {text!r} must not match, but does", rule.line)
    return rule


def read_rules(text: str) -> Rules:
    """Parse a rule file and try every rule on its own examples.

    Raises:
        Refused: ``bad_rules`` with the line of the first thing that is wrong.
    """
    parsed = numbered(text)
    try:
        # Lines stay where a model keeps them; a plain mapping of effects has no place for one.
        effects = {key: entry for key, entry in (parsed.get("effects") or {}).items() if key != LINE}
        file = _File.model_validate({**parsed, "effects": effects} if "effects" in parsed else parsed)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise bad(f"{where}: {first['msg']}", line_of(parsed, first["loc"])) from error
    grouped: dict[Kind, list[PatternRule]] = {}
    for rule in file.rules:
        grouped.setdefault(rule.kind, []).append(checked_rule(rule, file.effects))
    return Rules(
        effects=file.effects,
        by_kind={kind: tuple(rules) for kind, rules in grouped.items()},
        settings=frozenset(file.settings.split()),
    )


def default_rules() -> Rules:
    """The rules that come with the house."""
    rules = read_rules((resources.files("risk") / "rules.yaml").read_text(encoding="utf-8"))
    return replace(rules, programs=default_programs(rules.effects), ecosystems=True)


def worst(tiers: Iterable[Tier]) -> Tier:
    """Return the highest of the tiers; low when there is none."""
    return TIERS[max((TIERS.index(tier) for tier in tiers), default=0)]


def one_up(tier: Tier) -> Tier:
    """Return the next tier; nothing is above critical."""
    return TIERS[min(TIERS.index(tier) + 1, len(TIERS) - 1)]
