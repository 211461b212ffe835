"""JSON Schemas of the answers, as they go over the wire. Pure.

Inlined (guided decoding and small models both do better without ``$ref``), closed (no further keys)
and bounded: an unbounded string or list lets a model write until it runs into its token limit, and
then nothing can be parsed.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from models.wire import Form

LONGEST_IN_GRAMMAR = 20_000
"""Characters. A longer bound costs a grammar compiler much and binds nobody: the token limit comes first."""

_NOT_ON_THE_WIRE = ("title", "description", "default", "$defs")


@cache
def form_of(answer: type) -> Form:
    """Return the form of an answer: ``plan``, ``code_change``, ``review``, or any other type's name."""
    whole = TypeAdapter(answer).json_schema()
    schema = _inline(whole, whole.get("$defs", {}))
    return Form(name=name_of(answer), json_schema=schema, strict_schema=_strict(schema))


def name_of(answer: type) -> str:
    """``CodeChange`` → ``code_change``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", answer.__name__).lower()


def _inline(schema: Any, defs: Mapping[str, Any]) -> Any:
    if isinstance(schema, list):
        return [_inline(part, defs) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inline(defs[schema["$ref"].rsplit("/", 1)[1]], defs)
    out: dict[str, Any] = {
        key: {name: _inline(part, defs) for name, part in found.items()}
        if key == "properties"
        else _inline(found, defs)
        for key, found in schema.items()
        if key not in _NOT_ON_THE_WIRE
    }
    if out.get("maxLength", 0) > LONGEST_IN_GRAMMAR:
        del out["maxLength"]
    return _length_in_pattern(out)


def _length_in_pattern(schema: dict[str, Any]) -> dict[str, Any]:
    """Grammar compilers take a pattern or bounds of length, not both (xgrammar: issue 966)."""
    if "pattern" not in schema:
        return schema
    longest = schema.pop("maxLength", None)
    schema.pop("minLength", None)
    if longest is not None and schema["pattern"].endswith("]+$"):
        schema["pattern"] = f"{schema['pattern'][:-2]}{{1,{longest}}}$"
    return schema


def _strict(schema: Any) -> Any:
    """Every key required, as strict decoding wants it; what may be left out is then said to be empty or null."""
    if isinstance(schema, list):
        return [_strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    out: dict[str, Any] = {
        key: {name: _strict(part) for name, part in found.items()} if key == "properties" else _strict(found)
        for key, found in schema.items()
    }
    if "properties" in out:
        out["required"] = list(out["properties"])
    return out
