"""Which stages a run passed through, how long each took, and what was written in them. Pure."""

import json
from dataclasses import dataclass, field
from typing import Any

from models import PartialChanges, line_of


@dataclass(slots=True)
class Stages:
    """Hears frames of a feed."""

    _began: dict[str, float] = field(default_factory=dict[str, float])
    _done: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    _written: PartialChanges = field(default_factory=PartialChanges)

    def hear(self, frame: bytes) -> str:
        """Take one frame in; text for a reader when a stage began, something is written or worth saying."""
        head, _, body = frame.partition(b"data: ")
        if b"event: custom" not in head:
            return ""
        event: dict[str, Any] = json.loads(body)
        kind, node, at = event.get("kind"), str(event.get("node", "")), float(event.get("at_ms", 0))
        if kind == "node_started":
            self._began[node] = at
            return f"▸ {node}\n"
        if kind == "text":
            return "".join(line_of(part) for part in self._written.read(str(event["message"]), event["data"]))
        if kind == "node_ended":
            took = max(0.0, at - self._began.pop(node, at))
            self._done.append({"stage": node, "duration_ms": round(took, 1)})
        said = str(event.get("message", ""))[:200] if kind in {"command_started", "reviewed", "change_applied"} else ""
        return f"{said}\n" if said else ""

    def list(self) -> list[dict[str, Any]]:
        """The stages in the order they ended."""
        return self._done
