"""Configuration of channels: who is told and who may answer, from ``connections.yaml`` (see docs/webhooks.md)."""

from itertools import combinations
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, IPvAnyNetwork, TypeAdapter, ValidationError

from approvals.channels.base import Subscriptions, WebhookEndpoint
from approvals.channels.inbound import Integration
from approvals.channels.registry import renderer_of
from domain import Refused, value
from domain.identity import alike, respelled
from domain.text import yaml_value

_FILE = "file:"


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
        raw = yaml_value(path.read_text(encoding="utf-8")) or {}
        connections = TypeAdapter(Connections).validate_python(_with_secrets(raw, path.parent))
    except (OSError, ValueError) as error:
        # ``from None``: pydantic's own error repeats what it was given, and that may be a secret.
        raise _invalid(path, _without_values(error)) from None
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
    members = sorted(set(hook.members.values()))
    return next(((a, b) for a, b in combinations(members, 2) if not respelled(a, b) and alike(a, b)), None)


def _with_secrets(node: Any, folder: Path) -> Any:
    """The same, with ``file:`` references replaced by what the files hold."""
    if isinstance(node, dict):
        return {key: _with_secrets(part, folder) for key, part in node.items()}
    if isinstance(node, list):
        return [_with_secrets(part, folder) for part in node]
    if isinstance(node, str) and node.startswith(_FILE):
        return (folder / node.removeprefix(_FILE)).read_text(encoding="utf-8").strip()
    return node


def _without_values(error: Exception) -> str:
    """What is wrong and where, without repeating what might be a secret."""
    if isinstance(error, ValidationError):
        return "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:5])
    return str(error) if isinstance(error, OSError) else "this is not YAML"


def _invalid(path: Path, why: str) -> Refused:
    return Refused(
        f"{path} cannot be used: {why}.",
        code="connections_invalid",
        hint="Compare it with the example in docs/webhooks.md.",
    )
