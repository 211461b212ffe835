"""Partial JSON: a change while it is written: its paths, contents and commands, without the JSON around them. Pure.

Models answer with one JSON object (docs/model-protocol.md); code is worth reading long before its last brace is there.
Each character is read once: ``pydantic_core.from_json(allow_partial=…)`` reads all of the text again for each piece,
does not say whether a string has ended, and takes no words or fences in front of the object.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Literal

Piece = tuple[Literal["path", "text", "command", "delete"], str]
"""A path that is begun, a piece of what is written there, a command, a path that goes."""

_PROSE = 300
"""Characters of words after which an answer is none in JSON."""
_STREAMED = frozenset({"content", "replace", "notes"})
"""Keys whose text is passed on as it comes; others are passed on whole, or not at all."""
_WHOLE: dict[str, Literal["path", "command", "delete"]] = {
    "path": "path",
    "cmd_instructions": "command",
    "files_to_delete": "delete",
}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


@dataclass(slots=True)
class PartialChange:
    """Reads an answer piece by piece, wherever it is cut."""

    _inside: list[str] = field(default_factory=list[str])
    """``{`` and ``[`` that are open."""
    _keys: list[str] = field(default_factory=list[str])
    """The key in force in each of them."""
    _letters: list[str] | None = None
    """Of the string that is open."""
    _escape: str = ""
    _high: int = 0
    """The first half of a character that is escaped in two."""
    _value: bool = False
    """A colon was read: the next string in this object is no key."""
    _begun: str = ""
    """What was read before it is known whether this is JSON."""
    _json: bool | None = None

    def restart(self) -> None:
        """Another answer begins."""
        self._begun, self._json = "", None
        self._inside.clear()
        self._keys.clear()
        self._letters, self._escape, self._high, self._value = None, "", 0, False

    def read(self, text: str) -> list[Piece]:
        """What a reader gets to see of this piece; of an answer in fenced blocks all of it."""
        if self._json is None:
            self._begun += text
            text, self._json = self._begun, begins_json(self._begun)
            if self._json is None:
                return []
            self._begun = ""
        if not self._json:
            return [("text", text)] if text else []
        parts: list[Piece] = []
        for is_text, pieces in groupby(self._parts(text), key=lambda part: part[0] == "text"):
            if is_text:
                parts.append(("text", "".join(piece for _, piece in pieces)))
            else:
                parts.extend(pieces)
        return parts

    def _parts(self, text: str) -> Iterator[Piece]:
        for char in text:
            if self._letters is None:
                self._structure(char)
            elif self._escape or char == "\\":
                yield from self._escaped(char)
            elif char == '"':
                string, self._letters = "".join(self._letters), None
                if self._is_key:
                    self._keys[-1] = string
                elif self._key in _WHOLE:
                    yield (_WHOLE[self._key], string)
                elif self._key in _STREAMED:
                    yield ("text", "\n")
            else:
                yield from self._write(char)

    def _structure(self, char: str) -> None:
        if char in "{[":
            self._keys.append(self._key if char == "[" else "")
            self._inside.append(char)
        elif char in "}]" and self._inside:
            self._inside.pop()
            self._keys.pop()
        elif char == '"' and self._inside:
            self._letters = []
        if char in "{,":
            self._value = False
        elif char == ":":
            self._value = True

    @property
    def _key(self) -> str:
        return self._keys[-1] if self._keys else ""

    @property
    def _is_key(self) -> bool:
        return bool(self._inside) and self._inside[-1] == "{" and not self._value

    def _write(self, char: str) -> Iterator[Piece]:
        if not self._is_key and self._key in _STREAMED:
            yield ("text", char)
        elif self._letters is not None:
            self._letters.append(char)

    def _escaped(self, char: str) -> Iterator[Piece]:
        self._escape += char
        if self._escape == "\\" or (self._escape[1] == "u" and len(self._escape) < 6):  # noqa: PLR2004  \\uXXXX
            return
        mark, self._escape = self._escape[1:], ""
        if mark[0] != "u":
            yield from self._write(_ESCAPES.get(mark, mark))
        elif all(digit in "0123456789abcdefABCDEF" for digit in mark[1:]):
            # One UTF-16 unit; what lies beyond the first plane comes as two of them.
            unit = int(mark[1:], 16)
            if unit >> 10 == 0xD800 >> 10:
                self._high = unit
            elif unit >> 10 == 0xDC00 >> 10:
                high, self._high = self._high, 0
                yield from self._write(chr(0x10000 + ((high & 0x3FF) << 10) + (unit & 0x3FF)) if high else "\ufffd")
            else:
                yield from self._write(chr(unit))


def begins_json(begun: str) -> bool | None:
    """Whether an answer that begins like this is JSON; words and a fence may come first. None: it is not known yet."""
    fence = begun.find("```")
    brace = begun.find("{", 0, _PROSE)
    if brace >= 0 and (fence < 0 or brace < fence or begun.startswith("```json", fence)):
        return True
    if fence >= 0:
        line = begun.find("\n", fence)
        return False if line >= 0 and not begun.startswith(("```json", "```\n"), fence) else None
    return False if len(begun) > _PROSE else None


@dataclass(slots=True)
class PartialChanges:
    """What several candidates write at the same time, as events of the kind ``text`` have it."""

    _each: dict[str, PartialChange] = field(default_factory=dict[str, PartialChange])

    def read(self, text: str, data: Mapping[str, Any]) -> list[Piece]:
        """What a reader gets to see of one event."""
        if data.get("form") != "change":
            return [("text", text)]
        change = self._each.setdefault(str(data.get("id", "")), PartialChange())
        if data.get("fresh"):
            change.restart()
        return change.read(text)


def line_of(part: Piece) -> str:
    """A part as it stands in running text."""
    kind, text = part
    match kind:
        case "path":
            return f"\n{text}\n"
        case "command":
            return f"$ {text}\n"
        case "delete":
            return f"delete {text}\n"
        case "text":
            return text
