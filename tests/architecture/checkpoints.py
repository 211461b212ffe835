"""Golden checkpoints: what released versions wrote, and what we must still be able to read.

``golden/1.json`` holds, for every persisted type, the bytes that langgraph's serializer made of one
value and the same value as JSON. A change of a type adds a generation (``scripts/golden.py``); older
generations stay for ever, because somebody's paused run is in one of them.
"""

import base64
import json
from pathlib import Path
from typing import Any, get_type_hints

from pydantic import TypeAdapter

from graphs import serializer
from graphs.state import State
from tests.architecture.specimen import persisted, specimen

GOLDEN = Path(__file__).parent / "golden"
TYPES: dict[str, type] = {
    f"{cls.__module__}.{cls.__qualname__}": cls
    for cls in set().union(*(persisted(hint) for hint in get_type_hints(State, include_extras=True).values()))
}
STRICT = serializer()


def written(cls: type) -> bytes:
    """The checkpoint bytes of this type's specimen."""
    kind, data = STRICT.dumps_typed(specimen(cls))
    assert kind == "msgpack"
    return data


def entry(cls: type) -> dict[str, Any]:
    value = TypeAdapter(cls).dump_python(specimen(cls), mode="json")
    return {"bytes": base64.b64encode(written(cls)).decode(), "value": value}


def generations() -> list[dict[str, dict[str, Any]]]:
    """Every generation, oldest first."""
    paths = sorted(GOLDEN.glob("*.json"), key=lambda path: int(path.stem))
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths]


def newest() -> dict[str, dict[str, Any]]:
    """For each type the last thing that was written down about it."""
    known: dict[str, dict[str, Any]] = {}
    for generation in generations():
        known.update(generation)
    return known


def add_generation() -> list[str]:
    """Write down every type that changed since the last generation; returns their names."""
    known = newest()
    changed = {name: entry(cls) for name, cls in sorted(TYPES.items()) if known.get(name) != entry(cls)}
    if changed:
        path = GOLDEN / f"{len(generations()) + 1}.json"
        path.write_text(json.dumps(changed, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return list(changed)
