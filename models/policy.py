"""Model policy: which models may be asked, how often (F3), and what a requester is entitled to (D2). Pure.

A workspace's policy (``.signoff/policy.yaml``) only tightens. An entitlement says how good a model a requester may
have; in YAML it is a standing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Annotated, Self

from pydantic import Field, model_validator

from domain import Refused, value
from domain.work import Line, Name
from models.contract import TIERS, Tier
from models.yaml import parse_yaml

FILE = ".signoff/policy.yaml"


@value
class CallLimits:
    """How often a provider may be asked. None: no limit."""

    rpm: int | None = Field(default=None, ge=0)
    """Requests in any sixty seconds."""
    daily_calls: int | None = Field(default=None, ge=0)
    """Requests a day, by UTC."""


@value
class ModelPolicy:
    """Which providers and models may be asked: by the installation, and less, never more, by a workspace."""

    allowed: Annotated[tuple[Name, ...], Field(max_length=50)] | None = None
    """Providers and model ids that may be asked; None: all. ``repair`` is the built-in engine."""
    quotas: dict[Name, CallLimits] = Field(default_factory=dict)
    """Per provider or model id."""
    also: "tuple[ModelPolicy, ...]" = ()
    """Policies that hold as well."""

    def allows(self, *names: str) -> bool:
        """Tell whether a model with these names (provider, model id) may be asked."""
        # All must allow it, this one and those added: a workspace tightens and never widens.
        mine = self.allowed is None or any(name in self.allowed for name in names)
        return mine and all(policy.allows(*names) for policy in self.also)

    def limits(self, *names: str) -> CallLimits:
        """The tightest limits that are given for any of these names."""
        limits = [self.quotas[name] for name in names if name in self.quotas]
        limits += [policy.limits(*names) for policy in self.also]
        return CallLimits(
            rpm=_least(each.rpm for each in limits), daily_calls=_least(each.daily_calls for each in limits)
        )

    def quotas_of(self, *names: str) -> tuple[tuple[bool, str, CallLimits], ...]:
        """Every quota that counts for these names: whether a workspace set it, whose it is, how much."""
        mine = [(False, name, self.quotas[name]) for name in dict.fromkeys(names) if name in self.quotas]
        theirs = [(True, name, limits) for policy in self.also for _, name, limits in policy.quotas_of(*names)]
        return (*mine, *theirs)

    def tightened(self, other: "ModelPolicy") -> "ModelPolicy":
        """Both policies at once: what both allow, and the lower of two quotas."""
        # Side by side and not merged: quotas of a workspace are counted for it alone.
        return replace(self, also=(*self.also, other))


def parse_policy(text: str, *, name: str = FILE) -> ModelPolicy:
    """Read a policy.

    Raises:
        Refused: ``workspace_policy_invalid``, with line and column.
    """
    return parse_yaml(text, ModelPolicy, name=name, code="workspace_policy_invalid")


def _least(limits: Iterable[int | None]) -> int | None:
    return min((limit for limit in limits if limit is not None), default=None)


STANDARD = "standard"
"""Of all requesters who have no other."""


@value
class Entitlement:
    """What requesters of one standing may have."""

    description: Line = ""
    at_least: Tier | None = None
    """Models below this tier are not the first choice, whatever the strategy says."""
    at_most: Tier | None = None
    """Models above this tier are not asked."""
    limits: CallLimits = Field(default_factory=CallLimits)
    """How many calls each requester has, all models together."""
    organisations: Annotated[tuple[Name, ...], Field(max_length=1_000)] = ()
    """Who has it, unless a person or a key has another."""
    people: Annotated[tuple[Name, ...], Field(max_length=1_000)] = ()
    """Persons and keys, as ``organisation/subject``."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.at_least and self.at_most and TIERS.index(self.at_least) > TIERS.index(self.at_most):
            raise ValueError(f"at_least {self.at_least} is above at_most {self.at_most}")
        return self

    def allows(self, tier: Tier) -> bool:
        """Whether models of this tier may be asked."""
        return self.at_most is None or TIERS.index(tier) <= TIERS.index(self.at_most)


@value
class HeldEntitlement:
    """An entitlement with its name, and why a requester has it: that is part of the reason of each decision."""

    name: Name = ""
    """Empty: nothing depends on who asks."""
    because: Line = ""
    entitlement: Entitlement = Field(default_factory=Entitlement)


def entitlement_of(
    standings: Mapping[str, Entitlement], *, org: str, subject: str, key_has: str = ""
) -> HeldEntitlement:
    """How a requester stands: what their key has, else by name, else by organisation, else the standard.

    Raises:
        Refused: ``unknown_standing``: the key names one that the catalogue no longer has.
    """
    person = f"{org}/{subject}"
    # The nearest counts: what a key was given beats what its owner, and that what their organisation has.
    ranked = (
        (key_has, "its key has it"),
        (next((name for name, each in standings.items() if person in each.people), ""), f"{person} has it"),
        (next((name for name, each in standings.items() if org in each.organisations), ""), f"{org} has it"),
        (STANDARD if STANDARD in standings else "", "everybody has it"),
    )
    name, because = next(((name, why) for name, why in ranked if name), ("", ""))
    if not name:
        return HeldEntitlement()
    return HeldEntitlement(name=name, because=because, entitlement=entitlement_named(standings, name))


def entitlement_named(standings: Mapping[str, Entitlement], name: str) -> Entitlement:
    """Return a standing by its name.

    Raises:
        Refused: ``unknown_standing``, naming those there are.
    """
    if name not in standings:
        there = ", ".join(sorted(standings)) or "none"
        raise Refused(
            f"There is no standing {name!r}.",
            code="unknown_standing",
            hint=f"There are: {there}; see `standings` in the catalogue.",
        )
    return standings[name]
