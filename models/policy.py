"""Model policy: which models may be asked, how often (F3). A workspace's (``.signoff/policy.yaml``) only tightens."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Annotated

from pydantic import Field

from domain import Name, value
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
        return replace(self, also=(*self.also, other))


def parse_policy(text: str, *, name: str = FILE) -> ModelPolicy:
    """Read a policy.

    Raises:
        Refused: ``workspace_policy_invalid``, with line and column.
    """
    return parse_yaml(text, ModelPolicy, name=name, code="workspace_policy_invalid")


def _least(limits: Iterable[int | None]) -> int | None:
    return min((limit for limit in limits if limit is not None), default=None)
