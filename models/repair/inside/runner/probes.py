"""Differential testing of repairs: calls that the tests make, repeated with inputs near theirs, where no test looks."""

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
        self.recorded: dict[str, tuple[Callable[..., Any], list[Any]]] = {}

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        back = frame.f_back
        if (
            event != "call"
            or back is None
            or back.f_code.co_filename not in self._tests
            or len(self.recorded) >= _CALLS
        ):
            return
        code = frame.f_code
        if not code.co_filename.startswith(self._root) or code.co_filename in self._tests or code.co_flags & _SPECIAL:
            return
        count = code.co_argcount
        if not count or code.co_kwonlyargcount:
            return
        sys.setprofile(None)  # or copying the arguments would itself be profiled
        try:
            self._keep(frame, code, [frame.f_locals[name] for name in code.co_varnames[:count]])
        except Exception:  # noqa: BLE001 - copying foreign objects may do anything
            return
        finally:
            sys.setprofile(self)

    def _keep(self, frame: FrameType, code: CodeType, arguments: list[Any]) -> None:
        """Note a call whose function can be called again: one of the module, or a method of the first argument."""
        function = frame.f_globals.get(code.co_name)
        if getattr(function, "__code__", None) is not code:
            function = getattr(type(arguments[0]), code.co_name, None)
        function = getattr(function, "__func__", function)
        # With other arguments it might write to other files than those of the test.
        paths = any(hasattr(each, "__fspath__") or (isinstance(each, str) and "/" in each) for each in arguments)
        if callable(function) and getattr(function, "__code__", None) is code and not paths:
            self.recorded.setdefault(f"{code.co_name}{_shown(arguments)}", (function, copy.deepcopy(arguments)))


def probed(run: Callable[[], None], calls: Calls) -> list[tuple[str, str]]:
    """Run tests, then repeat their calls with inputs nearby; what each came to, by what was called."""
    sys.setprofile(calls)
    try:
        run()
    finally:
        sys.setprofile(None)
    outcomes: dict[str, str] = {}
    for name, (function, arguments) in calls.recorded.items():
        for variant in variants(arguments):
            if len(outcomes) >= _TRIES:
                return list(outcomes.items())
            outcomes[f"{name} {_shown(variant)}"] = outcome(function, variant)
    return list(outcomes.items())


def outcome(function: Callable[..., Any], arguments: list[Any]) -> str:
    """What a call comes to: its answer, the type of its error, or ``hung``."""
    try:
        limits.arm(_PATIENCE_S)
        answer = function(*copy.deepcopy(arguments))
        if isinstance(answer, Iterator):  # endless generators are usual
            answer = [part for _, part in zip(range(50), answer)]  # noqa: B905 - Python 3.9
        text = _shown(answer)
    except limits.Late:
        return "hung"
    except Exception as error:  # noqa: BLE001 - the error is the outcome
        return type(error).__name__
    finally:
        limits.arm(0)
    return text


def _shown(thing: Any) -> str:
    """The text of a value, without addresses: those differ from process to process."""
    return _ADDRESS.sub("0x", repr(thing))[:_LONGEST]


def variants(arguments: list[Any]) -> Iterator[list[Any]]:
    """The arguments themselves, then with one of them changed a little, each of them in turn."""
    yield arguments
    options = [(place, other) for place, thing in enumerate(arguments) for other in enumerate(neighbours(thing))]
    # The first variant of every argument before the second of any: the number of calls is limited.
    options.sort(key=lambda option: option[1][0])
    for place, (_, other) in options[: _VARIANTS - 1]:
        yield [*arguments[:place], other, *arguments[place + 1 :]]


def neighbours(thing: Any) -> list[Any]:
    """Values near this one, of its type: one more, one less, a part, the reverse, nothing."""
    kind = type(thing)
    if kind is bool:
        return [not thing]
    if kind in (int, float):
        return [thing + 1, thing - 1, 2 * thing, -thing, 0 * thing]
    if kind in (str, list, tuple):
        values = [thing[1:], thing[:-1], thing[::-1], thing + thing, thing[:0]]
        if kind is list and thing and type(thing[0]) is int:
            values[2:2] = [[thing[0] + 1, *thing[1:]], [*thing[:-1], thing[-1] - 1]]
        return values
    if kind in (dict, set) and thing:
        first = next(iter(thing))
        return [{k: v for k, v in thing.items() if k != first} if kind is dict else thing - {first}]
    return []
