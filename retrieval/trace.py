"""Tracebacks: the files and lines that the output of a failed command names. Pure.

Reads tracebacks and reports of Python and pytest, Node (V8 frames), Go, Rust, compilers and linters.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from domain.text import whole_number

_PYTHON = re.compile(r'File "(?P<path>[^"\n]+)", line (?P<line>\d+)')
# A name is read from where it begins: from every letter of it, a long one would be read as often as it has letters.
# pkg/a.py:12: Error · at f (/p/x.js:3:5) · file:///p/x.mjs:3:5 · x_test.go:12 +0x1d · --> src/lib.rs:3:5
_NAME = r"[\w@+./\\-]*\w\.[A-Za-z]\w{0,5}"
_PLAIN = re.compile(rf"(?<![\w@+./\\-])(?P<path>(?:[A-Za-z]:(?=[\\/]))?{_NAME})[:(](?P<line>\d{{1,7}})\b")
_NAMED = re.compile(rf"(?<![\w@+./\\-]){_NAME}\b")
_HERE = re.compile(r"^(?:\./)+")
_ROOT = "/work/repo/"


@dataclass(frozen=True, slots=True)
class SourceLocation:
    """A line of a file, by the path that the output used for it."""

    path: str
    line: int


def locations(output: str) -> tuple[SourceLocation, ...]:
    """Return the locations that ``output`` names, each once, in the order of their last mention.

    The last frame of a traceback is where it broke, so the last location is the most telling one.
    """
    latest: dict[SourceLocation, None] = {}
    mentions = sorted([*_PYTHON.finditer(output), *_PLAIN.finditer(output)], key=lambda match: match.start())
    for match in mentions:
        location = SourceLocation(_tidy(match["path"]), whole_number(match["line"]))
        if location.line > 0:
            latest.pop(location, None)
            latest[location] = None
    return tuple(latest)


def named(output: str) -> tuple[str, ...]:
    """Return everything in ``output`` that looks like the name of a file, each once, in order."""
    return tuple(dict.fromkeys(_tidy(match.group()) for match in _NAMED.finditer(output)))


def resolve(path: str, files: Iterable[str]) -> str | None:
    """Return the one file of the repository that ``path`` can mean; None when none or several can.

    Absolute paths of another checkout, and paths relative to a folder, match by their longest ending.
    """
    named_path, best = _tidy(path), list[str]()
    length = 0
    for file in files:
        if file == named_path:
            return file
        # Number of equal parts, from the end, where one of the two paths ends with the other; else 0.
        one, two = named_path.split("/"), file.split("/")
        shorter = min(len(one), len(two))
        shared = shorter if one[-shorter:] == two[-shorter:] else 0
        if shared > length:
            best, length = [file], shared
        elif shared == length and shared:
            best.append(file)
    return best[0] if len(best) == 1 else None


def _tidy(path: str) -> str:
    plain = path.replace("\\", "/").removeprefix("file:")
    plain = _HERE.sub("", plain)
    rooted = "/" + plain.lstrip("/") if plain.startswith("/") else plain
    return rooted.removeprefix(_ROOT).lstrip("/")
