"""Put a candidate's code into a process that has imported the original.

Function objects keep their identity and get the new code object, so every alias, bound method and
decorator sees the change. What a function does not hold (class bodies, default arguments, module
constants) cannot be changed this way: ``Cold`` says that the module must be imported anew.
"""

from __future__ import annotations

import gc
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

from .wire import Message

_FUTURE = "from __future__ import annotations"


class Cold(Exception):
    """The change does not lie in live functions."""


class Overrides:
    """Source texts that imports see instead of the files on disk."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def install(self) -> None:
        """From now on importing an overridden file compiles the text given here."""
        original = SourceFileLoader.get_code
        texts = self.texts

        def get_code(self: Any, fullname: str) -> Any:
            path = os.path.realpath(self.get_filename(fullname))
            text = texts.get(path)
            if text is None:
                return original(self, fullname)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return compile(text, self.path, "exec", dont_inherit=True)

        SourceFileLoader.get_code = get_code  # pyright: ignore[reportAttributeAccessIssue]

    def put(self, patch: list[Message]) -> None:
        """Override each file of a patch with its new text."""
        for part in patch:
            self.texts[part["path"]] = patched(part)


def read(path: str) -> str:
    """Return the text of a source file as Python reads it, newlines as they are."""
    data = Path(path).read_bytes()
    if data.startswith(b"\xef\xbb\xbf"):
        data = data[3:]
    return data.decode()


def has_mark(path: str) -> bool:
    """Tell whether a file starts with a UTF-8 byte order mark."""
    return Path(path).read_bytes().startswith(b"\xef\xbb\xbf")


def patched(part: Message) -> str:
    """Return the whole file with this part's piece replaced."""
    text = read(part["path"])
    at = part["at"]
    return text[:at] + part["new"] + text[at + len(part["old"]) :]


class Live:
    """The functions of this process, found by the code they run."""

    def __init__(self, root: str) -> None:
        self._functions: dict[tuple[str, int, str], list[FunctionType]] = {}
        self._files: dict[str, str] = {}
        for thing in gc.get_objects():
            if type(thing) is FunctionType:
                code = thing.__code__
                if code.co_filename not in self._files:
                    self._files[code.co_filename] = os.path.realpath(code.co_filename)
                path = self._files[code.co_filename]
                if path.startswith(root):
                    self._functions.setdefault((path, code.co_firstlineno, code.co_name), []).append(thing)
        names = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
        self._loaded = {os.path.realpath(name): name for name in names if isinstance(name, str)}

    def apply(self, patch: list[Message]) -> Callable[[], None]:
        """Patch live functions; returns how to take it back.

        Raises:
            Cold: the change touches code that has run already.
            SyntaxError, ValueError: the candidate is not Python.
        """
        changes: list[tuple[FunctionType, CodeType]] = []
        for part in patch:
            name = self._name(part["path"])
            old, new = (_compile(part, key, name) for key in ("old", "new"))
            path = part["path"]
            if path in self._loaded or any(self._of(path, code) for code in _tree(old)):
                changes += self._pairs(path, old, new, covered=False)
        undo = [(function, function.__code__) for function, _ in changes]
        try:
            for function, code in changes:
                function.__code__ = code
        except ValueError as error:  # another number of free variables
            _restore(undo)
            raise Cold from error
        return lambda: _restore(undo)

    def _name(self, path: str) -> str:
        return next((name for name, real in self._files.items() if real == path), self._loaded.get(path, path))

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
        if not covered and not _alike(old, new):
            raise Cold
        fresh = _nested(new)
        for key, code in _nested(old).items():
            if key in fresh:
                pairs += self._pairs(path, code, fresh[key], covered=covered)
        return pairs


def _shape(code: CodeType) -> tuple[object, ...]:
    plain = repr([const for const in code.co_consts if not isinstance(const, CodeType)])
    return code.co_names, code.co_varnames, code.co_freevars, plain


def _restore(undo: list[tuple[FunctionType, CodeType]]) -> None:
    for function, code in undo:
        function.__code__ = code


def _compile(part: Message, key: str, name: str) -> CodeType:
    """Compile a top-level statement so that its line numbers are those of the file."""
    before = part["line"] - 1
    start = _FUTURE if part.get("future") and before else ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return compile(start + "\n" * before + part[key], name, "exec", dont_inherit=True)


def _nested(code: CodeType) -> dict[tuple[str, int], CodeType]:
    """Code objects directly inside, by name and how many of that name came before."""
    found: dict[tuple[str, int], CodeType] = {}
    for const in code.co_consts:
        if isinstance(const, CodeType):
            count = 0
            while (const.co_name, count) in found:
                count += 1
            found[const.co_name, count] = const
    return found


def _tree(code: CodeType) -> Iterator[CodeType]:
    yield code
    for inner in _nested(code).values():
        yield from _tree(inner)


def _alike(old: CodeType, new: CodeType) -> bool:
    """Tell whether two code objects do the same, whatever the code nested inside them does."""
    plain = [[const for const in code.co_consts if not isinstance(const, CodeType)] for code in (old, new)]
    return (
        old.co_code == new.co_code
        and old.co_names == new.co_names
        and repr(plain[0]) == repr(plain[1])
        and _nested(old).keys() == _nested(new).keys()
    )
