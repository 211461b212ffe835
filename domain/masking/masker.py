"""The masker: one for prompts, logs, traces and approvals. Pure.

What it puts in the place of a value is for the reader; the file keeps its bytes. A placeholder is unique for the value
and the key, so that an edit that quotes it can be turned back with nothing but the file that it edits.
"""

import hashlib
import hmac
import re
from base64 import b32encode, b64encode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from domain.masking.personal import find_personal
from domain.masking.secrets import find_secrets
from domain.masking.values import is_secret, plain_words

PLACEHOLDER: Final = re.compile(r"\[(?:secret|personal)(?: [a-z2-7]{6})?: [A-Za-z()\- ]{2,40}\]")
LONGEST: Final = 8_000_000
"""Characters that are looked through; what comes behind them is not shown."""
WORTH_KEEPING: Final = 200
LARGEST_KEPT: Final = 40_000
MOST_KEPT: Final = 300
"""Texts of such sizes are remembered as they are masked, so many of them."""
SHORTEST: Final = 6
"""Known values shorter than this are not looked for: they would blank ordinary words."""
_LONGEST_VALUE: Final = 4_096
_GIVEN = re.compile(r"[ \t]{0,40}(?:export[ \t]+)?[\"']?([\w.-]{1,100})[\"']?[ \t]{0,8}[:=][ \t]{0,8}(\S.{0,4096})")
_SECRET_NAME = re.compile(r"(?i)pass|pwd|secret|token|key|credential|auth|salt|dsn|cert")
_UNRESERVED: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
"""RFC 3986, section 2: in a URL every other byte is a percent sign and two digits."""
_SURE: Final = 12
"""From this length on a known value is also found in the middle of a word."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One place that is masked: ``text[start:end]``."""

    start: int
    end: int
    label: str
    kind: str = "secret"


@dataclass(frozen=True, slots=True, kw_only=True)
class Masker:
    """Knows what must not be read, by form, by name, and by value.

    ``key`` keeps a placeholder from telling whether a guess is right: it is never shown to who reads the masked text.
    Without one, placeholders carry no mark of their value and cannot be turned back.
    """

    key: str = field(default="", repr=False)
    known: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    """Values that are secret wherever they stand, and what they are."""
    personal: bool = False
    """Personal data is masked, too."""
    _spelt: tuple[tuple[str, str], ...] = field(init=False, repr=False, default=())
    _masked: dict[str, str] = field(init=False, repr=False, compare=False, hash=False, default_factory=dict[str, str])
    """Texts that were masked lately: a conversation is masked again whenever it has grown."""

    def __post_init__(self) -> None:
        spelt = tuple((way, label) for value, label in self.known.items() for way in spellings(value))
        object.__setattr__(self, "_spelt", spelt)

    def text(self, text: str) -> str:
        """The text with placeholders; twice is the same as once."""
        if len(text) < SHORTEST:
            return text
        if not WORTH_KEEPING <= len(text) <= LARGEST_KEPT:
            return self._replaced(text)
        if (known := self._masked.get(text)) is None:
            known = self._replaced(text)
            if len(self._masked) >= MOST_KEPT:
                self._masked.clear()
            self._masked[text] = known
        return known

    def _replaced(self, text: str) -> str:
        whole = (
            text if len(text) <= LONGEST else f"{text[:LONGEST]}\n[the rest is not shown: it is too long to be checked]"
        )
        parts, at = list[str](), 0
        for mark in self.marks(whole):
            parts += [whole[at : mark.start], self.placeholder(whole[mark.start : mark.end], mark)]
            at = mark.end
        return "".join([*parts, whole[at:]]) if parts else whole

    def value(self, value: Any) -> Any:
        """A JSON-like value with every text in it masked, names of fields included."""
        match value:
            case str():
                return self.text(value)
            case Mapping():
                return {self.text(str(name)): self.value(member) for name, member in value.items()}
            case list() | tuple():
                return [self.value(item) for item in value]
            case _:
                return value

    def marks(self, text: str) -> tuple[Mark, ...]:
        """Every place that is masked, in order, without overlaps; what is masked already is left alone."""
        marks = [Mark(each.start, each.end, each.label) for each in find_secrets(text)]
        if self._spelt:
            marks += self._known(text)
        if self.personal:
            marks += [Mark(each.start, each.end, each.label, "personal") for each in find_personal(text)]
        if not marks:
            return ()
        taken = [(match.start(), match.end()) for match in PLACEHOLDER.finditer(text)] if "[" in text else []
        apart: list[Mark] = []
        for mark in sorted(marks, key=lambda one: (one.start, -one.end)):
            if any(start < mark.end and mark.start < end for start, end in taken):
                continue
            if not apart or mark.start >= apart[-1].end:
                apart.append(mark)
            # Two that overlap become one: no half of either may be read.
            elif mark.end > apart[-1].end:
                apart[-1] = Mark(apart[-1].start, mark.end, apart[-1].label, apart[-1].kind)
        return tuple(apart)

    def placeholder(self, value: str, mark: Mark) -> str:
        """What stands in the place of a value."""
        if not self.key:
            return f"[{mark.kind}: {mark.label}]"
        mac = hmac.new(self.key.encode(), value.encode(errors="surrogatepass"), hashlib.sha256).digest()
        return f"[{mark.kind} {b32encode(mac)[:6].decode().lower()}: {mark.label}]"

    def originals(self, *texts: str) -> Mapping[str, str]:
        """Placeholder → value, for every value in these texts. What two values share means neither."""
        values: dict[str, str | None] = {}
        for text in texts if self.key else ():
            for mark in self.marks(text):
                value = text[mark.start : mark.end]
                name = self.placeholder(value, mark)
                values[name] = value if values.get(name, value) == value else None
        return {name: value for name, value in values.items() if value is not None}

    def secrets_of(self, *texts: str) -> Mapping[str, str]:
        """Every secret value in these texts that is worth being known elsewhere, and what it is."""
        return {
            value: each.label
            for text in texts
            for each in find_secrets(text[:LONGEST])
            for value in (each.value, text[each.start : each.end])
            if SHORTEST <= len(value) <= _LONGEST_VALUE and "\n" not in value and value[:5] != "-----"
        }

    def _known(self, text: str) -> Iterator[Mark]:
        # A short value inside a longer word is a coincidence: ``secret`` as a password must not blank ``secretary``.
        for spelt, label in self._spelt:
            at = text.find(spelt)
            while at >= 0:
                end = at + len(spelt)
                if len(spelt) >= _SURE or not (_wordy(text, at - 1, at) or _wordy(text, end - 1, end)):
                    yield Mark(at, end, label)
                at = text.find(spelt, end)


