"""Lenient JSON: the values in a text that a model wrote, also where it wrote Python, or JSON within JSON. Pure.

Strict JSON is tried first. What is understood beside it: trailing commas, single and triple quotes, ``True``, ``None``,
line feeds in strings, and a value that was encoded twice. A text that was cut off stays unreadable: what is missing is
never made up.
"""

import json
import re
import sys
from collections.abc import Iterator
from typing import Any

PLACES = 40
"""Braces that are tried as the start of a value."""
LENIENT_PLACES, LENIENT_CHARS = 3, 1 << 20
"""Where strict JSON fails everywhere; our own parser is slower, and reads no longer texts."""
_MOST_DEPTH = 60
_FENCE = re.compile(r"```[\w+-]*[ \t]*\r?\n(.*?)```", re.DOTALL)
_DECODER = json.JSONDecoder(strict=False)
_SPACE = re.compile(r"\s*+")
_BARE = re.compile(r"[A-Za-z]++|-?[0-9][0-9.eE+-]*+")
_STRINGS = {
    '"': re.compile(r'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL),
    "'": re.compile(r"[^'\\]*+(?:\\.[^'\\]*+)*+", re.DOTALL),
}
_ESCAPE = re.compile(r"(?:\\u[0-9a-fA-F]{4})+|\\x[0-9a-fA-F]{2}|\\U[0-9a-fA-F]{8}|\\(?:\r\n|.)", re.DOTALL)
_NAMES = {"true": True, "True": True, "false": False, "False": False, "null": None, "None": None}
_SIGNS = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "\n": "", "\r\n": ""}


def json_values(text: str) -> Iterator[Any]:
    """All of the text, then what stands in fences, then wherever a brace opens; each also unwrapped from a string."""
    pieces = [text.strip(), *(match[1].strip() for match in _FENCE.finditer(text))]
    for piece in pieces:
        try:
            yield unwrapped(_DECODER.decode(piece))
        except (ValueError, RecursionError):
            continue
    yield from embedded(text)
    yield from _lenient(text)


def embedded(text: str) -> Iterator[Any]:
    """The strict JSON objects that stand somewhere in a text, at the first ``PLACES`` braces that open."""
    at = text.find("{")
    for _ in range(PLACES):
        if at < 0:
            return
        try:
            value, end = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            end = at + 1
        else:
            yield value
        at = text.find("{", end)


def unwrapped(value: Any) -> Any:
    """What a string says where it is JSON of an object or a list itself; anything else as it is."""
    if isinstance(value, str) and value.strip()[:1] in {"{", "["}:
        try:
            inner = lenient(value.strip())
        except ValueError:
            return value
        return inner if isinstance(inner, dict | list) else value
    return value


def lenient(text: str) -> Any:
    """The value that all of a text is.

    Raises:
        ValueError: it is none, it goes on after it, or it is too long or too deep.
    """
    try:
        return _DECODER.decode(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except ValueError as error:
        if len(text) > LENIENT_CHARS:
            raise
        try:
            value, end = _value(text, 0, 0)
        except (ValueError, IndexError):
            raise error from None
        if text[end:].strip():
            raise
        return value


def _lenient(text: str) -> Iterator[Any]:
    if len(text) > LENIENT_CHARS:
        return
    at = text.find("{")
    for _ in range(LENIENT_PLACES):
        if at < 0:
            return
        try:
            value, end = _value(text, at, 0)
        except (ValueError, IndexError):
            end = at + 1
        else:
            yield value
        at = text.find("{", end)


def _value(text: str, at: int, depth: int) -> tuple[Any, int]:
    """The value that begins here, and where it ends. An index beyond the end: the text was cut off."""
    at = _after_space(text, at)
    if depth > _MOST_DEPTH:
        raise ValueError("it is nested too deeply")
    if text[at] in "{[":
        return _members(text, at, depth)
    if text[at] in "\"'":
        return _string(text, at)
    bare = _BARE.match(text, at)
    if bare is None:
        raise ValueError("there is no value")
    if bare[0] in _NAMES:
        return _NAMES[bare[0]], bare.end()
    return json.loads(bare[0]), bare.end()


def _members(text: str, at: int, depth: int) -> tuple[Any, int]:
    """An object or a list; a comma may stand behind the last member."""
    is_object, end = text[at] == "{", "}" if text[at] == "{" else "]"
    members: dict[str, Any] = {}
    items: list[Any] = []
    at = _after_space(text, at + 1)
    while text[at] != end:
        if is_object:
            if text[at] not in "\"'":
                raise ValueError("a key is no string")
            key, at = _string(text, at)
            at = _after_space(text, at)
            if text[at] != ":":
                raise ValueError("a key has no value")
            members[key], at = _value(text, at + 1, depth + 1)
        else:
            item, at = _value(text, at, depth + 1)
            items.append(item)
        at = _after_space(text, at)
        if text[at] == ",":
            at = _after_space(text, at + 1)
        elif text[at] != end:
            raise ValueError("a comma is missing")
    return (members if is_object else items), at + 1


def _string(text: str, at: int) -> tuple[str, int]:
    quote = text[at]
    if text.startswith(quote * 3, at):
        end = text.index(quote * 3, at + 3)
        return _plain(text[at + 3 : end]), end + 3
    body = _STRINGS[quote].match(text, at + 1)
    if body is None or text[body.end()] != quote:
        raise ValueError("a string does not end")
    return _plain(body[0]), body.end() + 1


def _plain(text: str) -> str:
    """A string without its escapes; a backslash that begins none is one, as in Python."""
    return _ESCAPE.sub(_escaped, text) if "\\" in text else text


def _escaped(match: re.Match[str]) -> str:
    escape = match[0]
    if escape[1] == "u" and len(escape) > 2:  # noqa: PLR2004  halves of a character stand next to each other
        return str(json.loads(f'"{escape}"'))
    sign = escape[1:]
    if sign[0] in "xU" and len(sign) > 1:
        digits = sign[1:]
        return chr(min(int(digits, 16), sys.maxunicode))
    return _SIGNS.get(sign, sign if sign in "\\\"'/`" else escape)


def _after_space(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return at if space is None else space.end()
