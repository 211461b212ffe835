"""Passages: where a searched text stands in a file, and what to put there, also when it was copied clumsily. Pure.

From strict to lenient: as it is; with other white space at line ends; indented otherwise; with single lines that
differ, where a line that is unique in the file anchors them. A text that may be meant in two places is found in none:
nothing is ever changed at a wrong place.
"""

import ast
import dataclasses
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise

from domain.text.elision import unnumbered
from domain.text.indentation import TAB, reindenting, spaces_for_tabs, unit_of
from domain.text.line_matching import matching
from domain.text.untrusted import python_tree

CLOSE = 0.9
"""So much of the text has to be the same."""
APART = 0.1
"""So much worse the second best place has to be."""
_GONE = 0.75
"""A line that is changed or deleted must be that much like the one that was searched for."""
_MOST_LINES, _MOST_CHARS, _LINE = 400, 20_000, 400
"""Lines and characters of a search that is compared closely, and characters of a line."""
_OFTEN = 40
"""A line that stands there more often says nothing about where the text is."""


@dataclass(frozen=True, slots=True)
class Place:
    """Characters ``start`` to ``end`` of a text, and what takes their place."""

    start: int
    end: int
    replacement: str
    how: str = ""
    """What had to be overlooked; empty: nothing."""


@dataclass(frozen=True, slots=True)
class Nowhere:
    """Why a text was not found, in words for who searched it."""

    why: str
    first: int = 0
    """Lines (from 1, inclusive) of the nearest real passage; 0: there is none."""
    last: int = 0


def find(text: str, search: str, replace: str, *, python: bool = False, tabs: bool = False) -> Place | Nowhere:
    """Find the one place that ``search`` means. All texts have line feeds.

    Args:
        text: of the file.
        search: what stands there, as it was copied.
        replace: what shall stand there.
        python: the file is Python, where indentation decides what is meant.
        tabs: the file is of a kind in which a tab means something.
    """
    place = _found(text, search, replace, python=python)
    unit = unit_of(text.split("\n"), " " * TAB if python else "")
    if tabs or not isinstance(place, Place) or (spaced := spaces_for_tabs(text, place.replacement, unit)) is None:
        return place
    # Lines that were searched for say nothing about the indentation of new ones where they have none themselves.
    head, tail = text[: place.start], text[place.end :]
    if python and (meant := python_tree(f"{head}{place.replacement}{tail}")) is not None:
        same = python_tree(f"{head}{spaced}{tail}")
        if same is None or ast.dump(meant) != ast.dump(same):
            return place
    return dataclasses.replace(place, replacement=spaced, how=place.how or "indentation")


def _found(text: str, search: str, replace: str, *, python: bool) -> Place | Nowhere:
    times = _counted(text, search)
    if not times and (plain := unnumbered(search)) is not None:
        place = _found(text, plain, unnumbered(replace) or replace, python=python)
        return dataclasses.replace(place, how=place.how or "line numbers") if isinstance(place, Place) else place
    if times == 1:
        return _exact(text, search, replace, python=python)
    if times:
        lines = ", ".join(map(str, dict.fromkeys(_line_numbers(text, search))))
        return Nowhere(
            f"the searched text stands there more than once (lines {lines}): search for more lines around it"
        )
    return _lenient(text, search, replace)


def _lenient(text: str, search: str, replace: str) -> Place | Nowhere:
    """The place of lines that are not there as they are searched for."""
    rows, wanted, new = text.split("\n"), _rows(search), _rows(replace)
    blank, unwritten = _edges(wanted), _edges(new)
    both = [min(pair) for pair in zip(blank, unwritten, strict=True)]
    new = new[both[0] : len(new) - both[1]]
    # Blank lines at its ends that are to go are looked for, too; then they may have been copied badly.
    whole, wanted = wanted[both[0] : len(wanted) - both[1]], wanted[blank[0] : len(wanted) - blank[1]]
    if not wanted:
        return Nowhere("the searched text is blank")
    if len(whole) > len(wanted) and len(_occurrences([*map(_stripped, rows)], [*map(_stripped, whole)])) == 1:
        wanted = whole
    for how, key in (("white space", _spaced), ("indentation", _stripped)):
        at = _occurrences([*map(key, rows)], [*map(key, wanted)])
        if len(at) > 1:
            lines = ", ".join(str(place + 1) for place in at)
            return Nowhere(
                f"the searched text stands there more than once, but for its {how} (lines {lines} …)",
                at[0] + 1,
                at[0] + len(wanted),
            )
        if at:
            there = rows[at[0] : at[0] + len(wanted)]
            merged = _merged(there, wanted, [*range(len(wanted))], new, rows)
            if merged is None:
                return Nowhere("the lines are there, but indented in another way", at[0] + 1, at[0] + len(wanted))
            return _lines_replaced(rows, at[0], at[0] + len(wanted), merged, how)
    return _close(rows, wanted, new)


