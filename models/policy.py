"""The workspace policy ``.signoff/policy.yaml``: who may be asked, and how often (F3). It can only tighten."""

from collections.abc import Iterable
from typing import Annotated

from pydantic import Field

from domain import Name, value
from models.sources import parse_yaml

FILE = ".signoff/policy.yaml"


@value
class Limits:
    """How often a provider may be asked. None: no limit."""

    rpm: int | None = Field(default=None, ge=0)
    """Requests in any sixty seconds."""
    daily_calls: int | None = Field(default=None, ge=0)
    """Requests a day, by UTC."""


@value
class WorkspacePolicy:
    """What a workspace allows beyond what the installation allows: less, never more."""

    allowed: Annotated[tuple[Name, ...], Field(max_length=50)] | None = None
    """Providers and model ids that may be asked; None: all. ``repair`` is the built-in engine."""
    quotas: dict[Name, Limits] = Field(default_factory=dict)
    """Per provider or model id."""

    def allows(self, *names: str) -> bool:
        """Tell whether somebody with these names (provider, model id) may be asked."""
        return self.allowed is None or any(name in self.allowed for name in names)

    def limits(self, *names: str) -> Limits:
        """The tightest limits that are given for any of these names."""
        found = [self.quotas[name] for name in names if name in self.quotas]
        return Limits(rpm=_least(each.rpm for each in found), daily_calls=_least(each.daily_calls for each in found))

    def tightened(self, other: "WorkspacePolicy") -> "WorkspacePolicy":
        """Both policies at once: what both allow, and the lower of two quotas."""
        names = {*self.quotas, *other.quotas}
        quotas = {
            name: Limits(
                rpm=_least((self.limits(name).rpm, other.limits(name).rpm)),
                daily_calls=_least((self.limits(name).daily_calls, other.limits(name).daily_calls)),
            )
            for name in sorted(names)
        }
        return WorkspacePolicy(allowed=_both(self.allowed, other.allowed), quotas=quotas)


def parse_policy(text: str, *, name: str = FILE) -> WorkspacePolicy:
    """Read a policy.

    Raises:
        Refused: ``workspace_policy_invalid``, with line and column.
    """
    return parse_yaml(text, WorkspacePolicy, name=name, code="workspace_policy_invalid")


def _least(limits: Iterable[int | None]) -> int | None:
    return min((limit for limit in limits if limit is not None), default=None)


def _both(one: tuple[str, ...] | None, two: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if one is None or two is None:
        return two if one is None else one
    return tuple(name for name in one if name in two)
