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
    # Files are shown with the numbers of their lines, and some coders quote them.
    if not times and (plain := unnumbered(search)) is not None:
        place = _found(text, plain, unnumbered(replace) or replace, python=python)
        return dataclasses.replace(place, how=place.how or "line numbers") if isinstance(place, Place) else place
    if times == 1:
        return _exact(text, search, replace, python=python)
    if times:
        lines = ", ".join(map(str, dict.fromkeys(line_numbers(text, search))))
        return Nowhere(
            f"the searched text stands there more than once (lines {lines}): search for more lines around it"
        )
    return _lenient(text, search, replace)


def _lenient(text: str, search: str, replace: str) -> Place | Nowhere:
    """The place of lines that are not there as they are searched for."""
    rows, searched, new = text.split("\n"), _rows(search), _rows(replace)
    blank, unwritten = _edges(searched), _edges(new)
    both = [min(pair) for pair in zip(blank, unwritten, strict=True)]
    new = new[both[0] : len(new) - both[1]]
    # Blank lines at its ends that are to go are looked for, too; then they may have been copied badly.
    whole, searched = searched[both[0] : len(searched) - both[1]], searched[blank[0] : len(searched) - blank[1]]
    if not searched:
        return Nowhere("the searched text is blank")
    if len(whole) > len(searched) and len(occurrences([*map(_stripped, rows)], [*map(_stripped, whole)])) == 1:
        searched = whole
    for how, key in (("white space", _spaced), ("indentation", _stripped)):
        at = occurrences([*map(key, rows)], [*map(key, searched)])
        if len(at) > 1:
            lines = ", ".join(str(place + 1) for place in at)
            return Nowhere(
                f"the searched text stands there more than once, but for its {how} (lines {lines} …)",
                at[0] + 1,
                at[0] + len(searched),
            )
        if at:
            there = rows[at[0] : at[0] + len(searched)]
            merged = _merged(there, searched, [*range(len(searched))], new, rows)
            if merged is None:
                return Nowhere("the lines are there, but indented in another way", at[0] + 1, at[0] + len(searched))
            return _lines_replaced(rows, at[0], at[0] + len(searched), merged, how)
    return _close(rows, searched, new)


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
        # Twice as far each time: in a file of equal lines one by one would take the square of its length.
        step *= 2
        before, after = text[start : place.start], text[place.end : end]
    return text[start:end], f"{before}{place.replacement}{after}"


def nearest(text: str, search: str) -> tuple[int, int]:
    """Return the lines of a text (from 1, inclusive) that are most like a search; (0, 0): nothing is."""
    rows, searched = text.split("\n"), [row for row in _rows(search) if row.strip()][:_MOST_LINES]
    if not searched:
        return 0, 0
    votes = _votes([*map(_stripped, rows)], [*map(_stripped, searched)])
    if votes:
        offset = max(0, min(votes, key=lambda each: (-votes[each], each)))
        return offset + 1, min(len(rows), offset + len(searched))
    words = Counter(re.findall(r"\w+", searched[0][:_LINE]))
    best, score = 0, 0.0
    for at, row in enumerate(rows):
        there = Counter(re.findall(r"\w+", row[:_LINE]))
        shared = sum((words & there).values())
        share = 2 * shared / (sum(words.values()) + sum(there.values())) if shared else 0.0
        if share > score:
            best, score = at, share
    return (best + 1, min(len(rows), best + len(searched))) if score > 1 / 3 else (0, 0)


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


def line_numbers(text: str, search: str, most: int = 5) -> Iterator[int]:
    """Yield the lines (from 1) on which a search begins, overlapping ones too, at most so many."""
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
        if at := occurrences(rows, wanted):
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


def occurrences(rows: Sequence[str], searched: Sequence[str], most: int = 3) -> list[int]:
    """Where lines stand among others, at most so many places. Each kind of line is a letter: finding is linear."""
    letters: dict[str, str] = {}
    for row in searched:
        letters.setdefault(row, chr(0x1_0000 + len(letters)))
    there = "".join(letters.get(row, "\0") for row in rows)
    pattern = "".join(letters[row] for row in searched)
    places: list[int] = []
    at = there.find(pattern)
    while at >= 0 and len(places) < most:
        places.append(at)
        at = there.find(pattern, at + 1)
    return places


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
    there: Sequence[str], searched: Sequence[str], pairs: Sequence[int | None], new: Sequence[str], rows: Sequence[str]
) -> list[str] | None:
    """The lines that take the place of ``there``: what was not to be changed stays as it is in the file.

    Args:
        there: lines of the file.
        searched: the lines that were searched for.
        pairs: for each of them its index in ``there``.
        new: the lines that were to take their place.
        rows: of the whole file.

    Returns:
        None where the change is about lines that differ from what was searched for, or about indentation that cannot be
        told from the lines that are there.
    """
    counterparts = [(searched[at], there[index]) for at, index in enumerate(pairs) if index is not None]
    indented = reindenting(counterparts, [*searched, *new], rows)
    if indented is None:
        return None
    blanks_added = any(one != one.rstrip() and other == other.rstrip() for one, other in counterparts)
    if blanks_added and sum(row != row.rstrip() for row in new) * 2 > sum(bool(row.strip()) for row in new):
        new = [row.rstrip() for row in new]  # all of it was written with blanks at the ends of lines
    unchanged = matching([row.rstrip() for row in searched], [row.rstrip() for row in new])
    # A line that was to stay and is not there: so it stays.
    absent = {at for at, _ in unchanged if pairs[at] is None}
    unwritten = {number for at, number in unchanged if at in absent}
    out: list[str] = []
    reached, last = 0, (-1, -1)
    for at, number in [*unchanged, (len(searched), len(new))]:
        index = pairs[at] if at < len(searched) else len(there)
        if index is None:
            continue
        changed = [each for each in range(last[0] + 1, at) if each not in absent]
        added = [new[each] for each in range(last[1] + 1, number) if each not in unwritten]
        if changed or added:
            paired = {pairs[each] for each in changed}
            if any(hidden not in paired for hidden in range(reached, index)):
                return None  # nothing is known to the search of a line that stands in between
            # What is taken away must be what was quoted: else the change is about lines that the coder has not seen.
            quoted = [(searched[each], pairs[each]) for each in changed]
            if any(n is not None and _ratio(line.strip(), there[n].strip()) < _GONE for line, n in quoted):
                return None
            out += map(indented, added)
        else:
            out += there[reached:index]
        if at < len(searched):
            out.append(there[index])
        reached, last = index + 1, (at, number)
    return out


