"""Policy of signatures, from ``policy.yaml``: who must sign what. Pure: text in, a requirement out."""

import hashlib
from importlib.resources import files
from typing import Annotated, Any, Literal

import rfc8785
from pydantic import Field, TypeAdapter, model_validator

from domain import TIERS, Refused, Requirement, Tier, value
from domain.text import yaml_value

Mode = Literal["solo", "team"]
"""``solo``: one person alone at a terminal. ``team``: four eyes, always."""

THIRTY_DAYS = 30 * 86_400
Seconds = Annotated[int, Field(gt=0, le=THIRTY_DAYS)]


@value
class TierRule:
    """What one tier needs. Times in seconds."""

    humans: Annotated[int, Field(ge=0, le=5)]
    notify: bool = False
    expires_in: Seconds = 86_400
    use_within: Seconds = 900
    roles: Annotated[tuple[str, ...], Field(min_length=1)] = ("approver", "critical_approver")
    session_within: Seconds | None = None


@value
class ModeRules:
    """How one mode differs from the table."""

    allow_self: tuple[Literal["high"], ...] = ()
    """Never critical: two humans other than the requester, or nothing happens."""


@value
class Policy:
    """The whole table. Its version is a digest of its content."""

    tiers: dict[Tier, TierRule]
    solo: ModeRules = Field(default_factory=lambda: ModeRules(allow_self=("high",)))
    team: ModeRules = Field(default_factory=ModeRules)

    @model_validator(mode="after")
    def _sound(self) -> "Policy":
        if missing := [tier for tier in TIERS if tier not in self.tiers]:
            raise ValueError(f"no rule for {', '.join(missing)}")
        # A file may ask for more than the product promises, never for less.
        if self.tiers["high"].humans < 1 or self.tiers["critical"].humans < 2:  # noqa: PLR2004 - two is the promise
            raise ValueError("high needs at least 1 human and critical at least 2")
        if self.team.allow_self:
            raise ValueError("in a team nobody signs for themselves")
        return self

    @property
    def version(self) -> str:
        """Changes exactly when a rule changes."""
        content: Any = TypeAdapter(Policy).dump_python(self, mode="json")
        return hashlib.sha256(rfc8785.dumps(content)).hexdigest()[:16]

    def requirement(self, tier: Tier, *, mode: Mode) -> Requirement:
        """Who must agree to an action of this tier."""
        rule, world = self.tiers[tier], self.solo if mode == "solo" else self.team
        return Requirement(
            tier=tier,
            humans=rule.humans,
            notify=rule.notify,
            allow_self=tier in world.allow_self,
            expires_in_seconds=rule.expires_in,
            use_within_seconds=rule.use_within,
            roles=rule.roles,
            session_within_seconds=rule.session_within,
            policy_version=self.version,
        )


def read_policy(text: str) -> Policy:
    """Parse a policy file.

    Raises:
        Refused: ``policy_invalid``, with the place that is wrong.
    """
    try:
        return TypeAdapter(Policy).validate_python(yaml_value(text))
    except ValueError as error:
        raise Refused(
            f"The approval policy is not valid: {error}",
            code="policy_invalid",
            hint="Start from approvals/policy.yaml; every tier needs a rule.",
        ) from error


def default_policy() -> Policy:
    """The policy that ships with the house."""
    return read_policy(files("approvals").joinpath("policy.yaml").read_text(encoding="utf-8"))
