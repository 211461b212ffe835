"""Search and replace between markers, as merge conflicts have them: groups read out of a block, and written. Pure.

Markers of one block have one length. What is searched may hold markers itself: those of the block are then longer.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from domain.coder import EditBlock

NO_NEWLINE = "\\ No newline at end of file"
"""Stands below a last line that has no line end, as in a diff."""
_LEAST = 5
_WORDS = r"[ \t]{0,9}(?:SEARCH|FIND|ORIGINAL|OLD|BEFORE|HEAD)\b.{0,40}"
OPEN = re.compile(rf"[ \t]{{0,12}}(<{{{_LEAST},}})(?:{_WORDS})?[ \t\r]*$", re.IGNORECASE)
_DIVIDE = re.compile(rf"[ \t]{{0,12}}(={{{_LEAST},}})[ \t\r]*$")
_CLOSE_WORDS = r"[ \t]{0,9}(?:REPLACE|UPDATED|NEW|AFTER|END)\b.{0,40}"
CLOSE = re.compile(rf"[ \t]{{0,12}}(>{{{_LEAST},}})(?:{_CLOSE_WORDS})?[ \t\r]*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Group:
    """One search and its replacement, and the line of text right before it."""

    search: str
    replace: str
    before: str = ""


def has_markers(text: str) -> bool:
    """Tell whether a text has the first marker of a group."""
    return any(OPEN.match(line) for line in text.split("\n"))


def groups(text: str) -> tuple[list[Group], bool]:
    """Return the groups of a text, and whether all of them are whole."""
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    # The first marker says how long all of them are; when that does not come out even, any length will do.
    first = next((match for line in lines if (match := OPEN.match(line))), None)
    if first is None:
        return [], True
    exact, whole = _read(lines, len(first[1]))
    return (exact, True) if whole else max((_read(lines, 0), (exact, whole)), key=lambda each: (each[1], len(each[0])))


def _read(lines: Sequence[str], size: int) -> tuple[list[Group], bool]:
    """Read with markers of exactly ``size``, or of any length (0)."""

    def is_marker(pattern: re.Pattern[str], line: str) -> bool:
        match = pattern.match(line)
        return match is not None and (not size or len(match[1]) == size)

    groups: list[Group] = []
    whole, at, before = True, 0, ""
    while at < len(lines):
        if not is_marker(OPEN, lines[at]):
            before = lines[at].strip() or before
            at += 1
            continue
        start, dividers, end = at + 1, list[int](), -1
        for place in range(start, len(lines)):
            if is_marker(_DIVIDE, lines[place]):
                dividers.append(place)
            elif is_marker(CLOSE, lines[place]):
                end = place
                break
            elif is_marker(OPEN, lines[place]):
                break
        else:
            place = len(lines)
        if end < 0 or not dividers:
            whole, at = False, max(place, start) + (end >= 0)
            continue
        # A heading of reStructuredText is underlined like a divider: as often before as after it, mostly.
        divider = dividers[len(dividers) // 2] if len(dividers) % 2 else dividers[0]
        search, new = (unended(_joined(part)) for part in (lines[start:divider], lines[divider + 1 : end]))
        groups.append(Group(search, new, before))
        before, at = "", end + 1
    return groups, whole


def _joined(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def rendered(edits: Sequence[EditBlock]) -> str:
    """The groups of edits of one file as text."""
    texts = [text for edit in edits for text in (edit.search or "", edit.replace or "")]
    # Longer than any marker in the texts themselves: a file that holds a merge conflict can be edited, too.
    marker = rf"^[ \t]{{0,12}}(<{{{_LEAST},}}|={{{_LEAST},}}|>{{{_LEAST},}})"
    lengths = (len(match[1]) for text in texts for match in re.finditer(marker, text, re.MULTILINE))
    size = max((*lengths, 6)) + 1
    parts = (_sides(edit.search or "", edit.replace or "") for edit in edits)
    opened, divided, closed = f"{'<' * size} SEARCH\n", f"{'=' * size}\n", f"{'>' * size} REPLACE\n"
    return "".join(f"{opened}{search}{divided}{replace}{closed}" for search, replace in parts)


def ended(text: str) -> str:
    """The text with a line feed behind its last line."""
    return text if not text or text.endswith("\n") else f"{text}\n"


def unended(text: str) -> str:
    """The text without the line that says that its last line has no line end, and without that line end."""
    head, mark, rest = text.rpartition(NO_NEWLINE)
    if not mark or rest.strip() or (head and not head.endswith("\n")):
        return text
    return head.removesuffix("\n")


def marked(text: str) -> str:
    """The text with a line feed behind its last line, and a line that says so where it has none."""
    return text if not text or text.endswith("\n") else f"{text}\n{NO_NEWLINE}\n"


def _sides(search: str, new: str) -> tuple[str, str]:
    # Where neither ends with its line the end of that line is not what the edit is about.
    if search.endswith("\n") == new.endswith("\n") or not search or not new:
        return ended(search), ended(new)
    return marked(search), marked(new)
