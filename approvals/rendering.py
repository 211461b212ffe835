"""Rendering of an action so that nothing in it can hide. Pure.

Whoever signs must see what runs: characters that reorder text, take no space, or look like nothing are
spelled out, in the terminal, on the page and in clients alike.
"""

import json
import unicodedata
from typing import Literal

from approvals.digest import canonical
from domain import Action, value
from domain.identity import redacted

_INVISIBLE = frozenset(
    chr(code)
    for code in (
        *(0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0),
        *range(0x180B, 0x1810),  # Mongolian variation selectors
        *range(0xFE00, 0xFE10),  # variation selectors
        *range(0xE0100, 0xE01F0),
    )
)
"""Letters and marks by category, yet nothing to see."""

_NAMED = {"\t": "\\t", "\r": "\\r", "\x1b": "\\e", "\0": "\\0"}
_HIDING = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


@value
class ShownPiece:
    """A run of text as it is, or one escaped character."""

    text: str
    escaped: bool = False


@value
class ShownLine:
    """One line of a diff or a command."""

    pieces: tuple[ShownPiece, ...]
    kind: Literal["plain", "added", "removed", "hunk", "file"] = "plain"


def hides(char: str) -> bool:
    """Whether a character would not be seen for what it is. A newline starts a line, so it is seen."""
    if char in {" ", "\n"}:
        return False
    category = unicodedata.category(char)
    # A no-break space looks like a blank, and separates no words for a shell.
    return category in _HIDING or category == "Zs" or char in _INVISIBLE


def escape(char: str) -> str:
    """A backslash and a letter, or ``⟨U+202E RIGHT-TO-LEFT OVERRIDE⟩``."""
    if char in _NAMED:
        return _NAMED[char]
    name = unicodedata.name(char, "")
    return f"⟨U+{ord(char):04X}{' ' * bool(name)}{name}⟩"


def pieces(text: str) -> tuple[ShownPiece, ...]:
    """The text, complete, with everything hidden spelled out."""
    shown: list[ShownPiece] = []
    plain: list[str] = []
    for char in text:
        if not hides(char):
            plain.append(char)
            continue
        if plain:
            shown.append(ShownPiece(text="".join(plain)))
            plain = []
        shown.append(ShownPiece(text=escape(char), escaped=True))
    return (*shown, ShownPiece(text="".join(plain))) if plain else tuple(shown)


def visible(text: str) -> str:
    """The same as one string, for terminals and Markdown."""
    return "".join(piece.text for piece in pieces(text))


def one_line(text: str) -> str:
    """``visible``, and a newline cannot start a line that we did not write."""
    return visible(text).replace("\n", "\\n")


def lines(text: str) -> tuple[ShownLine, ...]:
    """Plain lines. Only a newline separates them: other separators are shown."""
    return tuple(ShownLine(pieces=pieces(line)) for line in text.split("\n"))


def diff_lines(text: str) -> tuple[ShownLine, ...]:
    """The lines of a unified diff, every one of them."""
    return tuple(ShownLine(pieces=pieces(line), kind=_kind(line)) for line in text.split("\n")) if text else ()


def _kind(line: str) -> Literal["plain", "added", "removed", "hunk", "file"]:
    if line.startswith(("diff ", "--- ", "+++ ", "index ")):
        return "file"
    if line.startswith("@@"):
        return "hunk"
    if line.startswith("+"):
        return "added"
    return "removed" if line.startswith("-") else "plain"


def parts(action: Action) -> tuple[tuple[str, tuple[ShownLine, ...]], ...]:
    """Every part of the action that is digested, by name; nothing is left out, empty parts say so."""
    fields: list[tuple[str, str]] = [("tool", action.tool)]
    fields += [(f"arguments.{key}", _text(part)) for key, part in sorted(action.arguments.items())]
    fields += [
        ("cwd", action.cwd),
        ("environment", " ".join(sorted(set(action.environment)))),
        # An older version may have kept a password in the address.
        ("target", redacted(action.target)),
        ("base_commit", action.base_commit),
        ("content", action.content),
        ("image_digest", action.image_digest),
        ("network", action.network),
    ]
    return tuple((visible(name), lines(text)) for name, text in fields)


def _text(part: str | float | bool | list[str] | None) -> str:
    if isinstance(part, str):
        return part
    if isinstance(part, list):
        return "\n".join(f"[{number}] {item}" for number, item in enumerate(part))
    return json.dumps(part)


def canonical_text(action: Action) -> str:
    """The bytes that are digested, with hidden characters spelled out."""
    return visible(canonical(action).decode())
