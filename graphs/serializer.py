"""Serializer of checkpoints: they are made of our values and nothing else, so that bytes cannot choose a class."""

import struct
from collections import OrderedDict
from dataclasses import fields, is_dataclass
from functools import cached_property
from operator import is_
from typing import Any

import ormsgpack
from langgraph.checkpoint.serde import jsonplus
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from typing_extensions import override

import models
import sandbox
from domain import action, change, coder, decision, events, evidence, progress, team, work


def serializer() -> JsonPlusSerializer:
    """The strict serialiser: only values of our own front doors come back as objects."""
    return Serializer(allowed_msgpack_modules=allowed())


MEMORY = 2_048
"""Values whose bytes are remembered."""
WORTH, LARGEST = 128, 64 << 10
"""Bytes from which on, and up to which, that is done."""
SHORT, GROWING = 4, 128
"""Tuples from this length on, as conversations are, whose bytes are remembered, so many of them: the newest of each."""
LONGEST = 1 << 20
"""Bytes up to which that is done."""


class Serializer(JsonPlusSerializer):
    """The same bytes as langgraph's own, our values first: it asks some thirty questions before it knows one.

    Values are frozen, and a state is mostly made of those of the step before it: a conversation that has grown by two
    messages is packed by packing these two, and a channel that did not change is not packed at all.
    """

    @override
    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        """See ``JsonPlusSerializer.dumps_typed``."""
        if obj is None or isinstance(obj, bytes | bytearray):
            return super().dumps_typed(obj)
        if type(obj) is dict and "channel_values" in obj:
            return "msgpack", self._checkpoint(obj)
        return "msgpack", self._grown(obj) or self._packed(obj)

    def _packed(self, obj: Any) -> bytes:
        return ormsgpack.packb(obj, default=self._default, option=_OPTION)

    def _checkpoint(self, entries: dict[str, Any]) -> bytes:
        """A checkpoint, or the channels in it: what grows is put in as it is remembered, between what does not."""
        parts, between = [_header(len(entries), _MAP)], dict[str, Any]()
        for key, entry in entries.items():
            inner = key == "channel_values" and type(entry) is dict
            known = self._checkpoint(entry) if inner else self._grown(entry)
            if known is None:
                between[key] = entry
                continue
            parts += (self._entries(between), self._packed(key), known)
            between = {}
        return b"".join((*parts, self._entries(between)))

    def _entries(self, some: dict[str, Any]) -> bytes:
        """The entries of a map without its first bytes."""
        return self._packed(some)[len(_header(len(some), _MAP)) :] if some else b""

    def _grown(self, values: Any) -> bytes | None:
        """An array whose first part may have been packed for the step before; None: it is none of our values."""
        if type(values) is not tuple or len(values) < SHORT:
            return None
        key = id(values[0])
        known, body = self._growing.get(key, ((), b""))
        if len(known) > len(values) or not all(map(is_, known, values)):
            known, body = (), b""
        fresh = values[len(known) :]
        if not all(type(each) in self._names or _is_ours(type(each)) for each in fresh):
            return None
        if fresh:
            body = b"".join((body, *map(self._packed, fresh)))
            if len(self._growing) >= GROWING and key not in self._growing:
                self._growing.popitem(last=False)
            if len(body) <= LONGEST:
                self._growing[key] = values, body  # the values are kept, too, so that an id is nobody else's
        if key in self._growing:
            self._growing.move_to_end(key)
        return _header(len(values), _ARRAY) + body

    def _default(self, obj: Any) -> Any:
        kind = type(obj)
        names = self._names.get(kind)
        if names is None:
            if not _is_ours(kind):
                return jsonplus._msgpack_default(obj)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
            names = self._names[kind] = tuple(field.name for field in fields(kind))
        known = self._memory.get(id(obj))
        if known is not None and known[0] is obj:
            return known[1]
        values = {name: getattr(obj, name) for name in names}
        data = ormsgpack.packb((kind.__module__, kind.__name__, values), default=self._default, option=_OPTION)
        packed = ormsgpack.Ext(jsonplus.EXT_CONSTRUCTOR_KW_ARGS, data)
        if WORTH <= len(data) <= LARGEST:
            if len(self._memory) >= MEMORY:
                self._memory.clear()
            self._memory[id(obj)] = obj, packed  # the object is kept, too, so that its id is nobody else's
        return packed

    @cached_property
    def _memory(self) -> dict[int, tuple[object, Any]]:
        return {}

    @cached_property
    def _growing(self) -> OrderedDict[int, tuple[tuple[Any, ...], bytes]]:
        return OrderedDict()

    @cached_property
    def _names(self) -> dict[type, tuple[str, ...]]:
        """The fields of each of our types that was packed before."""
        return {}


_OPTION = jsonplus._option  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
_ARRAY, _MAP = (0x90, 0xDC), (0x80, 0xDE)
"""First bytes of MessagePack's arrays and maps: with the length in them, and with two bytes of it behind them."""


def _header(length: int, kind: tuple[int, int]) -> bytes:
    short, long = kind
    if length < 16:  # noqa: PLR2004  four bits
        return bytes((short | length,))
    return struct.pack(">BH", long, length) if length < 1 << 16 else struct.pack(">BI", long + 1, length)


def _is_ours(kind: type) -> bool:
    return "__pydantic_fields__" in kind.__dict__ and is_dataclass(kind)


def allowed() -> list[tuple[str, str]]:
    """(module, class) of every value that may stand in a state."""
    doors = (action, change, coder, decision, events, evidence, progress, team, work, models, sandbox)
    exported = (getattr(door, name) for door in doors for name in door.__all__)
    types = (each for each in exported if isinstance(each, type) and hasattr(each, "__pydantic_fields__"))
    return sorted({(each.__module__, each.__qualname__) for each in types})
