"""Structured answers: the value that is read out of a text, and the lenient JSON that models write. Pure.

Strict JSON is tried first. What is understood beside it: trailing commas, single and triple quotes, ``True``, ``None``,
line feeds in strings, and a value that was encoded twice. A text that was cut off stays unreadable: what is missing is
never made up.

Models think aloud, wrap JSON in fences, add a sentence before it, a key that was not asked for, a null for
"nothing". None of that is worth another call. What is really wrong is said in words that a model can act on.
"""

import json
import re
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from domain import Plan, Refused, value
from domain.work import check_plan
from models.clients.contract import schema_of

T = TypeVar("T")

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
_THOUGHT = re.compile(r"\s*<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_OPEN = re.compile(r"\A\s*<think", re.IGNORECASE)
_ANY_OPEN = re.compile(r"<think", re.IGNORECASE)
_END = re.compile(r"</think(?:ing)?>", re.IGNORECASE)


_NONE = frozenset({"none", "null", "n/a", "-"})
"""What is written where a list would be empty."""


def json_values(text: str) -> Iterator[Any]:
    """All of the text, then what stands in fences, then wherever a brace opens; each also unwrapped from a string."""
    pieces = [text.strip(), *(match[1].strip() for match in _FENCE.finditer(text))]
    for piece in pieces:
        try:
            yield unwrapped(_DECODER.decode(piece))
        except (ValueError, RecursionError):
            continue
    yield from embedded(text)
    # Our own parser reads what others refuse, character by character in Python: no longer texts, and few places.
    if len(text) <= LENIENT_CHARS:
        yield from _objects_in(text, LENIENT_PLACES, _value)


def embedded(text: str) -> Iterator[Any]:
    """The strict JSON objects that stand somewhere in a text, at the first ``PLACES`` braces that open."""
    yield from _objects_in(text, PLACES, _DECODER.raw_decode)


def _objects_in(text: str, places: int, decode: Callable[[str, int], tuple[Any, int]]) -> Iterator[Any]:
    """What a decoder reads at the first braces that open; it goes on behind what it could read."""
    at = text.find("{")
    for _ in range(places):
        if at < 0:
            return
        try:
            value, end = decode(text, at)
        except (ValueError, IndexError, RecursionError):
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
            value, end = _value(text, 0)
        except (ValueError, IndexError):
            raise error from None
        if text[end:].strip():
            raise
        return value


def _value(text: str, at: int, depth: int = 0) -> tuple[Any, int]:
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


@value
class ParsedAnswer(Generic[T]):
    """The value that was read, or what is wrong with the text."""

    value: T | None = None
    wrong: str = ""


def without_thoughts(text: str) -> str:
    """Cut reasoning at the start of a text: closed, cut off in the middle, or opened by the chat template."""
    start = 0
    while thought := _THOUGHT.match(text, start):
        start = thought.end()
    text = text[start:]
    if _OPEN.match(text):
        return ""
    end = _END.search(text)
    if end is not None and not _ANY_OPEN.search(text[: end.start()]):
        text = text[end.end() :]
    return text.strip()


def read(text: str, answer: type[T]) -> ParsedAnswer[T]:
    """Read an ``answer`` out of ``text``: the first JSON object in it that is one."""
    adapter, schema, wrong = TypeAdapter[T](answer), schema_of(answer).json_schema, ""
    known = schema.get("properties")
    for candidate in _candidates(text):
        # An object without a single known key would pass for an answer where all keys are optional.
        if known is not None and not (isinstance(candidate, dict) and known.keys() & candidate.keys()):
            continue
        try:
            value = adapter.validate_python(_tidy(candidate, schema))
            if isinstance(value, Plan):
                check_plan(value)  # beyond its form: the steps of a plan must be an order that can be worked through
        except ValidationError as error:
            wrong = wrong or explained(error)
        except Refused as error:
            wrong = wrong or f"{error.message} {error.hint}".rstrip(".")
        else:
            return ParsedAnswer(value=value)
    # What is said is about the first candidate: those that come later are pieces of it, mostly.
    return ParsedAnswer(wrong=wrong or "there is no complete JSON object in it")


def _candidates(text: str) -> Iterator[Any]:
    """The objects of the answer. Where a thought ends is uncertain: an answer may well speak of ``<think>``."""
    if text.lstrip().startswith("{"):
        yield from _objects(text)
    yield from _objects(without_thoughts(text))
    for end in islice(_END.finditer(text), PLACES):
        yield from _objects(text[end.end() :])
    if not _OPEN.match(text):
        yield from _objects(text)


def _objects(text: str) -> Iterator[Any]:
    """Every JSON object in the text, and what is wrapped in an object with a single key."""
    for candidate in json_values(text):
        yield candidate
        if isinstance(candidate, dict) and len(candidate) == 1:
            yield from map(unwrapped, candidate.values())


def _tidy(data: Any, schema: dict[str, Any]) -> Any:
    """Drop keys that were not asked for, constants, nulls where nothing may be null; put lists where they belong."""
    options = [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]
    if len(options) == 1 and data is not None:
        return _tidy(data, options[0])
    properties = schema.get("properties")
    if schema.get("type") == "array":
        items: dict[str, Any] = schema.get("items", {})
        return [_tidy(item, items) for item in _listed(data, items)] if data is not None else data
    if schema.get("type") == "string" and isinstance(data, list) and all(isinstance(each, str) for each in data):
        return "\n".join(data)  # a text as the list of its lines
    if properties is None:
        return data
    data = unwrapped(data)
    if not isinstance(data, dict):
        return data
    tidy: dict[str, Any] = {}
    for key, item in data.items():
        if key in properties and "const" not in properties[key]:
            shape = properties[key]
            # A null for a key that may not be null means that it was left out.
            if item is not None or "null" in (
                shape.get("type"),
                *(part.get("type") for part in shape.get("anyOf", ())),
            ):
                tidy[key] = _tidy(item, shape)
    return tidy


def _listed(data: Any, items: dict[str, Any]) -> list[Any]:
    """The list that was meant: one item without its list, a list as a string, nothing as an empty string."""
    data = unwrapped(data)
    if isinstance(data, list):
        return data
    if isinstance(data, str) and (
        not data.strip() or (items.get("type") != "string" and data.strip().lower() in _NONE)
    ):
        return []
    return [data]


def explained(error: ValidationError, *, most: int = 8, top: str = "the answer") -> str:
    """Say what is wrong, for the model: places and reasons, no values. ``top`` is what no place is named in."""
    faults = error.errors(include_input=False, include_url=False, include_context=False)[:most]
    places = (".".join(str(part) for part in fault["loc"] if part != top) or top for fault in faults)
    return "; ".join(f"{place}: {fault['msg']}" for place, fault in zip(places, faults, strict=True))
