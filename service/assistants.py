"""Assistants of the API: the coding graph, once for each sandbox profile. Pure."""

from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from domain import Profile, value
from service.refusals import refuse

GRAPH = "coding"
_SINCE = datetime(2026, 1, 1, tzinfo=UTC).isoformat()


@value
class Assistant:
    """A graph and how it is run."""

    id: str
    name: str
    description: str
    profile: Profile
    graph: str = GRAPH

    @property
    def document(self) -> dict[str, Any]:
        """As the SDK reads it."""
        return {
            "assistant_id": self.id,
            "graph_id": self.graph,
            "name": self.name,
            "description": self.description,
            "config": {"configurable": {"profile": self.profile}},
            "context": {},
            "metadata": {"created_by": "system", "profile": self.profile},
            "version": 1,
            "created_at": _SINCE,
            "updated_at": _SINCE,
        }


def _made(name: str, profile: Profile, description: str) -> Assistant:
    id_ = str(uuid5(NAMESPACE_URL, f"signoff:assistant:{name}"))
    return Assistant(id=id_, name=name, profile=profile, description=description)


ASSISTANTS: tuple[Assistant, ...] = (
    _made("coding", "sealed", "Changes code and proves it in a sandbox without a network."),
    _made("coding-packages", "packages", "The same, and the sandbox reaches package registries."),
)


def assistant(named: str) -> Assistant:
    """The assistant with this id or name; the graph's name means the sealed one. Raises ``assistant_not_found``."""
    for each in ASSISTANTS:
        if named in {each.id, each.name}:
            return each
    raise refuse("assistant_not_found", f"There is no assistant {named[:100]!r}.")
