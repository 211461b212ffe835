"""Content that hides something: invisible and direction-changing characters, padding, secrets. Pure.

Bidirectional controls: Unicode TR36 and CVE-2021-42574; look-alikes: Unicode TR39, mixed scripts.
"""

import bisect
import re
import unicodedata
from collections.abc import Iterator

from domain.masking import Secret, find_secrets
from risk.rules import PatternRule, Rules
from risk.signals import Signal

LONGEST_COMMAND = 10_000
UNREADABLE = 20_000
LONGEST_FILE = 400_000

_BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200d\u2028\u2029\u2060-\u2065\u206a-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffc\U000e0000-\U000e0fff]"
)
_BLANK = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u2800\u3000]")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_FILE_CONTROL = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_PADDING = re.compile(r"(?<=[^\t\n])\t{4,}|\t{16,}|[^\S\n]{60,}|(?:[^\S\n]*\n){12,}")
_EMOJI = re.compile("[\u2190-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff\u00a9\u00ae0-9#*]")
_WORD = re.compile(r"\w+")
_SCRIPTS = ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "FULLWIDTH", "MATHEMATICAL")


def deceptive(text: str) -> Iterator[Signal]:
    """Name what makes a command look different from what it is."""
    for pattern, what in (
        (_BIDI, "characters that turn the direction of the text"),
        (_INVISIBLE, "invisible characters"),
        (_BLANK, "blanks that are no spaces"),
        (_CONTROL, "control characters"),
    ):
        if at := pattern.search(text):
            yield Signal("deceptive", f"{what} (U+{ord(at[0]):04X})", "content.invisible")
    if _PADDING.search(text):
        yield Signal("deceptive", "padding that pushes the rest out of sight", "content.padding")
    if not text.isascii():
        yield from lookalikes(text)


def lookalikes(text: str) -> Iterator[Signal]:
    """Name words that mix letters of alphabets that look alike."""
    for word in set(_WORD.findall(text)):
        if word.isascii():
            continue
        scripts = {unicodedata.name(letter, "").split(" ")[0] for letter in word if letter.isalpha()}
        if "FULLWIDTH" in scripts or "MATHEMATICAL" in scripts or len(scripts & set(_SCRIPTS)) > 1:
            escaped = word.encode("unicode_escape").decode()[:60]
            yield Signal("deceptive", f"letters that look like others in {escaped}", "content.lookalike")


def unseen(text: str) -> Iterator[tuple[str, int]]:
    """Find what a reader of a file would not see: what it is, and the line of the first one."""
    # A byte order mark at the start of a file is an encoding and no trick.
    body = text.removeprefix("\ufeff")
    for pattern, what in (
        (_BIDI, "turns the direction of the text"),
        (_INVISIBLE, "is invisible"),
        (_FILE_CONTROL, "is a control character"),
    ):
        for match in pattern.finditer(body):
            at = match.start()
            # What only joins or styles emoji is there to be seen.
            if (at and _EMOJI.match(body[at - 1])) or body[at - 1 : at] in {"\ufe0f", "\u200d"}:
                continue
            yield f"U+{ord(match[0]):04X} {what}", body.count("\n", 0, at) + 1
            break


def secrets(text: str, rules: Rules) -> Iterator[tuple[PatternRule | Secret | None, int]]:
    """Find what looks like a secret: the rule (None: a value with a secret's name) and the line, never the value."""
    ends = [match.start() for match in re.finditer("\n", text)]
    by_line: dict[int, PatternRule | Secret | None] = {}
    for secret in find_secrets(text):
        line = bisect.bisect_left(ends, secret.start) + 1
        by_line.setdefault(line, None if secret.rule == "secret.assigned" else secret)
    if rules.by_kind.get("secret"):
        for number, line in enumerate(text.splitlines(), start=1):
            if (known := next(iter(rules.of("secret", line[:4_000])), None)) is not None:
                by_line.setdefault(number, known)
    yield from ((by_line[line], line) for line in sorted(by_line))