def exact_edit(text: str, place: Place) -> tuple[str, str]:
    """Return a search that stands in ``text`` exactly once, and its replacement, for a place.

    Lines around it are taken in as long as it stands there more often.
    """
    start, end, before, after = place.start, place.end, "", ""
    step = 1
    while (search := text[start:end]) == "" or _counted(text, search) != 1:
        if start == 0 and end == len(text):
            break
        for _ in range(step):
            start = text.rfind("\n", 0, max(0, start - 1)) + 1
            end = text.find("\n", end) + 1 or len(text)
        step *= 2
        before, after = text[start : place.start], text[place.end : end]
    return text[start:end], f"{before}{place.replacement}{after}"


def nearest(text: str, search: str) -> tuple[int, int]:
    """Return the lines of a text (from 1, inclusive) that are most like a search; (0, 0): nothing is."""
    rows, wanted = text.split("\n"), [row for row in _rows(search) if row.strip()][:_MOST_LINES]
    if not wanted:
        return 0, 0
    votes = _votes([*map(_stripped, rows)], [*map(_stripped, wanted)])
    if votes:
        offset = max(0, min(votes, key=lambda each: (-votes[each], each)))
        return offset + 1, min(len(rows), offset + len(wanted))
    words = Counter(re.findall(r"\w+", wanted[0][:_LINE]))
    best, score = 0, 0.0
    for at, row in enumerate(rows):
        there = Counter(re.findall(r"\w+", row[:_LINE]))
        shared = sum((words & there).values())
        share = 2 * shared / (sum(words.values()) + sum(there.values())) if shared else 0.0
        if share > score:
            best, score = at, share
    return (best + 1, min(len(rows), best + len(wanted))) if score > 1 / 3 else (0, 0)


def _rows(text: str) -> list[str]:
    return text.removesuffix("\n").split("\n") if text else []


def _edges(rows: Sequence[str]) -> tuple[int, int]:
    """How many blank lines there are before the others, and after them."""
    first = next((at for at, row in enumerate(rows) if row.strip()), len(rows))
    last = next((at for at, row in enumerate(reversed(rows)) if row.strip()), 0)
    return first, last


def _counted(text: str, search: str) -> int:
    """0, 1 or 2 (more often), also where two places overlap."""
    at = text.find(search) if search else -1
    return 0 if at < 0 else 1 if text.find(search, at + 1) < 0 else 2


def _line_numbers(text: str, search: str, most: int = 5) -> Iterator[int]:
    at, line = text.find(search), 1
    start = 0
    while at >= 0 and most:
        line += text.count("\n", start, at)
        yield line
        start, most = at, most - 1
        at = text.find(search, at + 1)


def _exact(text: str, search: str, replace: str, *, python: bool) -> Place | Nowhere:
    start = text.index(search)
    if search.startswith("\n") and start and text[start - 1] != "\n":
        # Its first line is blank, and here it is only the end of another one: perhaps lines elsewhere are meant.
        rows, wanted = ([*map(_stripped, each.split("\n"))] for each in (text, search.removesuffix("\n")))
        if at := _occurrences(rows, wanted):
            line = text.count("\n", 0, start) + 2
            return Nowhere(f"the searched text may be meant at line {line} or {at[0] + 1}: search for more lines")
    place = Place(start, start + len(search), replace)
    begun = text[text.rfind("\n", 0, start) + 1 : start]
    if not (python and begun and not begun.strip() and "\n" in replace.rstrip("\n")):
        return place
    # The search begins behind the indentation of its line, and the lines below were perhaps written without it.
    literal = text[:start] + replace + text[place.end :]
    if python_tree(literal) is not None or python_tree(text) is None:
        return place
    first, *others = replace.split("\n")
    deeper = "\n".join([first, *(f"{begun}{line}" if line.strip() else line for line in others)])
    fixed = text[:start] + deeper + text[place.end :]
    return Place(start, place.end, deeper, "indentation") if python_tree(fixed) is not None else place


