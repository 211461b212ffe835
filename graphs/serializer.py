"""Serializer of checkpoints: they are made of our values and nothing else, so that bytes cannot choose a class."""

from dataclasses import fields, is_dataclass
from functools import cached_property
from typing import Any

import ormsgpack
from langgraph.checkpoint.serde import jsonplus
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from typing_extensions import override

import models
import sandbox
from domain import action, change, coder, decision, events, evidence, progress, work


def serializer() -> JsonPlusSerializer:
    """The strict serialiser: only values of our own front doors come back as objects."""
    return Serializer(allowed_msgpack_modules=allowed())


MEMORY = 2_048
"""Values whose bytes are remembered."""
WORTH, LARGEST = 128, 64 << 10
"""Bytes from which on, and up to which, that is done."""


class Serializer(JsonPlusSerializer):
    """The same bytes as langgraph's own, our values first: it asks some thirty questions before it knows one.

    Values are frozen, and a state is mostly made of those of the step before it: a conversation that has grown by two
    messages is packed by packing these two.
    """

    @override
    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        """See ``JsonPlusSerializer.dumps_typed``."""
        if obj is None or isinstance(obj, bytes | bytearray):
            return super().dumps_typed(obj)
        return "msgpack", self._packed(obj)

    def _packed(self, obj: Any) -> bytes:
        return ormsgpack.packb(obj, default=self._default, option=jsonplus._option)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]

    def _default(self, obj: Any) -> Any:
        kind = type(obj)
        if "__pydantic_fields__" not in kind.__dict__ or not is_dataclass(kind):
            return jsonplus._msgpack_default(obj)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        known = self._memory.get(id(obj))
        if known is not None and known[0] is obj:
            return known[1]
        values = {field.name: getattr(obj, field.name) for field in fields(obj)}
        data = self._packed((kind.__module__, kind.__name__, values))
        packed = ormsgpack.Ext(jsonplus.EXT_CONSTRUCTOR_KW_ARGS, data)
        if WORTH <= len(data) <= LARGEST:
            if len(self._memory) >= MEMORY:
                self._memory.clear()
            self._memory[id(obj)] = obj, packed  # the object is kept, too, so that its id is nobody else's
        return packed

    @cached_property
    def _memory(self) -> dict[int, tuple[object, Any]]:
        return {}


def allowed() -> list[tuple[str, str]]:
    """(module, class) of every value that may stand in a state."""
    doors = (action, change, coder, decision, events, evidence, progress, work, models, sandbox)
    exported = (getattr(door, name) for door in doors for name in door.__all__)
    types = (each for each in exported if isinstance(each, type) and hasattr(each, "__pydantic_fields__"))
    return sorted({(each.__module__, each.__qualname__) for each in types})
