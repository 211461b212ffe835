"""One filled-in value of any persisted type, always the same."""

import dataclasses
import re
import types
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from langchain_core.messages import BaseMessage

WHEN = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)
_PLAIN: dict[Any, Any] = {
    int: 3,
    float: 2.5,
    bool: True,
    bytes: b"\x00bytes\xff",
    Decimal: Decimal("1.25"),
    datetime: WHEN,
    Any: "anything",
}


def specimen(hint: Any, name: str = "text") -> Any:
    """Fill in every field, optional ones too; texts say which field they are in."""
    origin, parts = get_origin(hint), get_args(hint)
    match hint:
        case _ if hint is str:
            return re.sub(r"\W", "-", name)
        case _ if hint in _PLAIN:
            return _PLAIN[hint]
        case _ if dataclasses.is_dataclass(hint):
            return _filled(hint)
    match origin:
        case _ if origin is Annotated:
            return specimen(parts[0], name)
        case _ if origin is Literal:
            return parts[0]
        case _ if origin in {Union, types.UnionType}:
            return specimen(parts[0], name)
        case _ if origin is dict:
            return {specimen(parts[0], "key"): specimen(parts[1], name)}
        case _ if origin in {tuple, list}:
            return origin([specimen(parts[0], name)])
    raise TypeError(f"no specimen for {hint}")


def _filled(cls: Any) -> Any:
    hints = get_type_hints(cls, include_extras=True)
    return cls(**{field.name: specimen(hints[field.name], field.name) for field in dataclasses.fields(cls)})


def persisted(hint: Any) -> set[type]:
    """Every value type that a checkpoint of this channel may hold."""
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        hints = get_type_hints(hint, include_extras=True).values()
        return {hint}.union(*(persisted(each) for each in hints))
    if isinstance(hint, type) and issubclass(hint, BaseMessage):
        return set()  # langchain's own
    return set().union(*(persisted(part) for part in get_args(hint) if not isinstance(part, str)))
