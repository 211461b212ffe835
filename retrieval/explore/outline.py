"""Outlines and numbered lines, as a reader of a repository sees them. Pure, and bounded."""

from collections.abc import Iterator, Mapping, Sequence

from domain.text import shortened
from retrieval.repomap import Definition

SHOWN = 10_000
"""Characters that are shown at once."""
_LINE = 500
"""Characters of one line that are shown."""
_ENTRIES = 120
_DEFINITIONS = 400
_NAMES = 12
"""Definitions of one file that are named in the outline of its folder."""


def numbered(
    path: str,
    lines: Sequence[str],
    first: int,
    last: int,
    until: int = 0,
    *,
    room: int = SHOWN,
    ended: bool = True,
) -> str:
    """Lines ``first`` to ``last`` (from 1, inclusive) of those up to ``until``, numbered, as many as have room.

    ``ended``: the last line of the file has a line end.
    """
    out: list[str] = []
    for number in range(first, last + 1):
        line = _short(lines[number - 1])
        room -= len(line) + 8
        if room < 0 and out:
            break
        out.append(f"{number:>6} {line}")
    shown = first + len(out) - 1
    head = f"{path}, lines {first}-{shown} of {len(lines)}:"
    more = f"\n… go on with {path}:{shown + 1}-{until}" if shown < until else ""
    unended = "" if ended or shown < len(lines) else "\n\\ No newline at end of file"
    return "\n".join([head, *out]) + unended + more


def of_file(path: str, lines: Sequence[str], definitions: Sequence[Definition]) -> str:
    """A long file by what it defines."""
    head = f"{path} has {len(lines)} lines. Open the ones you need, as in {path}:1-150."
    if not definitions:
        return f"{head}\n{numbered(path, lines, 1, min(len(lines), 40), len(lines), room=SHOWN // 2)}"
    rows = [f"{each.line:>6} {_short(each.signature)}" for each in definitions[:_DEFINITIONS]]
    left = len(definitions) - len(rows)
    return _bounded([f"{head} It defines:", *rows, *([f"… and {left} more definitions"] if left else [])])


def of_folder(folder: str, files: Sequence[str], definitions: Mapping[str, Sequence[Definition]]) -> str:
    """A folder: its files with what they define, and its folders with the number of files below them."""
    prefix = f"{folder}/" if folder else ""
    below: dict[str, int] = {}
    own: list[str] = []
    for path in files:
        head, slash, _ = path[len(prefix) :].partition("/")
        if slash:
            below[head] = below.get(head, 0) + 1
        else:
            own.append(path)
    rows = [f"  {name}/ ({count} {'file' if count == 1 else 'files'})" for name, count in sorted(below.items())]
    for path in sorted(own):
        defined = definitions.get(path, ())
        # Methods say little where their class is named; a file that holds nothing else names them after all.
        top = [each for each in defined if "." not in each.name] or list(defined)
        names = ", ".join(f"{each.name}:{each.line}" for each in top[:_NAMES])
        rows.append(f"  {path[len(prefix) :]}{f'  {names}' if names else ''}{', …' if len(top) > _NAMES else ''}")
    left = len(rows) - _ENTRIES
    head = f"{folder or 'The top of the repository'} has {len(files)} {'file' if len(files) == 1 else 'files'}:"
    return _bounded([head, *rows[:_ENTRIES], *([f"  … and {left} more: open a folder, or search"] if left > 0 else [])])


def _short(line: str) -> str:
    return shortened(line, _LINE)


def _bounded(rows: Sequence[str]) -> str:
    """Rows from the beginning and from the end, where all of them are too long."""
    if sum(map(len, rows)) + len(rows) <= SHOWN:
        return "\n".join(rows)
    head, tail = list(_fitting(rows, SHOWN // 2)), list(_fitting(rows[::-1], SHOWN // 2))[::-1]
    return "\n".join([*head, f"  … {len(rows) - len(head) - len(tail)} lines are left out here …", *tail])


def _fitting(rows: Sequence[str], room: int) -> Iterator[str]:
    for row in rows:
        room -= len(row) + 1
        if room < 0:
            return
        yield row
