"""Calls that the tests make, made again with inputs that are near: what repairs do where no test looks."""

from __future__ import annotations

import copy
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from types import CodeType, FrameType
from typing import Any

from . import limits

_CALLS = 12
_VARIANTS = 10
_TRIES = 90
_PATIENCE_S = 0.05
_LONGEST = 300
_ADDRESS = re.compile(r"0x[0-9a-f]+")
_SPECIAL = 0x04 | 0x08
"""Flags of code that takes ``*args`` or ``**kwargs``."""


class Calls:
    """Records calls from the files of tests into the project's own functions, with copies of what they were given."""

    def __init__(self, root: str, tests: Sequence[str]) -> None:
        self._root, self._tests = root, frozenset(tests)
        self.made: dict[str, tuple[Callable[..., Any], list[Any]]] = {}

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        back = frame.f_back
        if event != "call" or back is None or back.f_code.co_filename not in self._tests or len(self.made) >= _CALLS:
            return
        code = frame.f_code
        if not code.co_filename.startswith(self._root) or code.co_filename in self._tests or code.co_flags & _SPECIAL:
            return
        count = code.co_argcount
        if not count or code.co_kwonlyargcount:
            return
        sys.setprofile(None)
        try:
            self._keep(frame, code, [frame.f_locals[name] for name in code.co_varnames[:count]])
        except Exception:  # noqa: BLE001 - copying foreign objects may do anything
            return
        finally:
            sys.setprofile(self)

    def _keep(self, frame: FrameType, code: CodeType, given: list[Any]) -> None:
        function = frame.f_globals.get(code.co_name)
        if getattr(function, "__code__", None) is not code:
            function = getattr(type(given[0]), code.co_name, None)
        function = getattr(function, "__func__", function)
        if callable(function) and getattr(function, "__code__", None) is code and not _touches_files(given):
            self.made.setdefault(f"{code.co_name}{_said(given)}", (function, copy.deepcopy(given)))


def probed(run: Callable[[], None], calls: Calls) -> list[tuple[str, str]]:
    """Run tests, then repeat their calls with inputs nearby; what each came to, by what was called."""
    sys.setprofile(calls)
    try:
        run()
    finally:
        sys.setprofile(None)
    told: dict[str, str] = {}
    for name, (function, given) in calls.made.items():
        for variant in _variants(given):
            if len(told) >= _TRIES:
                return list(told.items())
            told[f"{name} {_said(variant)}"] = _outcome(function, variant)
    return list(told.items())


def _outcome(function: Callable[..., Any], given: list[Any]) -> str:
    try:
        limits.arm(_PATIENCE_S)
        answer = function(*copy.deepcopy(given))
        if isinstance(answer, Iterator):
            answer = [part for _, part in zip(range(50), answer)]  # noqa: B905 - Python 3.9
        said = _said(answer)
    except limits.Late:
        return "hung"
    except Exception as error:  # noqa: BLE001 - the error is the outcome
        return type(error).__name__
    finally:
        limits.arm(0)
    return said


def _said(thing: Any) -> str:
    return _ADDRESS.sub("0x", repr(thing))[:_LONGEST]


def _touches_files(given: Sequence[Any]) -> bool:
    """Such calls are not repeated with other arguments."""
    return any(hasattr(thing, "__fspath__") or (isinstance(thing, str) and "/" in thing) for thing in given)


def _variants(given: list[Any]) -> Iterator[list[Any]]:
    """The arguments themselves, then with one of them changed a little."""
    yield given
    options = [(place, other) for place, thing in enumerate(given) for other in _near(thing)]
    options.sort(key=lambda option: option[1][0])
    for place, (_, other) in options[: _VARIANTS - 1]:
        yield [*given[:place], other, *given[place + 1 :]]


def _near(thing: Any) -> list[tuple[int, Any]]:
    """Values like this one, each with its turn."""
    kind = type(thing)
    found: list[Any] = []
    if kind is bool:
        found = [not thing]
    elif kind in (int, float):
        found = [thing + 1, thing - 1, 2 * thing, -thing, 0 * thing]
    elif kind in (str, list, tuple):
        found = [thing[1:], thing[:-1], thing[::-1], thing + thing, thing[:0]]
        if kind is list and thing and type(thing[0]) is int:
            found[2:2] = [[thing[0] + 1, *thing[1:]], [*thing[:-1], thing[-1] - 1]]
    elif kind in (dict, set) and thing:
        first = next(iter(thing))
        found = [{k: v for k, v in thing.items() if k != first} if kind is dict else thing - {first}]
    return list(enumerate(found))
