"""JSON from strangers: one value to every reader, and one that both databases keep.

Python's parser reads more than that. NaN in a JSON column makes SQLite refuse every later search over it;
PostgreSQL takes no NUL and no half of a surrogate pair; neither compares an integer beyond 64 bits; of two
members with one name one parser believes the first and the next one the last (RFC 8259 section 4).
"""

import json
import math
import re
from typing import Any, Final, cast

MOST_DEPTH: Final = 100
"""Containers in containers. SQLite ends at 1,000, and what writes our answers at 255."""
ODD_TEXT: Final = re.compile(rb"\\u0000|\\u[dD][89a-fA-F]")
"""Escapes that may be a NUL or half a character. JSON without any needs no look at its strings."""
_NO_TEXT: Final = re.compile("[\0\ud800-\udfff]")
_INTEGERS: Final = range(-(2**63), 2**63)


class OddJson(ValueError):
    """The bytes are no JSON that can be worked with. The message goes on after *the body*, for who sent it."""


def read_json(data: bytes) -> Any:
    """The value that UTF-8 bytes say.

    Raises:
        OddJson: not UTF-8 (a byte order mark is passed over), not JSON, nested deeper than ``MOST_DEPTH``, or holding
            NaN, Infinity, a number that is no double or no 64-bit integer, a name twice, a NUL, half a character.
    """
    try:
        text = data.decode("utf-8-sig")
        value = _DECODER.decode(text)
    except UnicodeDecodeError:
        raise OddJson("is not UTF-8") from None
    except RecursionError:
        raise OddJson(f"is nested deeper than {MOST_DEPTH} levels") from None
    except json.JSONDecodeError as error:
        raise OddJson(f"is no JSON: {error}") from None
    # Most JSON is flat and plain: only what may be odd is walked through.
    if text.count("{") + text.count("[") > MOST_DEPTH or ODD_TEXT.search(data):
        # Look at every string and at how deep it goes, without going deep ourselves.
        waiting: list[tuple[Any, int]] = [(value, 0)]
        while waiting:
            part, depth = waiting.pop()
            if isinstance(part, str) and (no := _NO_TEXT.search(part)):
                raise OddJson("holds a NUL" if no[0] == "\0" else "holds half a character")
            if isinstance(part, dict | list):
                if depth == MOST_DEPTH:
                    raise OddJson(f"is nested deeper than {MOST_DEPTH} levels")
                inside = cast("dict[str, Any] | list[Any]", part)
                members = (*inside.keys(), *inside.values()) if isinstance(inside, dict) else inside
                waiting.extend((member, depth + 1) for member in members)
    return value


def _integer(text: str) -> int:
    # Python itself refuses to read more than 4,300 digits, with an error of another kind.
    if len(text) > len(str(_INTEGERS[0])) or (number := int(text)) not in _INTEGERS:
        raise OddJson(f"holds a number beyond 64 bits ({text[:20]}…)")
    return number


def _double(text: str) -> float:
    """A number with a fraction or an exponent, or one of the constants that only Python's JSON has: NaN, Infinity."""
    if not math.isfinite(number := float(text)):
        raise OddJson(f"holds a number that is not finite ({text[:20]})")
    return number


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object. Who signed or checked one of two members with one name may have meant the other one."""
    members = dict(pairs)
    if len(members) < len(pairs):
        seen = set[str]()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))
        raise OddJson(f"holds {twice[:60]!a} twice")
    return members


_DECODER: Final = json.JSONDecoder(
    parse_int=_integer, parse_float=_double, parse_constant=_double, object_pairs_hook=_members
)
