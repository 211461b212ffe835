"""Plain values that a failing test held: what it gave, and what it expected."""

from __future__ import annotations

import os
from typing import Any

_MOST = 60
_DEEPEST = 4
_LONGEST = 60


def values(tb: Any, path: str) -> list[Any]:
    """Strings and numbers in the variables of the test's own frames, through lists, tuples and dictionaries."""
    found: list[Any] = []
    path = os.path.realpath(path)
    while tb is not None:
        if os.path.realpath(tb.tb_frame.f_code.co_filename) == path:
            for name, thing in tb.tb_frame.f_locals.items():
                if name != "self" and not name.startswith("@"):
                    _take(thing, found, _DEEPEST)
        tb = tb.tb_next
    return list(dict.fromkeys(found))


def _take(thing: Any, found: list[Any], deep: int) -> None:
    kind = type(thing)
    if len(found) >= _MOST or not deep:
        return
    if (kind is str and len(thing) <= _LONGEST) or (kind in (int, float) and abs(thing) < 1e12):  # noqa: PLR2004
        found.append(thing)
    elif kind in (list, tuple, set):
        for part in list(thing)[:_MOST]:
            _take(part, found, deep - 1)
    elif kind is dict:
        for pair in list(thing.items())[:_MOST]:
            _take(pair, found, deep)
