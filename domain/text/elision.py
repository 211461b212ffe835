"""Elisions: lines that stand for code which was left out, as ``# ... rest of the code``. Pure.

Written into a file they delete what they stand for, so they are found before. A line that is in the file already stands
for itself; one that was too long to be shown stands for all of it, as it was shown.
"""

import re
from collections.abc import Collection
from itertools import pairwise

from domain.text.indentation import indent_of

_COMMENT = r"(?:#|//|--|;|%|/\*+|<!--|\{/\*|\*|\(\*)"
_DOTS = r"(?:\.{3,}|…)"
_OPEN, _SHUT = r"[ \t]{0,4}[\[(<{]?[ \t]{0,2}", r"[ \t.…:]{0,9}[\])>}]?[ \t]{0,4}(?:\*/\}?|-->|\*\))?$"
_THINGS = (
    r"(?:code|file|functions?|methods?|class(?:es)?|implementations?|imports?|contents?|body|logic|lines|parts?|tests?"
    r"|definitions?|properties|fields|routes|styles|module|script|program|component)"
)
_AS_IT_WAS = (
    r"(?:[ \t]{1,3}(?:above|below|before|after|here|goes|go|comes|remains?|stays?|is|are|unchanged|the|same|as|it|was))"
    r"{0,6}"
)
_REST, _ONE = r"(?:the[ \t])?(?:rest|remainder)", r"(?:\w{1,30}[ \t])?"
_UNCHANGED = r"(?:unchanged|the[ \t]same|as.{0,20})"
_SAID = (
    rf"{_REST}[ \t]of[ \t](?:the[ \t]|this[ \t]|your[ \t])?{_ONE}{_THINGS}\b.{{0,60}}",
    rf"(?:the[ \t]|all[ \t]|your[ \t])?(?:existing|remaining|previous|other|original)[ \t]{_ONE}{_THINGS}{_AS_IT_WAS}",
    rf"(?:the[ \t])?(?:{_THINGS}|everything else|{_REST})[ \t](?:remains?|stays?|is|are)[ \t]{_UNCHANGED}",
    _REST,
    r"(?:unchanged|no[ \t]changes?(?:[ \t](?:here|needed))?|same[ \t]as[ \t]before|omitted(?:[ \t]for[ \t]brevity)?)",
    r"(?:keep|leave)[ \t](?:the[ \t])?(?:rest|existing|remaining)\b.{0,60}",
)
_ELISIONS = (
    re.compile(rf"{_COMMENT}{_OPEN}{_DOTS}{_SHUT}"),
    re.compile(rf"(?:{_COMMENT}|[\[(<{{]){_OPEN}(?:{_DOTS}[ \t]{{0,4}})?(?:{'|'.join(_SAID)}){_SHUT}", re.IGNORECASE),
    re.compile(rf"{_COMMENT}{_OPEN}{_DOTS}[ \t]{{0,4}}.{{1,60}}{_DOTS}{_SHUT}"),
)
_BARE = re.compile(rf"{_DOTS}$")
_SHORTENED = re.compile(r"(.+) … ([\d,]{1,15}) more characters[ \t]*$")
_PROSE = (".md", ".mdx", ".markdown", ".rst", ".txt", ".adoc", ".yml", ".yaml", ".po", ".html", ".tex")
_LINE = 300
_NUMBER = re.compile(r"[ \t]{0,8}(\d{1,7})(?:[:|][ \t]?|\t| |$)")
"""The number of a line, as files are shown and as compilers and pagers write it."""


def elision(text: str, path: str, there: Collection[str] = ()) -> str:
    """Return the first line that stands for code which was left out; empty: none does.

    Args:
        text: what is to be written, or what is searched for.
        path: of the file: three dots are a body in Python, and prose in others.
        there: lines of the file as it is, without white space around them.
    """
    if path.lower().endswith(_PROSE):
        return ""
    rows = [row for row in text.split("\n") if row.strip()]
    for before, row, after in zip(["", *rows], rows, [*rows[1:], ""], strict=False):
        line = row.strip()
        if line in there or len(line) > _LINE:
            continue
        if any(pattern.match(line) for pattern in _ELISIONS):
            return line
        if _BARE.match(line) and not (path.lower().endswith((".py", ".pyi")) and is_stub_body(before, row, after)):
            return line
    return ""


def shortened(line: str, most: int) -> str:
    """The beginning of a line, and how much more there is."""
    return line if len(line) <= most else f"{line[:most]} … {len(line) - most:,} more characters"


def with_whole_lines(text: str, rows: Collection[str]) -> str:
    """A text in which lines that were quoted as they are shown, shortened, are the ones of the file again.

    A line that may be one of several different ones stays as it is.
    """
    if " more characters" not in text:
        return text
    return "\n".join(_whole(line, rows) for line in text.split("\n"))


def _whole(line: str, rows: Collection[str]) -> str:
    if (match := _SHORTENED.match(line)) is None:
        return line
    head, left = match[1], int(match[2].replace(",", "") or 0)
    meant = {row for row in rows if len(row) == len(head) + left and row.startswith(head)}
    return meant.pop() if len(meant) == 1 else line


def unnumbered(text: str) -> str | None:
    """A text that was copied with the numbers of its lines, without them; None: it has none."""
    rows = text.removesuffix("\n").split("\n") if text else []
    numbers = [_NUMBER.match(row) for row in rows]
    values = [int(match[1]) for match in numbers if match is not None]
    if len(values) != len(rows) or not rows or any(b - a != 1 for a, b in pairwise(values)):
        return None
    return "".join(f"{row[match.end() :]}\n" for row, match in zip(rows, numbers, strict=True) if match is not None)


def is_stub_body(before: str, row: str, after: str) -> bool:
    """Whether three dots are all that a definition of Python does."""
    depth, above = len(indent_of(row)), before.split("#", 1)[0].rstrip()
    begun = above.endswith(":") and depth > len(indent_of(before))
    documented = above.endswith(('"""', "'''")) and depth == len(indent_of(before))
    return (begun or documented) and (not after or len(indent_of(after)) < depth)
