"""Names compared: whether two of them are one person, or could be taken for one another (UTS 39). Pure.

``person`` is an equivalence: case, compatibility forms, characters that nobody sees and letters of other alphabets
that look the same make no second human. Plain ASCII names are apart unless they differ by case or by spaces: `user1`
and `userl` are two people, whom their directory named so. ``alike`` goes further for characters that could be any
of ``i l 1 |`` or ``o 0``: nobody passes for either of them with one of those.
"""

import unicodedata
from collections.abc import Iterable
from functools import cache
from itertools import combinations

from domain.identity.lookalikes import AMBIGUOUS, LOOKALIKES

_IGNORED = (
    *range(0x20),
    *range(0x7F, 0xA0),
    0xAD,
    0x34F,
    0x61C,
    0x70F,
    0x115F,
    0x1160,
    0x17B4,
    0x17B5,
    *range(0x180B, 0x1810),
    *range(0x200B, 0x2010),
    *range(0x2028, 0x202F),
    *range(0x2060, 0x2070),
    0x3164,
    *range(0xFE00, 0xFE10),
    0xFEFF,
    0xFFA0,
    *range(0xFFF0, 0xFFFD),
    *range(0x13430, 0x13440),
    0x1D159,
    *range(0x1BCA0, 0x1BCA4),
    *range(0x1D173, 0x1D17B),
    *range(0xE0000, 0xE1000),
)
"""Unicode's default-ignorable code points, controls, and what shows nothing outside its own script."""
_UNCLEAR = "ILO"
"""What stands in a folded name for a character that could be any of ``i l 1 |``, or of ``o 0``."""
_CLEAR = str.maketrans(_UNCLEAR, _UNCLEAR.lower())
_LOOK = str.maketrans("ILi1|O0", "llllloo")
_MARKS = str.maketrans("ilo", "\x01\x02\x03")
_MARKED = str.maketrans("\x01\x02\x03", _UNCLEAR)
_ROUNDS = 8


def person(subject: str) -> str:
    """Who a subject is, for comparing: two spellings of one name are one human, never two. Empty: it shows nothing."""
    return _folded(subject).translate(_CLEAR)


def alike(one: str, other: str) -> bool:
    """Whether two names are one person's, or one could pass for the other. Symmetric; for keeping people out only."""
    return _alike(_folded(one), _folded(other))


def confusable(names: Iterable[str]) -> tuple[str, str] | None:
    """Two of these who are not one person, and of whom one could pass for the other: a reader would take them for one.

    None: there are no such two.
    """
    pairs = combinations(sorted(set(names)), 2)
    return next(((one, other) for one, other in pairs if alike(one, other) and not respelled(one, other)), None)


def respelled(one: str, other: str) -> bool:
    """Whether two names differ by capitals, compatibility forms and spaces at most: nothing that deceives."""
    first, second = (" ".join(unicodedata.normalize("NFKC", name).casefold().split()) for name in (one, other))
    return first == second


def people(subjects: Iterable[str]) -> int:
    """How many humans these names are for certain: who could pass for another one is not counted beside them."""
    folded = {_folded(subject) for subject in subjects}
    clear = {name for name in folded if not set(_UNCLEAR) & set(name)}
    others = {name.translate(_LOOK) for name in folded - clear if not any(_alike(name, known) for known in clear)}
    return len(clear) + len(others)


def _alike(one: str, other: str) -> bool:
    return one.translate(_LOOK) == other.translate(_LOOK) and all(
        a in _UNCLEAR or b in _UNCLEAR or a == b for a, b in zip(one, other, strict=True)
    )


def _folded(subject: str) -> str:
    """The name in characters that stand for all that look like them."""
    # Plain ASCII names are apart as they stand, and most names are that: no table is asked.
    if subject.isascii():
        return " ".join(subject.translate(_tables()[0]).casefold().split())
    ignored, unclear, looks = _tables()
    name = unicodedata.normalize("NFKC", subject.translate(ignored)).translate(ignored).translate(unclear)
    for _ in range(_ROUNDS):  # two are enough for nearly all; what a table gives can fold further
        before, name = name, unicodedata.normalize("NFKD", name).casefold().translate(looks)
        if name == before:
            break
    return " ".join(name.translate(_MARKED).split())


@cache
def _tables() -> tuple[dict[int, None], dict[int, str], dict[int, str]]:
    """What is dropped, what is ambiguous, and what characters look like."""
    # These controls are white space: they part words.
    ignored = dict.fromkeys(code for code in _IGNORED if chr(code) not in "\t\n\x0b\x0c\r")
    # The empty pattern of Braille is drawn as a space, and is none for Unicode.
    looks = {**_parsed(LOOKALIKES), 0x2800: " "}
    clear = {code: looks.get(ord(chr(code).casefold()), chr(code).casefold()) for code in _parsed(AMBIGUOUS)}
    return ignored, {code: text.translate(_MARKS) for code, text in clear.items()}, looks


def _parsed(table: str) -> dict[int, str]:
    by_code: dict[int, str] = {}
    for entry in table.replace(",\n", ",").split():
        looks, _, codes = entry.partition("=")
        text = "".join(chr(int(code, 16)) for code in looks.split("+"))
        by_code |= {int(code, 16): text for code in codes.split(",")}
    return by_code
