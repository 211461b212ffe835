"""Quoting: what quotes and backslashes of the shell stand for. Pure; the rules are those of bash."""

import re
from typing import Final

HOLE: Final = "\0"
"""Stands for text that is only known when the command runs."""
OPEN, CLOSE, COMMA, BREAK, GLOB = "\ue001", "\ue002", "\ue003", "\ue004", "\ue005"
"""Unquoted ``{``, ``}`` and ``,``; where an expansion may be split; after an unquoted ``*``, ``?`` or ``[``."""
MARKS: Final = re.compile("[\0\ue000-\ue00f]")
"""Characters with a meaning of ours; the text is freed of them before it is parsed."""

_ESCAPES = {"a": "\a", "b": "\b", "e": "\x1b", "E": "\x1b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_ANSI = re.compile(
    r"\\(?:x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{1,4})|U([0-9A-Fa-f]{1,8})|([0-7]{1,3})|c(.)|(.))", re.DOTALL
)
_BRACE = re.compile(f"{OPEN}([^{OPEN}{CLOSE}]*){CLOSE}")
_RANGE = re.compile(r"(-?\d+|[A-Za-z])\.\.(-?\d+|[A-Za-z])(?:\.\.-?\d+)?")
_MOST, _DEEPEST = 64, 8


def ansi(text: str) -> str:
    """Decode what stands between ``$'`` and ``'``."""

    def character(escape: re.Match[str]) -> str:
        hexed, octal, control, plain = escape[1] or escape[2] or escape[3], escape[4], escape[5], escape[6]
        if plain:
            return _ESCAPES.get(plain, plain if plain in "\\'\"?" else f"\\{plain}")
        code = int(hexed, 16) if hexed else int(octal, 8) & 255 if octal else ord(control.upper()[0]) ^ 64
        try:
            char = chr(code)
            char.encode()
        except (ValueError, OverflowError, UnicodeEncodeError):
            return HOLE
        # bash cuts the text off at a NUL, and our own marks must not come out of an escape.
        return char if code and not MARKS.match(char) else HOLE

    return _ANSI.sub(character, text)


def bare(text: str) -> str:
    """Unquoted text: backslashes go, and what the shell will expand is marked."""
    marked: list[str] = []
    rest = iter(text)
    for c in rest:
        if c == "\\":
            escaped = next(rest, "")
            marked.append("" if escaped == "\n" else escaped)
        else:
            marked.append({"{": OPEN, "}": CLOSE, ",": COMMA}.get(c, c + GLOB if c in "*?[" else c))
    return "".join(marked)


def double_quoted(text: str) -> str:
    """Text between double quotes: a backslash quotes only a few characters."""
    return re.sub(r'\\([$`"\\])|\\\n', lambda found: found[1] or "", text)


def braces(text: str) -> list[str]:
    """Expand marked ``{a,b}`` and ``{1..3}``, innermost first; too many of them become a hole."""
    # Every pair multiplies: eight of two are 256 words.
    if text.count(OPEN) > _DEEPEST:
        return [text] if _BRACE.search(text) is None else [HOLE]
    pending, done = [text], list[str]()
    while pending:
        each = pending.pop()
        if (pair := _BRACE.search(each)) is None:
            done.append(each)
        else:
            options = brace_options(pair[1])
            pending += (f"{each[: pair.start()]}{option}{each[pair.end() :]}" for option in reversed(options))
        if len(pending) + len(done) > _MOST:
            return [HOLE]
    return done


def brace_options(inner: str) -> list[str]:
    """What stands between marked braces, one by one: ``a,b`` or a range; a range that is too long is a hole."""
    if COMMA in inner:
        return inner.split(COMMA)
    span = _RANGE.fullmatch(inner)
    if span is None:
        return [f"{{{inner}}}"]
    first, last = span[1], span[2]
    if first.isalpha() and last.isalpha():
        a, b = sorted((ord(first), ord(last)))
        return [chr(code) for code in range(a, b + 1)]
    if first.isalpha() or last.isalpha() or max(len(first), len(last)) > _DEEPEST:
        return [HOLE]
    a, b = sorted((int(first), int(last)))
    return [str(n) for n in range(a, b + 1)] if b - a < _MOST else [HOLE]


def unmarked(text: str) -> str:
    """Turn marks that had no effect back into what was written."""
    return text.translate({ord(OPEN): "{", ord(CLOSE): "}", ord(COMMA): ",", ord(GLOB): None})
