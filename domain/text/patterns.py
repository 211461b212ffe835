"""Regular expressions that strangers wrote, matched in time linear in the text (RE2). Pure.

Python's own engine backtracks: ``(a+)+$`` takes longer than anybody lives on forty letters. RE2 does not, and in turn
knows no look-around, no back-references and no possessive quantifiers (https://github.com/google/re2/wiki/Syntax).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

LARGEST: Final = 4_000
"""Instructions of one compiled pattern. A text costs at most one step per character and instruction."""
_MEMORY: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class LinearPattern:
    """A compiled pattern; any text may be searched, also one that is no valid Unicode."""

    pattern: str
    size: int
    """Instructions."""
    _compiled: Any

    def lines(self, text: bytes, most: int) -> Iterator[int]:
        """Yield the places where lines begin that have a match, each line once, ``most`` of them; ``text`` is UTF-8."""
        at = 0
        for _ in range(most):
            match = self._compiled.search(text, at)
            if match is None:
                return
            # A line counts once: the search goes on behind its end.
            yield text.rfind(b"\n", 0, match.start()) + 1
            at = text.find(b"\n", match.start()) + 1
            if not at:
                return

    def search(self, text: str) -> bool:
        """Tell whether the pattern occurs in a text."""
        return self._compiled.search(_encodable(text)) is not None

    def fullmatch(self, text: str) -> bool:
        """Tell whether the pattern is all of a text."""
        return self._compiled.fullmatch(_encodable(text)) is not None


def linear(pattern: str) -> LinearPattern:
    """Compile a pattern.

    Raises:
        ValueError: RE2 does not know what is in it, or it is too large; the message says which.
    """
    import re2  # noqa: PLC0415  most processes compile none, and what only asks a model in its own has no such library

    options = re2.Options()
    options.max_mem, options.log_errors = _MEMORY, False
    try:
        compiled = re2.compile(pattern, options)
    except re2.error as error:
        why = error.args[0] if error.args else ""
        raise ValueError(why.decode(errors="replace") if isinstance(why, bytes) else str(why)) from None
    except UnicodeError:
        raise ValueError("it is no valid Unicode") from None
    if compiled.programsize > LARGEST:
        raise ValueError(f"it is too large: {compiled.programsize:,} steps, {LARGEST:,} are allowed")
    return LinearPattern(pattern, compiled.programsize, compiled)


def _encodable(text: str) -> str:
    return text if text.isascii() else text.encode(errors="replace").decode()
