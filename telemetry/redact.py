"""Redaction: secrets are taken out of everything that is written about a run: spans, logs, metrics, audit. Pure.

Two nets: the values that this installation knows to be secret, in the spellings they may take, and
patterns of what secrets look like. Over-redaction is the safe mistake.
"""

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from domain.masking import Masker

MASK = "[redacted]"
SHORTEST = 4
"""Known values shorter than this are not searched for: they would blank ordinary words."""

_SHORTEST_FOUND = 10
_MASKER = Masker()

_PREFIXED = (
    r"sk-[A-Za-z0-9_-]{16,}",
    r"(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{10,}",
    r"whsec_[A-Za-z0-9+/=]{16,}",
    r"gh[pousr]_[A-Za-z0-9]{20,}",
    r"github_pat_[A-Za-z0-9_]{20,}",
    r"glpat-[A-Za-z0-9_-]{16,}",
    r"xox[abeoprs]-[A-Za-z0-9-]{10,}",
    r"(?:AKIA|ASIA)[A-Z0-9]{16}",
    r"AIza[A-Za-z0-9_-]{30,}",
    r"ya29\.[A-Za-z0-9_-]{16,}",
    r"hf_[A-Za-z0-9]{20,}",
    r"npm_[A-Za-z0-9]{30,}",
    r"pypi-[A-Za-z0-9_-]{16,}",
    r"SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}",
    r"dop_v1_[a-f0-9]{32,}",
    r"glsa_[A-Za-z0-9_]{20,}",
    # Bounded: a long text without a dot would be read to its end from each of its characters.
    r"eyJ[A-Za-z0-9_-]{8,1000}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?",
)
_KEY = re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(_PREFIXED)})")
_BLOCK = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\Z)", re.DOTALL)
# With a digit or a sign in it, so that “basic functionality” stays words.
_BEARER = re.compile(r"(?i)\b(bearer|basic)([ \t]+)(?=[^\s]*[0-9=_.])[A-Za-z0-9._~+/-]{8,}=*")
_HEADER = re.compile(r"(?i)((?:proxy-)?authorization[\"']?\s*[:=]\s*[\"']?)(?:[a-z]+\s+)?[^\s\"',;]+")
_USERINFO = re.compile(r"(?i)\b([a-z][a-z0-9+.-]{1,20}://)[^\s/@\"'<>]+@")
_ASSIGNED = re.compile(
    r"(?i)((?:password|passwd|passphrase|secret|(?:access|auth|refresh|id)[_-]?token|api[_-]?key|access[_-]?key"
    r"|secret[_-]?key|private[_-]?key|client[_-]?secret)[\"']?\s*[:=]\s*[\"']?)(?!\[(?:redacted|secret)\b)[^\s\"',;&]{4,}"
)
_SENSITIVE_KEY = re.compile(
    r"(?i)(?:^|[._-])(?:authorization|cookie|set-cookie|password|passwd|passphrase|secret|token|api[_-]?key"
    r"|access[_-]?key|private[_-]?key|credentials?)$"
)


@dataclass(frozen=True, slots=True)
class Redactor:
    """Takes secrets out of text and of the values that spans and log lines are made of."""

    secrets: tuple[str, ...] = ()
    """Values that may never be seen, e.g. API keys from the settings."""
    _known: re.Pattern[str] | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        spellings = sorted({s for secret in self.secrets for s in _spellings(secret)}, key=lambda s: (-len(s), s))
        known = re.compile("|".join(map(re.escape, spellings))) if spellings else None
        object.__setattr__(self, "_known", known)

    def text(self, text: str) -> str:
        """Return ``text`` with every secret replaced by ``[redacted]``; twice is the same as once."""
        if len(text) < SHORTEST:
            return text
        clean = self._without_known(text)
        if len(clean) >= _SHORTEST_FOUND:
            # What the masker of prompts finds goes here, too, and leaves nothing that tells one value from another.
            masked, at = "", 0
            for mark in _MASKER.marks(clean):
                masked, at = masked + clean[at : mark.start] + MASK, mark.end
            clean = masked + clean[at:]
        clean = _KEY.sub(MASK, _BLOCK.sub(MASK, clean))
        # Most attributes are short names: they are spared the searches that cannot find anything in them.
        if ":" in clean or "=" in clean:
            clean = _ASSIGNED.sub(rf"\1{MASK}", _USERINFO.sub(rf"\1{MASK}@", _HEADER.sub(rf"\1{MASK}", clean)))
        if " " in clean or "\t" in clean:
            clean = _BEARER.sub(rf"\1\2{MASK}", clean)
        # What a pattern took out may have brought two halves of a known secret together.
        return clean if clean == text else self._without_known(clean)

    def value(self, value: Any, *, key: str = "") -> Any:
        """Return a JSON-like value with its texts redacted, and all of it when ``key`` names a secret."""
        match value:
            case str():
                return MASK if value and _SENSITIVE_KEY.search(key) else self.text(value)
            case bytes():
                return self.value(value.decode(errors="backslashreplace"), key=key)
            case Mapping():
                return {self.text(str(k)): self.value(v, key=str(k)) for k, v in value.items()}
            case list() | tuple() | set() | frozenset():
                return [self.value(item, key=key) for item in value]
            case bool() | int() | float() | None:
                return value
            case _:
                return self.text(str(value))

    def attributes(self, attributes: Mapping[str, Any] | None) -> dict[str, Any]:
        """Return span attributes, redacted."""
        return {key: self.value(value, key=key) for key, value in (attributes or {}).items()}

    def _without_known(self, text: str) -> str:
        if self._known is None:
            return text
        for _ in range(3):
            text, count = self._known.subn(MASK, text)
            if not count:
                return text
        # What was left of a secret may have met the mask and made another one.
        return MASK if self._known.search(text) else text


def _spellings(secret: str) -> tuple[str, ...]:
    """The ways a secret is written: as it is, in URLs, in JSON, in base64; none that the mask itself contains."""
    if len(secret) < SHORTEST:
        return ()
    raw = secret.encode(errors="replace")
    escaped = "".join(ch if " " <= ch <= "~" and ch not in '"\\' else f"\\u{ord(ch):04x}" for ch in secret)
    ways = (secret, quote(secret, safe=""), escaped, b64encode(raw).decode().rstrip("="), secret.strip())
    return tuple(way for way in ways if len(way) >= SHORTEST and way not in MASK)
