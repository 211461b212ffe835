"""Coverage: the lines of the project that run during a test, in its own process and in programs that it starts."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import threading
from pathlib import Path
from types import CodeType, FrameType
from typing import Any


class Lines:
    """Records executed lines of the given files (real paths) while it is on."""

    def __init__(self, files: list[str]) -> None:
        self._recorded = frozenset(files)
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

    def _global(self, frame: FrameType, event: str, arg: Any) -> Any:  # noqa: ARG002 - what sys.settrace asks for
        code = frame.f_code
        try:
            hits = self._codes[code]
        except KeyError:
            name = code.co_filename
            if name not in self._names:
                real = os.path.realpath(name)
                self._names[name] = real if real in self._recorded else None
            path = self._names[name]
            hits = self._codes[code] = None if path is None else self._hits.setdefault(path, set())
        if hits is None:
            return None  # no line events from code of others: they would cost most of the time
        hits.add(frame.f_lineno)
        add = hits.add

        def local(frame: FrameType, event: str, arg: Any) -> Any:  # noqa: ARG001 - what sys.settrace asks for
            add(frame.f_lineno)
            return local

        return local


class StartedLines:
    """The lines that programs run which tests of this process start. See ``children/sitecustomize.py``."""

    def __init__(self, files: list[str]) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="signoff-repair-lines-"))
        (self._folder / "files").write_text(json.dumps(files))
        inherited = os.environ  # noqa: TID251 - this process was forked for one job, in the sandbox
        inherited["SIGNOFF_REPAIR_LINES"] = str(self._folder)
        ours = str(Path(__file__).parents[1] / "children")
        inherited["PYTHONPATH"] = f"{ours}{os.pathsep}{inherited.get('PYTHONPATH', '')}".rstrip(os.pathsep)

    def collect(self, lines: dict[str, list[int]]) -> dict[str, list[int]]:
        """``lines`` of the test itself, and those of every program that ended since this was asked last."""
        merged = {path: set(numbers) for path, numbers in lines.items()}
        for record in self._folder.glob("*.json"):
            for path, numbers in json.loads(record.read_text()).items():
                merged.setdefault(path, set()).update(numbers)
            record.unlink()
        return {path: sorted(numbers) for path, numbers in merged.items()}

    def close(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