def _spaced(row: str) -> str:
    """A line without the white space at its end, tabs as spaces."""
    row = _composed(row.rstrip())
    body = row.lstrip(" \t")
    return row[: len(row) - len(body)].expandtabs(TAB) + body


def _stripped(row: str) -> str:
    return _composed(row.strip())


def _composed(row: str) -> str:
    return row if row.isascii() else unicodedata.normalize("NFC", row)


def _occurrences(rows: Sequence[str], wanted: Sequence[str], most: int = 3) -> list[int]:
    """Where lines stand among others, at most so many places. Each kind of line is a letter: finding is linear."""
    letters: dict[str, str] = {}
    for row in wanted:
        letters.setdefault(row, chr(0x1_0000 + len(letters)))
    there = "".join(letters.get(row, "\0") for row in rows)
    pattern = "".join(letters[row] for row in wanted)
    found: list[int] = []
    at = there.find(pattern)
    while at >= 0 and len(found) < most:
        found.append(at)
        at = there.find(pattern, at + 1)
    return found


def _lines_replaced(rows: Sequence[str], first: int, after: int, new: Sequence[str], how: str) -> Place:
    start = sum(map(len, rows[:first])) + first
    end = start + sum(map(len, rows[first:after])) + after - first - 1
    if not new:
        # The line goes with its line end: the one behind it, or at the end of the file the one before it.
        if after < len(rows):
            end += 1
        elif start:
            start -= 1
    return Place(start, end, "\n".join(new), how)


def _merged(
    there: Sequence[str], wanted: Sequence[str], pairs: Sequence[int | None], new: Sequence[str], rows: Sequence[str]
) -> list[str] | None:
    """The lines that take the place of ``there``: what was not to be changed stays as it is in the file.

    Args:
        there: lines of the file.
        wanted: the lines that were searched for.
        pairs: for each of them its index in ``there``.
        new: the lines that were to take their place.
        rows: of the whole file.

    Returns:
        None where the change is about lines that differ from what was searched for, or about indentation that cannot be
        told from the lines that are there.
    """
    counterparts = [(wanted[at], there[index]) for at, index in enumerate(pairs) if index is not None]
    indented = reindenting(counterparts, [*wanted, *new], rows)
    if indented is None:
        return None
    blanks_added = any(one != one.rstrip() and other == other.rstrip() for one, other in counterparts)
    if blanks_added and sum(row != row.rstrip() for row in new) * 2 > sum(bool(row.strip()) for row in new):
        new = [row.rstrip() for row in new]  # all of it was written with blanks at the ends of lines
    kept = matching([row.rstrip() for row in wanted], [row.rstrip() for row in new])
    # A line that was to stay and is not there: so it stays.
    absent = {at for at, _ in kept if pairs[at] is None}
    unwritten = {number for at, number in kept if at in absent}
    out: list[str] = []
    reached, last = 0, (-1, -1)
    for at, number in [*kept, (len(wanted), len(new))]:
        index = pairs[at] if at < len(wanted) else len(there)
        if index is None:
            continue
        changed = [each for each in range(last[0] + 1, at) if each not in absent]
        added = [new[each] for each in range(last[1] + 1, number) if each not in unwritten]
        if changed or added:
            paired = {pairs[each] for each in changed}
            if any(hidden not in paired for hidden in range(reached, index)):
                return None  # nothing is known to the search of a line that stands in between
            if not all(_alike(wanted[each], there, pairs[each]) for each in changed):
                return None
            out += map(indented, added)
        else:
            out += there[reached:index]
        if at < len(wanted):
            out.append(there[index])
        reached, last = index + 1, (at, number)
    return out


def _alike(wanted: str, there: Sequence[str], index: int | None) -> bool:
    return index is None or _ratio(wanted.strip(), there[index].strip()) >= _GONE


def _ratio(one: str, other: str) -> float:
    if one == other:
        return 1.0
    return SequenceMatcher(None, one[:_LINE], other[:_LINE], autojunk=False).ratio()


