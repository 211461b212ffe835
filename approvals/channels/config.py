"""Configuration of channels: who is told and who may answer, from ``connections.yaml`` (see docs/webhooks.md)."""

from itertools import combinations
from pathlib import Path
from typing import Annotated

from pydantic import Field, IPvAnyNetwork

from approvals.channels.base import Subscriptions, WebhookEndpoint
from approvals.channels.inbound import Integration
from approvals.channels.registry import renderer_of
from domain import Refused, value
from domain.configuration import configured
from domain.identity import alike, confusable, respelled


@value
class Notify:
    """Outgoing letters."""

    allow: tuple[IPvAnyNetwork, ...] = ()
    """Networks that may be called although they are not public, and by plain http."""
    endpoints: Annotated[tuple[WebhookEndpoint, ...], Field(max_length=100)] = ()


@value
class Connections:
    """The whole file."""

    notify: Notify = Field(default_factory=Notify)
    hooks: Annotated[tuple[Integration, ...], Field(max_length=100)] = ()

    @property
    def subscriptions(self) -> Subscriptions:
        return Subscriptions(all=self.notify.endpoints)

    @property
    def allow(self) -> tuple[str, ...]:
        """For ``SsrfGuard(allow=…)``."""
        return tuple(str(network) for network in self.notify.allow)


def load_connections(path: Path) -> Connections:
    """Read the file and the secret files it names (``file:/run/secrets/ci``).

    Raises:
        Refused: ``connections_invalid`` or ``hook_secret_invalid``, with what to change.
    """
    try:
        connections = configured(
            Connections,
            path.read_text(encoding="utf-8"),
            lambda name: (path.parent / name).read_text(encoding="utf-8"),
        )
    except (OSError, ValueError) as error:
        raise _invalid(path, str(error)) from None
    for kind, names in (
        ("endpoint", [e.name for e in connections.notify.endpoints]),
        ("hook", [h.name for h in connections.hooks]),
    ):
        if twice := {name for name in names if names.count(name) > 1}:
            raise _invalid(path, f"{kind} {', '.join(sorted(twice))} is there twice")
    for endpoint in connections.notify.endpoints:
        renderer_of(endpoint.kind)
    for hook in connections.hooks:
        if pair := _lookalikes(hook):
            raise _invalid(path, f"hook {hook.name}: {' and '.join(map(ascii, pair))} could be taken for one another")
    return connections


def _lookalikes(hook: Integration) -> tuple[str, str] | None:
    """Two identities, or two members, that somebody who reads the map could take for one; they would vote as two."""
    for one, other in combinations(hook.members, 2):
        if hook.members[one] != hook.members[other] and not respelled(one, other) and alike(one, other):
            return one, other
    return confusable(hook.members.values())


def _invalid(path: Path, why: str) -> Refused:
    return Refused(
        f"{path} cannot be used: {why}.",
        code="connections_invalid",
        hint="Compare it with the example in docs/webhooks.md.",
    )
