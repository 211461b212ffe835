"""Coverage of programs that a test starts: Python imports this file first in every one of them.

Its folder is on ``PYTHONPATH`` only while a test runs with its lines recorded. What it records is written beside the
others when the program ends; one that is killed has told nothing.
"""

import atexit
import contextlib
import importlib
import json
import os
import sys
from pathlib import Path

_FOLDER = "SIGNOFF_REPAIR_LINES"


def _record(folder: Path) -> None:
    from signoff_repair_inside.runner.trace import Lines  # noqa: PLC0415  # pyright: ignore[reportMissingImports]

    lines = Lines(json.loads((folder / "files").read_text()))
    lines.start()

    def ended() -> None:
        # A name of its own, and renamed when it is whole: several programs may end at once.
        part = folder / f"{os.getpid()}.part"
        part.write_text(json.dumps(lines.stop()))
        part.rename(folder / f"{os.getpid()}.json")

    atexit.register(ended)


def _as_without_us() -> None:
    """Import the ``sitecustomize`` that this one stands before, where the system has one."""
    own = sys.modules["sitecustomize"]
    here = os.path.realpath(Path(__file__).parent)
    sys.path[:] = [folder for folder in sys.path if os.path.realpath(folder) != here]
    del sys.modules["sitecustomize"]
    with contextlib.suppress(ImportError):
        importlib.import_module("sitecustomize")
    sys.modules.setdefault("sitecustomize", own)


with contextlib.suppress(Exception):  # a program that cannot be traced is run as it is
    _as_without_us()
    _record(Path(os.environ[_FOLDER]))  # noqa: TID251 - runs in the sandbox
