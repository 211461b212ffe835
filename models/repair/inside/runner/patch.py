"""Hot patching: puts a candidate's code into a process that has imported the original.

Function objects keep their identity and get the new code object, so every alias, bound method and
decorator sees the change. Default arguments are replaced, too. What a function does not hold (class bodies, module
constants) cannot be changed this way: ``Cold`` says that the module must be imported anew.
"""

from __future__ import annotations

import gc
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from types import CodeType, FunctionType

from ..analysis.signatures import Change, redefaulted
from ..analysis.source import Function
from ..analysis.wire import Message

_FUTURE = "from __future__ import annotations"


class Cold(Exception):
    """The change does not lie in live functions."""


class Live:
    """The functions of this process, found by the code they run."""

    def __init__(self, root: str) -> None:
        self._functions: dict[tuple[str, int, str], list[FunctionType]] = {}
        self._files: dict[str, str] = {}
        # Of all references to a function (aliases, closures, methods) the collector knows the one object behind them.
        for thing in gc.get_objects():
            if type(thing) is FunctionType:
                code = thing.__code__
                if code.co_filename not in self._files:
                    self._files[code.co_filename] = os.path.realpath(code.co_filename)
                path = self._files[code.co_filename]
                if path.startswith(root):
                    self._functions.setdefault((path, code.co_firstlineno, code.co_name), []).append(thing)
        self._compiled: dict[tuple[str, int, int], CodeType] = {}
        names = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
        self._loaded = {os.path.realpath(name): name for name in names if isinstance(name, str)}

    def apply(self, patch: list[Message]) -> Callable[[], None]:
        """Patch live functions; returns how to take it back.

        Raises:
            Cold: the change touches code that has run already.
            SyntaxError, ValueError: the candidate is not Python.
        """
        changes: list[tuple[FunctionType, CodeType]] = []
        defaults: list[Change] = []
        for part in patch:
            path: str = part["path"]
            # The name under which the process imported the file: tracebacks and tracers give it, links unresolved.
            name = next((name for name, real in self._files.items() if real == path), self._loaded.get(path, path))
            old, new = self._old(part, name), _compile(part, "new", name)
            if path in self._loaded or any(self._of(path, code) for code in _tree(old)):
                try:
                    changes += self._pairs(path, old, new, covered=False)
                except Cold:
                    redefined = redefaulted(*compilable(part), partial(self._by, path, list(_tree(old))))
                    if redefined is None:
                        raise
                    defaults += redefined
        undo = [(function, function.__code__) for function, _ in changes]
        before = [(function, function.__defaults__, function.__kwdefaults__) for function, _, _ in defaults]
        try:
            for function, code in changes:
                function.__code__ = code
        except ValueError as error:  # another number of free variables
            _restore(undo)
            raise Cold from error
        _give(defaults)

        def back() -> None:
            _restore(undo)
            _give(before)

        return back

    def _old(self, part: Message, name: str) -> CodeType:
        """The unchanged piece: many candidates in a row are edits of the same one."""
        key = (name, part["at"], len(part["old"]))
        if key not in self._compiled:
            self._compiled[key] = _compile(part, "old", name)
        return self._compiled[key]

    def _by(self, path: str, codes: list[CodeType], node: Function) -> list[FunctionType]:
        """The functions that a definition made: its code begins with its first decorator."""
        first = min(placed.lineno for placed in (node, *node.decorator_list))
        defined = [code for code in codes if code.co_name == node.name and code.co_firstlineno == first]
        return [function for code in defined for function in self._of(path, code)]

    def _of(self, path: str, code: CodeType) -> list[FunctionType]:
        """The functions that run this code. Compiled apart from its module it may differ in instructions."""
        there = self._functions.get((path, code.co_firstlineno, code.co_name), [])
        return [function for function in there if _shape(function.__code__) == _shape(code)]

    def _pairs(self, path: str, old: CodeType, new: CodeType, *, covered: bool) -> list[tuple[FunctionType, CodeType]]:
        """Pair the code objects of two versions by place and name: the functions to change, and their new code."""
        if old == new:
            return []
        live = self._of(path, old)
        pairs = [(function, new) for function in live]
        covered = covered or bool(live)
        # Code around all live functions is that of a module or class, which ran at import.
        if not covered and not alike(old, new):
            raise Cold
        fresh = _nested(new)
        for key, code in _nested(old).items():
            if key in fresh:
                pairs += self._pairs(path, code, fresh[key], covered=covered)
        return pairs


def _shape(code: CodeType) -> tuple[object, ...]:
    plain = repr([const for const in code.co_consts if not isinstance(const, CodeType)])
    return code.co_names, code.co_varnames, code.co_freevars, plain


def _give(defaults: list[Change]) -> None:
    for function, plain, named in defaults:
        function.__defaults__, function.__kwdefaults__ = plain, named


def _restore(undo: list[tuple[FunctionType, CodeType]]) -> None:
    for function, code in undo:
        function.__code__ = code


def compilable(part: Message) -> tuple[str, str]:
    """The old and the new piece, each so that its line numbers are those of the file."""
    heads: list[str] = part.get("heads", [])
    before = part["line"] - 1 - len(heads)
    start = _FUTURE if part.get("future") and before else ""
    around = start + "\n" * before + "".join(f"{head}\n" for head in heads)
    gone = f"{heads[-1].partition('class')[0]} pass\n" if heads else ""  # a class whose only statement is deleted
    return around + part["old"], around + (part["new"] if part["new"].strip() else gone)


def _compile(part: Message, key: str, name: str) -> CodeType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a candidate such as ``x is 1`` is one of thousands: its warning helps nobody
        return compile(compilable(part)[key == "new"], name, "exec", dont_inherit=True)


def _nested(code: CodeType) -> dict[tuple[str, int], CodeType]:
    """Code objects directly inside, by name and how many of that name came before."""
    codes: dict[tuple[str, int], CodeType] = {}
    for const in code.co_consts:
        if isinstance(const, CodeType):
            count = 0
            while (const.co_name, count) in codes:
                count += 1
            codes[const.co_name, count] = const
    return codes


def _tree(code: CodeType) -> Iterator[CodeType]:
    yield code
    for inner in _nested(code).values():
        yield from _tree(inner)


def alike(old: CodeType, new: CodeType) -> bool:
    """Tell whether two code objects do the same, whatever the code nested inside them does."""
    plain = [[const for const in code.co_consts if not isinstance(const, CodeType)] for code in (old, new)]
    return (
        old.co_code == new.co_code
        and old.co_names == new.co_names
        and repr(plain[0]) == repr(plain[1])
        and _nested(old).keys() == _nested(new).keys()
    )