def _wordy(text: str, left: int, right: int) -> bool:
    """Tell whether a word goes on between two places of a text."""
    return left >= 0 and right < len(text) and _letter(text[left]) and _letter(text[right])


def _letter(c: str) -> bool:
    return c.isalnum() or c == "_"


def spellings(value: str) -> tuple[str, ...]:
    """The ways a value is written: as it is, in URLs, in JSON, in base64, without blanks around it."""
    if len(value) < SHORTEST:
        return ()
    percent = "".join(chr(b) if b in _UNRESERVED else f"%{b:02X}" for b in value.encode(errors="replace"))
    escaped = "".join(ch if " " <= ch <= "~" and ch not in '"\\' else f"\\u{ord(ch):04x}" for ch in value)
    encoded = b64encode(value.encode(errors="replace")).decode().rstrip("=")
    ways = (value, percent, escaped, encoded if len(value) % 3 == 0 else encoded[:-1], value.strip())
    return tuple(dict.fromkeys(way for way in ways if len(way) >= SHORTEST))


def restored(text: str, originals: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """The text with placeholders turned back into what they stand for, and those that stand for nothing here."""
    strange: list[str] = []

    def back(match: re.Match[str]) -> str:
        if match[0] not in originals:
            strange.append(match[0])
        return originals.get(match[0], match[0])

    return PLACEHOLDER.sub(back, text), tuple(dict.fromkeys(strange))


def known_of(texts: Iterable[str], *, settings: bool = False) -> Mapping[str, str]:
    """The secret values in some texts, to be known in all others; the longest first, so that none hides another.

    ``settings``: the texts are files of secrets, in which a random value is one whatever its name.
    """
    secrets = dict(Masker().secrets_of(*texts))
    for line in (line for text in texts if settings for line in text[:LONGEST].splitlines()):
        setting = _GIVEN.match(line)
        value = setting[2].strip().strip("\"'") if setting else ""
        if setting is None or not SHORTEST <= len(value) <= _LONGEST_VALUE or "://" in value or plain_words(value):
            continue
        if _SECRET_NAME.search(setting[1]) or is_secret(value, quoted=True, strong=False):
            secrets.setdefault(value, "value")
    return dict(sorted(secrets.items(), key=lambda item: -len(item[0])))
