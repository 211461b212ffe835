"""What a workspace adds to the rules. It may only tighten: raise a tier, or deny. Pure.

The text comes from the database or from the base commit, never from the sandbox's files.
"""

import fnmatch
import re
from collections.abc import Iterator
from functools import cached_property
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from domain import Reason, Risk, Tier
from risk.rules import Rule
from risk.yamls import LINE, bad, line_of, numbered

_STRICT = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
DENIED = "policy.denied"


class Tightening(BaseModel):
    """One wish: commands that match a regular expression, or paths that match a glob, get at least ``tier``."""

    model_config = _STRICT
    line: int = Field(default=0, alias=LINE)
    command: str = ""
    path: str = ""
    tier: Tier = "high"
    deny: bool = False
    because: str = Field(min_length=1, max_length=300)

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if bool(self.command) == bool(self.path):
            raise ValueError("write either command (a regular expression) or path (a glob)")
        try:
            re.compile(self.command)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        return self

    @property
    def reason(self) -> Reason:
        if self.deny:
            return Reason(rule=DENIED, tier="critical", message=f"denied by the workspace: {self.because}")
        return Reason(rule="policy.raised", tier=self.tier, message=f"raised by the workspace: {self.because}")


class WorkspacePolicy(BaseModel):
    """The wishes of a workspace; empty means that nothing is added."""

    model_config = _STRICT
    line: int = Field(default=0, alias=LINE)
    version: Literal[1] = 1
    tighten: tuple[Tightening, ...] = Field(default=(), max_length=500)
    mask_personal: bool = False
    """Personal data is masked for models, too. ``false`` never switches off what the installation switched on."""

    def on_command(self, command: str) -> Iterator[Reason]:
        """For the text as it was written; ``rules`` are for what it would really start."""
        return (wish.reason for wish in self.tighten if wish.command and re.search(wish.command, command))

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """The wishes about commands, as rules for every program that is started, however it is wrapped."""
        return tuple(
            Rule.model_construct(
                rule=wish.reason.rule, kind="command", effect=f"policy_{wish.reason.tier}", pattern=wish.command,
                message=wish.reason.message, language="", match=(), not_match=(), line=wish.line,
            )
            for wish in self.tighten
            if wish.command
        )  # fmt: skip

    def on_path(self, path: str) -> Iterator[Reason]:
        return (wish.reason for wish in self.tighten if wish.path and fnmatch.fnmatchcase(path, wish.path))


def read_policy(text: str) -> WorkspacePolicy:
    """Parse a workspace's policy (YAML).

    Raises:
        Refused: ``bad_rules`` with the line.
    """
    found = numbered(text)
    try:
        return WorkspacePolicy.model_validate(found)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise bad(f"{'.'.join(map(str, first['loc']))}: {first['msg']}", line_of(found, first["loc"])) from error


def denials(risk: Risk) -> tuple[Reason, ...]:
    """Reasons that no signature can lift: the executor refuses, whoever has approved."""
    return tuple(reason for reason in risk.reasons if reason.rule == DENIED)
