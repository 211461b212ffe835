"""Policy of a workspace over the rules. It may only tighten: raise a tier, or deny. Pure.

The text comes from the database or from the base commit, never from the sandbox's files.
"""

import fnmatch
from collections.abc import Iterator
from functools import cached_property
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from domain import Reason, Risk, Tier
from domain.text import LinearPattern, linear
from risk.rules import PatternRule
from risk.yaml import LINE, bad, line_of, numbered

_STRICT = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
DENIED = "policy.denied"
LONGEST_PATTERN = 1_000
MOST_STEPS = 40_000
"""Instructions of all patterns of a policy together: each is tried on every program that a command starts."""


class Tightening(BaseModel):
    """One wish: commands that match a regular expression, paths or tools that match a glob, get at least ``tier``."""

    model_config = _STRICT
    line: int = Field(default=0, alias=LINE)
    command: str = Field(default="", max_length=LONGEST_PATTERN)
    path: str = Field(default="", max_length=LONGEST_PATTERN)
    tool: str = Field(default="", max_length=LONGEST_PATTERN)
    """Tools of MCP servers, as ``server.tool``."""
    tier: Tier = "high"
    deny: bool = False
    because: str = Field(min_length=1, max_length=300)

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if [bool(self.command), bool(self.path), bool(self.tool)].count(True) != 1:
            raise ValueError("write one of command (a regular expression), path (a glob) and tool (a glob)")
        try:
            _ = self.expression
        except ValueError as error:
            raise ValueError(f"not a regular expression of RE2: {error}") from error
        return self

    @cached_property
    def expression(self) -> LinearPattern:
        return linear(self.command)

    @property
    def reason(self) -> Reason:
        if self.deny:
            return Reason(rule=DENIED, tier="critical", message=f"denied by the workspace: {self.because}")
        return Reason(rule="policy.raised", tier=self.tier, message=f"raised by the workspace: {self.because}")


class _Wish(PatternRule):
    """A rule whose pattern somebody else wrote."""

    @cached_property
    def expression(self) -> LinearPattern:
        return linear(self.pattern)


class RiskPolicy(BaseModel):
    """The wishes of a workspace; empty means that nothing is added."""

    model_config = _STRICT
    line: int = Field(default=0, alias=LINE)
    version: Literal[1] = 1
    tighten: tuple[Tightening, ...] = Field(default=(), max_length=500)
    mask_personal: bool = False
    """Personal data is masked for models, too. ``false`` never switches off what the installation switched on."""

    @model_validator(mode="after")
    def _affordable(self) -> Self:
        steps = sum(wish.expression.size for wish in self.tighten)
        if steps > MOST_STEPS:
            raise ValueError(f"its patterns are too large together: {steps:,} steps, {MOST_STEPS:,} are allowed")
        return self

    def on_command(self, command: str) -> Iterator[Reason]:
        """For the text as it was written; ``rules`` are for what it would really start."""
        ruled = (wish for wish in self.tighten if wish.command)
        # What ends with a line break ends before it, too: a `$` is not escaped by one.
        texts = dict.fromkeys((command, command.rstrip("\n")))
        return (wish.reason for wish in ruled if any(wish.expression.search(text) for text in texts))

    @cached_property
    def rules(self) -> tuple[PatternRule, ...]:
        """The wishes about commands, as rules for every program that is started, however it is wrapped."""
        return tuple(
            _Wish.model_construct(
                rule=wish.reason.rule,
                kind="command",
                effect=f"policy_{wish.reason.tier}",
                pattern=wish.command,
                message=wish.reason.message,
                language="",
                match=(),
                not_match=(),
                line=wish.line,
            )
            for wish in self.tighten
            if wish.command
        )

    def on_path(self, path: str) -> Iterator[Reason]:
        # ``fnmatchcase``: ``fnmatch`` would follow the system that the server runs on.
        return (wish.reason for wish in self.tighten if wish.path and fnmatch.fnmatchcase(path, wish.path))

    def on_tool(self, name: str) -> Iterator[Reason]:
        return (wish.reason for wish in self.tighten if wish.tool and fnmatch.fnmatchcase(name, wish.tool))


def read_policy(text: str) -> RiskPolicy:
    """Parse a workspace's policy (YAML).

    Raises:
        Refused: ``bad_rules`` with the line.
    """
    parsed = numbered(text)
    try:
        return RiskPolicy.model_validate(parsed)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise bad(f"{'.'.join(map(str, first['loc']))}: {first['msg']}", line_of(parsed, first["loc"])) from error


def denials(risk: Risk) -> tuple[Reason, ...]:
    """Reasons that no signature can lift: the executor refuses, whoever has approved."""
    return tuple(reason for reason in risk.reasons if reason.rule == DENIED)
