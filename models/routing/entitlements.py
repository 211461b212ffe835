"""How a requester stands decides how good a model they may have, and how often (D2). Pure."""

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import Field, model_validator

from domain import Line, Name, Refused, value
from models.contract import TIERS, Tier
from models.policy import Limits

STANDARD = "standard"
"""Of everybody who has no other."""


@value
class Standing:
    """What requesters of one standing may have."""

    description: Line = ""
    at_least: Tier | None = None
    """Models below this tier are not the first choice, whatever the strategy says."""
    at_most: Tier | None = None
    """Models above this tier are not asked."""
    limits: Limits = Field(default_factory=Limits)
    """How many calls each requester has, all models together."""
    organisations: Annotated[tuple[Name, ...], Field(max_length=1_000)] = ()
    """Who stands so, unless a person or a key stands otherwise."""
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
class Stands:
    """A standing with its name, and why somebody has it: that is part of the reason of each decision."""

    name: Name = ""
    """Empty: nothing is decided by how they stand."""
    because: Line = ""
    standing: Standing = Field(default_factory=Standing)


def stands(standings: Mapping[str, Standing], *, org: str, subject: str, given: str = "") -> Stands:
    """How a requester stands: what their key was given, else by name, else by organisation, else the standard.

    Raises:
        Refused: ``unknown_standing``: the key names one that the catalogue no longer has.
    """
    person = f"{org}/{subject}"
    found = (
        (given, "its key has it"),
        (next((name for name, each in standings.items() if person in each.people), ""), f"{person} has it"),
        (next((name for name, each in standings.items() if org in each.organisations), ""), f"{org} has it"),
        (STANDARD if STANDARD in standings else "", "everybody has it"),
    )
    name, because = next(((name, why) for name, why in found if name), ("", ""))
    if not name:
        return Stands()
    return Stands(name=name, because=because, standing=known(standings, name))


def known(standings: Mapping[str, Standing], name: str) -> Standing:
    """Return a standing by its name.

    Raises:
        Refused: ``unknown_standing``, naming those there are.
    """
    if name not in standings:
        there = ", ".join(sorted(standings)) or "none"
        raise Refused(f"There is no standing {name!r}.", code="unknown_standing",
                      hint=f"There are: {there}; see `standings` in the catalogue.")  # fmt: skip
    return standings[name]
