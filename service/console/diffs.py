"""Reader of unified diffs for people: files, their rows with line numbers, and the two sides. Pure.

What a line is, is counted: inside a hunk its header says how many lines follow, so that a removed ``-- a`` is no head
of a file. Only a newline ends a line, as in ``approvals.rendering``.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from approvals import visible

HUNK = re.compile(r"@@ -(\d{1,9})(?:,(\d{1,9}))? \+(\d{1,9})(?:,(\d{1,9}))? @@")
MOST_ROWS = 1_500
"""Of one file at once: browsers get slow with more."""
INLINE = 120_000
"""Characters of a whole change that a page shows without being asked."""
MODES = {"100755": "executable", "120000": "symbolic link", "160000": "submodule"}
RowKind = Literal["same", "added", "removed", "hunk", "note"]


@dataclass(slots=True, kw_only=True)
class FileDiff:
    """One file of a diff: its lines are those of the text from ``first`` to before ``end``."""

    number: int
    first: int
    end: int = 0
    path: str = ""
    before: str = ""
    """Its earlier path, where it was moved."""
    how: str = "changed"
    notes: list[str] = field(default_factory=list[str])
    """What git says of it besides: modes, so that nobody signs a program or a link unseen, and encodings."""
    added: int = 0
    removed: int = 0
    binary: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffRow:
    """One line as it is shown, with its number on either side where it has one."""

    kind: RowKind
    old: int | None = None
    new: int | None = None
    text: str = ""

    @property
    def anchor(self) -> str:
        """What a comment names: the new line, or the old one of a removed line."""
        return f"{self.new}" if self.new is not None else f"-{self.old}" if self.old is not None else ""


@dataclass(slots=True)
class _Hunk:
    """What is left of a hunk."""

    old: int = 0
    new: int = 0
    old_left: int = 0
    new_left: int = 0

    @property
    def open(self) -> bool:
        return self.old_left > 0 or self.new_left > 0

    def row(self, line: str) -> DiffRow:
        """The row of a line of the hunk, which has one less then."""
        mark, text = line[:1], line[1:]
        if mark == "\\":
            return DiffRow(kind="note", text=text.strip())
        old = new = None
        if mark != "+":
            old, self.old, self.old_left = self.old, self.old + 1, self.old_left - 1
        if mark != "-":
            new, self.new, self.new_left = self.new, self.new + 1, self.new_left - 1
        kind: RowKind = "added" if mark == "+" else "removed" if mark == "-" else "same"
        return DiffRow(kind=kind, old=old, new=new, text=text)


def _hunk(line: str) -> _Hunk | None:
    match = HUNK.match(line)
    if match is None:
        return None
    old, old_count, new, new_count = match.groups()
    return _Hunk(int(old), int(new), int(old_count or 1), int(new_count or 1))


@dataclass(frozen=True, slots=True)
class Change:
    """A diff, read once: its lines and its files."""

    lines: Sequence[str] = ()
    files: list[FileDiff] = field(default_factory=list[FileDiff])
    size: int = 0

    @property
    def added(self) -> int:
        return sum(each.added for each in self.files)

    @property
    def removed(self) -> int:
        return sum(each.removed for each in self.files)

    @property
    def inline(self) -> bool:
        """Whether all of it is shown at once."""
        return self.size <= INLINE

    def rows(self, file: FileDiff, *, first: int = 0, most: int = MOST_ROWS) -> list[DiffRow]:
        """Rows of a file from the ``first`` on."""
        rows: list[DiffRow] = []
        for place, row in enumerate(self._rows(file)):
            if place >= first + most:
                break
            if place >= first:
                rows.append(row)
        return rows

    def _rows(self, file: FileDiff) -> Iterator[DiffRow]:
        hunk = _Hunk()
        for line in self.lines[file.first : file.end]:
            if hunk.open or (line.startswith("\\") and hunk.new):
                yield hunk.row(line)
            elif (begun := _hunk(line)) is not None:
                hunk = begun
                yield DiffRow(kind="hunk", text=line)

    def texts(self, places: Collection[tuple[str, str]]) -> dict[tuple[str, str], str]:
        """The lines that comments name, by path as pages show it and anchor; read once, however many are named."""
        paths = {path for path, _ in places}
        return {
            (path, row.anchor): row.text
            for file in self.files
            if (path := visible(file.path)) in paths
            for row in self._rows(file)
            if (path, row.anchor) in places
        }


def read_diff(text: str) -> Change:
    """Read a unified diff, of git or without its heads."""
    lines = text.split("\n")
    if lines and not lines[-1]:
        lines.pop()
    files: list[FileDiff] = []
    hunk = _Hunk()
    for place, line in enumerate(lines):
        if hunk.open:
            row = hunk.row(line)
            files[-1].added += row.kind == "added"
            files[-1].removed += row.kind == "removed"
            continue
        bare = line.startswith("--- ") and (not files or files[-1].added + files[-1].removed > 0)
        if line.startswith("diff ") or bare:
            if files:
                files[-1].end = place
            files.append(FileDiff(number=len(files), first=place))
        if files:
            hunk = _hunk(line) or hunk
            _head(files[-1], line)
    if files:
        files[-1].end = len(lines)
    return Change(lines, files, len(text))


def _head(file: FileDiff, line: str) -> None:
    """What a line before the hunks says of a file."""
    match line.split(" ", 1):
        case ["---", path] if path != "/dev/null":
            file.path = file.path or _path(path)
        case ["+++", path] if path != "/dev/null":
            file.path = _path(path)
        case ["diff", words]:
            # Both sides have one name but where a file moves, which later lines say: a name may have " b/" in it.
            sides = words.removeprefix("--git ")
            old, new = sides[: len(sides) // 2], sides[len(sides) // 2 + 1 :]
            file.path = _path(new) if _path(old) == _path(new) else words.rpartition(" b/")[2].removesuffix('"')
        case ["rename", words]:
            way, _, path = words.partition(" ")
            file.how = "moved"
            file.before, file.path = (path, file.path) if way == "from" else (file.before, path)
        case ["new" | "deleted" as how, words] if words.startswith("file "):
            file.how = how
            if not words.endswith(" 100644"):
                file.notes.append(_mode(words.removeprefix("file ")))
        case ["old" | "new", words] if words.startswith("mode "):
            file.notes.append(_mode(line))
        case ["text:", _]:
            file.notes.append(line)
        case ["Binary" | "GIT", _]:
            file.binary = True
        case _:
            pass


def _mode(text: str) -> str:
    meaning = MODES.get(text[-6:], "")
    return f"{text} ({meaning})" if meaning else text


def _path(text: str) -> str:
    plain = text.split("\t", maxsplit=1)[0].strip('"')
    return plain[2:] if plain[:2] in {"a/", "b/"} else plain


def two_sides(rows: Sequence[DiffRow]) -> list[tuple[DiffRow | None, DiffRow | None]]:
    """Rows beside each other: what was removed beside what was added in its place."""
    pairs: list[tuple[DiffRow | None, DiffRow | None]] = []
    removed: list[DiffRow] = []
    added: list[DiffRow] = []

    def flush() -> None:
        for place in range(max(len(removed), len(added))):
            left = removed[place] if place < len(removed) else None
            pairs.append((left, added[place] if place < len(added) else None))
        removed.clear()
        added.clear()

    for row in rows:
        if row.kind == "removed":
            removed.append(row)
        elif row.kind == "added":
            added.append(row)
        else:
            flush()
            pairs.append((row, row))
    flush()
    return pairs


def commented(change: Change, comments: Sequence[tuple[str, str, str]]) -> str:
    """Comments on lines (path, anchor, words) as one message to the agent, each with the line that it is about.

    The line is read from the change, whatever a browser said; a comment on no line of it stands alone.
    """
    parts: list[str] = []
    lines = change.texts({(path, anchor) for path, anchor, _ in comments})
    for path, anchor, words in comments:
        line = lines.get((path, anchor))
        if line is None:
            parts.append(f"On {visible(path)[:300]}:\n{words}")
            continue
        where = f"line {anchor}" if not anchor.startswith("-") else f"removed line {anchor[1:]}"
        parts.append(f"On {visible(path)[:300]}, {where}:\n> {visible(line)[:300]}\n{words}")
    return "\n\n".join(parts)
