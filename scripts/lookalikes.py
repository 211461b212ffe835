"""Write ``domain/identity/lookalikes.py`` from Unicode's confusables (UTS 39), as ICU ships them.

    .venv/bin/python scripts/lookalikes.py

ICU is where Unicode's data is kept best, and too much to ship for one table; a system's own libicu is asked. What is
written differs from the skeletons of UTS 39 where names need it: a letter and its capital are one, and no two ASCII
characters become one.
"""

import ctypes
import sys
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from ctypes.util import find_library
from functools import cache
from pathlib import Path
from textwrap import wrap

TARGET = Path(__file__).parents[1] / "domain" / "identity" / "lookalikes.py"
AMBIGUOUS = {"l": "l", "O": "o"}
"""Skeletons that several ASCII characters share (``l`` ``I`` ``1`` ``|``; ``O`` ``0``), and whom they stand for."""
HEAD = '''"""Characters that look like others, by Unicode's confusables (UTS 39): written by ``scripts/lookalikes.py``.

Unicode {version}. Hexadecimal code points: what they look like, then who does. A character stands here as it is after
NFKD and case folding. ``AMBIGUOUS`` has those, before folding, that could be any of ``i l 1 |`` or of ``o 0``.
"""

from typing import Final

'''


def skeleton(char: str) -> str:
    """The prototype of UTS 39, but for two letters that look like an ``m``."""
    library, version, checker = icu()
    room, failed = ctypes.create_string_buffer(1_000), ctypes.c_int(0)
    ask = getattr(library, f"uspoof_getSkeletonUTF8_{version}")
    ask(ctypes.c_void_p(checker), 0, char.encode(), -1, room, len(room), ctypes.byref(failed))
    if failed.value > 0:
        sys.exit(f"ICU has no skeleton for U+{ord(char):04X}: error {failed.value}")
    text = room.value.decode()
    return "m" if text == "rn" else text


@cache
def icu() -> tuple[ctypes.CDLL, str, int]:
    """The library, the number that its functions end with, and a spoof checker."""
    name = find_library("icui18n") or sys.exit("There is no libicu here: apt-get install libicu-dev")
    library, version, failed = ctypes.CDLL(name), name.rpartition(".")[2], ctypes.c_int(0)
    opening = getattr(library, f"uspoof_open_{version}")
    opening.restype = ctypes.c_void_p
    return library, version, opening(ctypes.byref(failed))


def unicode_version() -> str:
    """Whose data it is."""
    library, version, _ = icu()
    numbers = (ctypes.c_uint8 * 4)()
    getattr(library, f"u_getUnicodeVersion_{version}")(numbers)
    return f"{numbers[0]}.{numbers[1]}"


def settled(char: str) -> bool:
    """Whether normalising and folding leave a character as it is: only those are looked up."""
    return unicodedata.normalize("NFKD", char).casefold() == char


class Classes:
    """A partition of characters, each part with at most one ASCII character in it."""

    def __init__(self) -> None:
        self.over: dict[str, str] = {}

    def head(self, char: str) -> str:
        while (above := self.over.get(char, char)) != char:
            char = above
        return char

    def join(self, one: str, other: str) -> None:
        """Put two parts together, unless two ASCII characters would become one."""
        one, other = self.head(one), self.head(other)
        if one == other or (one.isascii() and other.isascii()):
            return
        low, high = sorted((one, other), key=lambda char: (not char.isascii(), not settled(char), char))
        self.over[high] = low


def characters() -> Iterator[str]:
    for code in range(0x80, sys.maxunicode + 1):
        char = chr(code)
        if unicodedata.category(char) not in {"Cn", "Co", "Cs", "Cc"} and unicodedata.normalize("NFKD", char) == char:
            yield char


def main() -> None:
    chars, classes = list(characters()), Classes()
    skeletons = {char: skeleton_ for char in chars if (skeleton_ := skeleton(char)) != char}
    for char in chars:
        if len(folded := char.casefold()) == 1 and folded != char:
            classes.join(char, folded)
    # A small letter says better than its capital what both of them look like.
    for char in sorted(skeletons, key=lambda char: (char.casefold() != char, char)):
        if len(prototype := AMBIGUOUS.get(skeletons[char], skeletons[char].casefold())) == 1:
            classes.join(char, prototype)
    members: dict[str, list[str]] = defaultdict(list)
    for char in chars:
        if not settled(char):
            continue
        looks = classes.head(char)
        if looks == char and len(skeletons.get(char, "")) > 1:
            parts = unicodedata.normalize("NFKD", skeletons[char]).casefold()
            looks = "".join(classes.head(part) for part in parts)
        if looks != char and char not in looks:
            members[looks].append(char)
    ambiguous = {
        ascii_: [char for char in chars if skeletons.get(char) == shared] for shared, ascii_ in AMBIGUOUS.items()
    }
    write(members, ambiguous)


def write(members: dict[str, list[str]], ambiguous: dict[str, list[str]]) -> None:
    def table(rows: dict[str, list[str]]) -> str:
        entries = (f"{code(looks)}={','.join(map(code, chars))}" for looks, chars in sorted(rows.items()))
        return "\n".join(wrap(" ".join(entries).replace(",", ", "), 118)).replace(", ", ",")

    def code(text: str) -> str:
        return "+".join(f"{ord(char):x}" for char in text)

    text = HEAD.format(version=unicode_version())
    text += f'LOOKALIKES: Final = """\\\n{table(members)}\n"""\n\nAMBIGUOUS: Final = """\\\n{table(ambiguous)}\n"""\n'
    TARGET.write_text(text, encoding="ascii")


if __name__ == "__main__":
    main()
