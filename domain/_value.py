"""Values of the domain: frozen, keyword-only, checked, and able to live in a checkpoint.

Pydantic dataclasses, not the standard library's: the latter come back from a langgraph checkpoint
with lists where there were tuples, or as a plain dict once a field was added.
"""

from typing import TypeVar, cast, dataclass_transform

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

T = TypeVar("T")
_CONFIG = ConfigDict(extra="forbid", ser_json_bytes="base64", val_json_bytes="base64")


@dataclass_transform(frozen_default=True, kw_only_default=True)
def value(cls: type[T]) -> type[T]:
    """Make ``cls`` a frozen, keyword-only, slotted and validated dataclass."""
    made = dataclass(frozen=True, kw_only=True, slots=True, config=_CONFIG)(cls)
    return cast("type[T]", made)