def _votes(rows: Sequence[str], wanted: Sequence[str]) -> Counter[int]:
    """For each way to lay one text on the other the number of characters of lines that are the same then."""
    where: dict[str, list[int]] = {row: [] for row in wanted if row}
    for at, row in enumerate(rows):
        if (places := where.get(row)) is not None and len(places) < _OFTEN:
            places.append(at)
    votes: Counter[int] = Counter()
    for number, row in enumerate(wanted):
        for at in where.get(row, ()):
            votes[at - number] += len(row)
    return votes


def _close(rows: Sequence[str], wanted: Sequence[str], new: Sequence[str]) -> Place | Nowhere:
    """A place where nearly all of the text is the same."""
    near = nearest("\n".join(rows), "\n".join(wanted))
    absent = Nowhere("the searched text is not in the file", *near)
    if len(wanted) > _MOST_LINES or sum(map(len, wanted)) > _MOST_CHARS:
        return absent
    keys, searched = [*map(_stripped, rows)], [*map(_stripped, wanted)]
    windows = {_window(keys, searched, offset) for offset, _ in _votes(keys, searched).most_common(8)}
    rated = sorted(
        ((_likeness(keys[low:high], searched), low, high) for low, high in windows),
        key=lambda each: (-each[0], each[1:]),
    )
    if not rated or rated[0][0] < CLOSE:
        return absent
    score, low, high = rated[0]
    there = rows[low:high]
    if any(other > score - APART and not (a < high and low < b) for other, a, b in rated[1:]):
        return Nowhere("the searched text is not in the file, and is much like several places of it", low + 1, high)
    pairs = _paired(keys[low:high], searched)
    counts = Counter(keys)
    unique = any(
        index is not None and searched[at] == keys[low + index] and counts[searched[at]] == 1 and _tells(searched[at])
        for at, index in enumerate(pairs)
    )
    merged = _merged(there, wanted, pairs, new, rows) if unique else None
    if merged is None:
        return Nowhere("the searched text is not in the file; these lines are much like it", low + 1, high)
    return _lines_replaced(rows, low, high, merged, "single lines that differ")


def _tells(row: str) -> bool:
    return sum(char.isalnum() for char in row) > 3  # noqa: PLR2004  an "else" or a "pass" anchors nothing


def _window(keys: Sequence[str], wanted: Sequence[str], offset: int, slack: int = 3) -> tuple[int, int]:
    """The lines that a text is laid on, where single lines may be missing or too many."""
    low, high = max(0, offset - slack), min(len(keys), max(0, offset + len(wanted)) + slack)
    pairs = matching(wanted, keys[low:high])
    telling = [(a, b) for a, b in pairs if wanted[a]] or [(0, offset - low)]
    (first, there), (last, end) = telling[0], telling[-1]
    return max(0, low + there - first), min(len(keys), low + end + len(wanted) - last)


def _paired(there: Sequence[str], wanted: Sequence[str]) -> list[int | None]:
    """For each wanted line its counterpart: an equal one, or in a gap one that is like it."""
    pairs: list[int | None] = [None] * len(wanted)
    for (a, b), (c, d) in pairwise([(-1, -1), *matching(wanted, there), (len(wanted), len(there))]):
        if c < len(wanted):
            pairs[c] = d
        following = b + 1
        for at in range(a + 1, c):
            if c - a == d - b:
                pairs[at] = b + at - a
                continue
            like = next(
                (n for n in range(following, min(d, following + 8)) if _ratio(wanted[at], there[n]) >= _GONE), None
            )
            if like is not None:
                pairs[at], following = like, like + 1
    return pairs


def _likeness(there: Sequence[str], wanted: Sequence[str]) -> float:
    """How much of two texts is the same, by whole lines; comments count a quarter, they tell no place from another."""
    same = 0.0
    for at, index in enumerate(_paired(there, wanted)):
        if index is not None:
            same += _ratio(wanted[at], there[index]) * min(_weight(wanted[at]), _weight(there[index]))
    whole = sum(map(_weight, there)) + sum(map(_weight, wanted))
    return 2 * same / whole if whole else 0.0


def _weight(row: str) -> float:
    return len(row) / 4 if row.startswith(("#", "//", "*", "/*", "--", "<!--")) else float(len(row))
