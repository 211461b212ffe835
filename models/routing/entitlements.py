"""Entitlements: how good a model a requester may have, and how often (D2). In YAML: a standing. Pure."""

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import Field, model_validator

from domain import Line, Name, Refused, value
from models.contract import TIERS, Tier
from models.policy import CallLimits

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
