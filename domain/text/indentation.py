"""Indentation of lines that were written with another one than the file has. Pure."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise

TAB = 4
"""Columns of a tab, where it is compared with spaces."""
_SAMPLE = 2_000
"""Lines that show what a file is indented with."""


def indent_of(row: str) -> str:
    """The blanks and tabs that a line begins with."""
    return row[: len(row) - len(row.lstrip(" \t"))]


def width(indent: str) -> int:
    """Its columns."""
    return len(indent.expandtabs(TAB))


def unit_of(rows: Sequence[str], default: str = " " * TAB) -> str:
    """What one level of indentation is written with."""
    indents = [indent_of(row) for row in rows[:_SAMPLE] if row.strip()]
    tabs = sum(each.startswith("\t") for each in indents)
    if tabs * 2 > sum(bool(each) for each in indents):
        return "\t"
    deeper = Counter(width(b) - width(a) for a, b in pairwise(indents) if width(b) > width(a))
    sizes = [size for size in (2, 3, 4, 8) if deeper[size]]
    return " " * max(sizes, key=lambda size: deeper[size]) if sizes else default


def reindenting(
    pairs: Sequence[tuple[str, str]], written: Sequence[str], rows: Sequence[str]
) -> Callable[[str], str] | None:
    """Return how a new line is indented in the file; None where the lines that are there do not say it one way.

    Args:
        pairs: lines as they were written, and as they are in the file.
        written: all that was written.
        rows: all of the file.
    """
    table: dict[str, str] = {}
    for one, there in pairs:
        if one.strip() and there.strip() and table.setdefault(indent_of(one), indent_of(there)) != indent_of(there):
            return None
    known = sorted(table, key=width)
    widths = [(width(each), width(table[each])) for each in known]
    if any(
        (a < b and there_a >= there_b) or (a == b and there_a != there_b)
        for (a, there_a), (b, there_b) in pairwise(widths)
    ):
        return None
    unit = unit_of(rows)
    if all(one == there for one, there in widths):
        same = all(one == there for one, there in table.items())
        return (lambda row: row) if same else partial(_in_same_columns, table, unit)
    step = width(unit_of(written, unit))
    if deeper := [each for each in known if width(each) > width(known[0])]:
        theirs, ours = width(deeper[0]) - width(known[0]), width(table[deeper[0]]) - width(table[known[0]])
        step = max(1, theirs * width(unit) // ours)

    def indented(row: str) -> str:
        body = row.lstrip(" \t")
        if not body.strip():
            return ""
        indent = indent_of(row)
        if indent in table:
            return table[indent] + body
        base = max((each for each in known if width(each) <= width(indent)), key=width, default=known[0])
        levels, rest = divmod(width(indent) - width(base), step)
        if levels >= 0:
            return f"{table[base]}{unit * levels}{' ' * rest}{body}"
        columns = max(0, width(table[base]) + width(unit) * levels)
        return (unit * (columns // TAB) if unit == "\t" else " " * columns) + body

    return indented


def _in_same_columns(table: Mapping[str, str], unit: str, row: str) -> str:
    indent, body = indent_of(row), row.lstrip(" \t")
    if not body.strip():
        return ""
    tabs, rest = divmod(width(indent), TAB) if unit == "\t" else (0, width(indent))
    return table.get(indent, "\t" * tabs + " " * rest) + body


def spaces_for_tabs(text: str, new: str, unit: str) -> str | None:
    """Lines that are indented with tabs, as a file without any tab has them; None: they are not."""
    rows = new.split("\n")
    indents = {indent_of(row) for row in rows if row.strip()} - {""}
    if "\t" in text or not unit or not any(indent.startswith("\t") for indent in indents):
        return None
    if any(indent.startswith(unit) or "\t" in indent.lstrip("\t") for indent in indents):
        return None
    return "\n".join(unit * (len(row) - len(row.lstrip("\t"))) + row.lstrip("\t") for row in rows)
