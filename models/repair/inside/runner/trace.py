"""Which lines of the project run during a test."""

from __future__ import annotations

import os
import sys
import threading
from types import CodeType, FrameType
from typing import Any


class Lines:
    """Records executed lines of the given files (real paths) while it is on."""

    def __init__(self, files: list[str]) -> None:
        self._wanted = frozenset(files)
        self._names: dict[str, str | None] = {}
        self._codes: dict[CodeType, set[int] | None] = {}
        self._hits: dict[str, set[int]] = {}

    def start(self) -> None:
        threading.settrace(self._global)
        sys.settrace(self._global)

    def stop(self) -> dict[str, list[int]]:
        """Stop, and return the lines by file."""
        sys.settrace(None)
        threading.settrace(None)  # pyright: ignore[reportArgumentType]
        hits = {path: sorted(lines) for path, lines in self._hits.items() if lines}
        for lines in self._hits.values():
            lines.clear()
        return hits

    def _lines_of(self, code: CodeType) -> set[int] | None:
        name = code.co_filename
        if name not in self._names:
            real = os.path.realpath(name)
            self._names[name] = real if real in self._wanted else None
        path = self._names[name]
        return None if path is None else self._hits.setdefault(path, set())

    def _global(self, frame: FrameType, event: str, arg: Any) -> Any:  # noqa: ARG002 - what sys.settrace asks for
        code = frame.f_code
        try:
            hits = self._codes[code]
        except KeyError:
            hits = self._codes[code] = self._lines_of(code)
        if hits is None:
            return None
        hits.add(frame.f_lineno)
        add = hits.add

        def local(frame: FrameType, event: str, arg: Any) -> Any:  # noqa: ARG001 - what sys.settrace asks for
            add(frame.f_lineno)
            return local

        return local
