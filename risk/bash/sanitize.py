"""Sanitising of input to letters that the parser can bear. Pure.

tree-sitter-bash looks characters up in C tables that end at U+00FF; others crash the process. So they are
replaced, one for one, by letters that do not occur, and put back in whatever is told to people.
"""

from collections.abc import Mapping
from typing import Final

_LAST: Final = 0xFF
_LETTERS: Final = range(0xC0, 0x100)
_ANY: Final = 0xFF


def narrowed(text: str) -> tuple[str, Mapping[int, int]]:
    """Return the text with every character below U+0100, and the way back for the letters that have one."""
    wide = sorted({ord(c) for c in text if ord(c) > _LAST})
    if not wide:
        return text, {}
    free = [letter for letter in _LETTERS if letter != _ANY and chr(letter) not in text]
    there = dict.fromkeys(wide, _ANY) | dict(zip(wide, free, strict=False))
    back = {narrow: code for code, narrow in there.items() if narrow != _ANY}
    return text.translate(there), back