def _ratio(one: str, other: str) -> float:
    if one == other:
        return 1.0
    return SequenceMatcher(None, one[:_LINE], other[:_LINE], autojunk=False).ratio()


def _votes(rows: Sequence[str], searched: Sequence[str]) -> Counter[int]:
    """For each way to lay one text on the other the number of characters of lines that are the same then."""
    where: dict[str, list[int]] = {row: [] for row in searched if row}
    for at, row in enumerate(rows):
        if (places := where.get(row)) is not None and len(places) < _OFTEN:
            places.append(at)
    votes: Counter[int] = Counter()
    for number, row in enumerate(searched):
        for at in where.get(row, ()):
            votes[at - number] += len(row)
    return votes


def _close(rows: Sequence[str], searched: Sequence[str], new: Sequence[str]) -> Place | Nowhere:
    """A place where nearly all of the text is the same."""
    near = nearest("\n".join(rows), "\n".join(searched))
    absent = Nowhere("the searched text is not in the file", *near)
    if len(searched) > _MOST_LINES or sum(map(len, searched)) > _MOST_CHARS:
        return absent
    keys, search_keys = [*map(_stripped, rows)], [*map(_stripped, searched)]
    windows = {_window(keys, search_keys, offset) for offset, _ in _votes(keys, search_keys).most_common(8)}
    rated = sorted(
        ((likeness(keys[low:high], search_keys), low, high) for low, high in windows),
        key=lambda each: (-each[0], each[1:]),
    )
    if not rated or rated[0][0] < CLOSE:
        return absent
    score, low, high = rated[0]
    there = rows[low:high]
    if any(other > score - APART and not (a < high and low < b) for other, a, b in rated[1:]):
        return Nowhere("the searched text is not in the file, and is much like several places of it", low + 1, high)
    pairs = _paired(keys[low:high], search_keys)
    counts = Counter(keys)
    equal = [
        key for key, index in zip(search_keys, pairs, strict=True) if index is not None and key == keys[low + index]
    ]
    # An anchor stands in the file once, and says something: an "else" or a "pass" does not.
    unique = any(counts[key] == 1 and sum(map(str.isalnum, key)) > 3 for key in equal)  # noqa: PLR2004
    merged = _merged(there, searched, pairs, new, rows) if unique else None
    if merged is None:
        return Nowhere("the searched text is not in the file; these lines are much like it", low + 1, high)
    return _lines_replaced(rows, low, high, merged, "single lines that differ")


def _window(keys: Sequence[str], searched: Sequence[str], offset: int, slack: int = 3) -> tuple[int, int]:
    """The lines that a text is laid on, where single lines may be missing or too many."""
    low, high = max(0, offset - slack), min(len(keys), max(0, offset + len(searched)) + slack)
    pairs = matching(searched, keys[low:high])
    telling = [(a, b) for a, b in pairs if searched[a]] or [(0, offset - low)]
    (first, there), (last, end) = telling[0], telling[-1]
    return max(0, low + there - first), min(len(keys), low + end + len(searched) - last)


def _paired(there: Sequence[str], searched: Sequence[str]) -> list[int | None]:
    """For each line of a search its counterpart: an equal one, or in a gap one that is like it."""
    pairs: list[int | None] = [None] * len(searched)
    for (a, b), (c, d) in pairwise([(-1, -1), *matching(searched, there), (len(searched), len(there))]):
        if c < len(searched):
            pairs[c] = d
        following = b + 1
        for at in range(a + 1, c):
            if c - a == d - b:
                pairs[at] = b + at - a
                continue
            like = next(
                (n for n in range(following, min(d, following + 8)) if _ratio(searched[at], there[n]) >= _GONE), None
            )
            if like is not None:
                pairs[at], following = like, like + 1
    return pairs


def likeness(there: Sequence[str], searched: Sequence[str]) -> float:
    """How much of two texts is the same, by whole lines; comments count a quarter, they tell no place from another."""
    same = 0.0
    for at, index in enumerate(_paired(there, searched)):
        if index is not None:
            same += _ratio(searched[at], there[index]) * min(_weight(searched[at]), _weight(there[index]))
    whole = sum(map(_weight, there)) + sum(map(_weight, searched))
    return 2 * same / whole if whole else 0.0


def _weight(row: str) -> float:
    return len(row) / 4 if row.startswith(("#", "//", "*", "/*", "--", "<!--")) else float(len(row))
