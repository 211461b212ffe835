"""Secrets in a text: tokens by their form, keys in blocks, values by the names they are given to.

Linear in the length of the text: every search starts at a hint, and every repetition has a bound. A span never holds a
line end, so that a text keeps its lines whatever is put in the place of one.
"""

import binascii
import bisect
import re
from base64 import b64decode, urlsafe_b64decode
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from domain.masking.patterns import (
    AROUND,
    AWS_SECRET,
    BASE64,
    ENCODED,
    FOLDED,
    HEAD,
    JOINT,
    JOINTS,
    KEYWORD,
    KEYWORDS,
    LONG,
    LONG_WORD,
    LONGEST_KEY,
    NAME_HINTS,
    PHRASE_HINTS,
    PHRASES,
    RUN,
    SHORT,
    STANDS_IN,
    TAIL,
    URL,
    URL_TOKEN,
    WHOSE_KEY,
    WRAPPED,
    WRAPPED_HEADS,
)
from domain.masking.tokens import TOKENS, TokenPattern
from domain.masking.values import STRONG, is_secret, plain_words

_HEX = re.compile("[0-9a-f]+|[0-9A-F]+")
_TURNS = 3
_URL_SAFE = str.maketrans("+/", "-_")


@dataclass(frozen=True, slots=True, order=True)
class Secret:
    """One piece of a secret, within one line: ``text[start:end]``."""

    start: int
    end: int
    rule: str
    label: str
    value: str
    """All of the secret, also where this is only a piece of it."""


def find_secrets(text: str) -> tuple[Secret, ...]:
    """Everything in a text that looks like a secret, in order, without overlaps."""
    if len(text) < SHORT and not _named_at_all(text):
        # Most texts are short and name nothing: what is left is a token or a wrapped key, and both are long words.
        if len(text) < LONG_WORD or RUN.search(text) is None:
            return ()
        return _apart(text, [*_tokens(text), *_wrapped(text)])
    secrets = list(_whole(text))
    for start, end in broken_literals(text):
        joined = _Joined.of(text[start:end])
        for each in _whole(joined.text):
            secrets += (
                replace(piece, start=piece.start + start, end=piece.end + start) for piece in joined.pieces(each)
            )
    return _apart(text, secrets)


def broken_literals(text: str) -> Iterator[tuple[int, int]]:
    """The parts of a text in which one literal is written in two, with what stands around them."""
    places = [at for at in _places(text, JOINTS) if JOINT.match(text, at)]
    if ">" in text or "|" in text:
        places += [match.end() for match in FOLDED.finditer(text)]
    near: list[list[int]] = []
    for at in sorted(places):
        if near and at - AROUND <= near[-1][1]:
            near[-1][1] = at + AROUND
        else:
            near.append([max(0, at - AROUND), at + AROUND])
    yield from ((start, min(end, len(text))) for start, end in near)


def _named_at_all(text: str) -> bool:
    """Tell whether a text may give a value to a name, hold a key in a block, or a literal that is written in two."""
    if '"' in text or "'" in text or "\\" in text or "-----" in text or "\n" in text or "aws" in text.lower():
        return True
    lower = text.lower()
    if ":" in text or "=" in text or ">" in text or "," in text:
        for hint in NAME_HINTS:
            if hint in lower:
                return True
    if " " in text:
        for hint in PHRASE_HINTS:
            if hint in lower:
                return True
    return "://" in text


@dataclass(frozen=True, slots=True)
class _Joined:
    """A text with its broken literals mended, and where each part of it came from."""

    text: str
    starts: tuple[int, ...]
    """In the mended text, of every part."""
    shifts: tuple[int, ...]
    """How much further each part stands in the original."""

    @classmethod
    def of(cls, text: str) -> "_Joined":
        parts, starts, shifts = list[str](), [0], [0]
        at, length = 0, 0
        for joint in JOINT.finditer(text):
            parts.append(text[at : joint.start()])
            length += joint.start() - at
            at = joint.end()
            starts.append(length)
            shifts.append(at - length)
        parts.append(text[at:])
        return cls("".join(parts), tuple(starts), tuple(shifts))

    def pieces(self, secret: Secret) -> Iterator[Secret]:
        """The secret's pieces in the original; none where it is written in one."""
        first = bisect.bisect_right(self.starts, secret.start) - 1
        last = bisect.bisect_left(self.starts, secret.end) - 1
        for part in range(first, last + 1) if last > first else ():
            start = max(secret.start, self.starts[part])
            end = min(secret.end, self.starts[part + 1]) if part + 1 < len(self.starts) else secret.end
            shift = self.shifts[part]
            if end > start:
                yield Secret(start + shift, end + shift, secret.rule, secret.label, secret.value)


def _whole(text: str) -> Iterator[Secret]:
    lower = text.lower()
    # Some capitals become two small letters (``İ``), and every place behind them would shift.
    lower = lower if len(lower) == len(text) else text
    yield from _tokens(text)
    if "PRIVATE KEY" in text or "PuTTY-User-Key-File" in text:
        # Private keys, line by line: what a reader takes for the end of one may be missing.
        at, ends = 0, "-----END" in text
        while (head := HEAD.search(text, at)) is not None:
            end = text.find("-----END", head.end(), head.end() + LONGEST_KEY) if ends else -1
            if end >= 0:
                line = re.compile(r"[A-Z0-9 ]{0,60}-{0,5}").match(text, end + 8)
                end = line.end() if line else end + 8
            else:
                end = head.end()
                limit = min(len(text), head.end() + LONGEST_KEY)
                while end < limit and text[end] in BASE64:
                    end += 1
            yield Secret(head.start(), end, "secret.private_key", "private key", text[head.start() : end])
            at = max(end, head.end())
    if any(head in text for head in WRAPPED_HEADS):
        yield from _wrapped(text)
    if "aws" in lower or "AKIA" in text:
        yield from aws_secrets(text, lower)
    yield from passwords_in_urls(text)
    yield from assigned_secrets(text, lower)
    for hints, pattern, label in PHRASES:
        for at in _places(lower, hints):
            match = pattern.match(lower, at)
            value = text[match.start(1) : match.end(1)] if match else ""
            literal = label == "password"
            if match and is_secret(value, quoted=literal, strong=literal) and not is_placeholder_login(value):
                yield Secret(match.start(1), match.end(1), "secret.assigned", label, value)


def _places(text: str, hints: Iterable[str]) -> Iterator[int]:
    """Where any of the hints stands; a search for plain text costs next to nothing."""
    for hint in hints:
        at = text.find(hint)
        while at >= 0:
            yield at
            at = text.find(hint, at + 1)


def _tokens(text: str) -> Iterator[Secret]:
    long = "\n".join(LONG.findall(text))
    for token in TOKENS if long else ():
        hints = [hint for hint in token.hints if hint in long]
        for match in _matches(token, text, hints):
            if not STANDS_IN.search(match[0]):
                yield Secret(match.start(), match.end(), token.rule, token.label, match[0])
    for run in dict.fromkeys(ENCODED.findall(long)):
        inside = decoded_run(run)
        for token in TOKENS if inside else ():
            if any(True for _ in _matches(token, inside, [hint for hint in token.hints if hint in inside])):
                yield from (Secret(at, at + len(run), token.rule, token.label, run) for at in _places(text, (run,)))
                break


def decoded_run(run: str) -> str:
    """The plain text that a run is in hexadecimal or in base64; empty for anything else."""
    try:
        whole = run[: len(run) // 4 * 4 + (0 if len(run) % 4 == 1 else len(run) % 4)]
        data = bytes.fromhex(run) if _HEX.fullmatch(run) else urlsafe_b64decode(whole.translate(_URL_SAFE) + "==")
        text = data.decode("ascii")
    except ValueError:
        return ""
    return text if text.isprintable() else ""


def _matches(token: TokenPattern, text: str, hints: Sequence[str]) -> Iterator[re.Match[str]]:
    if hints and not token.anchored:
        yield from token.pattern.finditer(text)
        return
    for hint in hints:
        end = 0
        for at in _places(text, (hint,)):
            if at >= end and (match := token.pattern.match(text, at)) is not None:
                end = match.end()
                yield match


def is_placeholder_login(value: str) -> bool:
    """Tell whether credentials of HTTP's basic scheme are words that stand for some."""
    try:
        return plain_words(b64decode(value, validate=True).decode("ascii"))
    except (binascii.Error, ValueError):
        return False


def _wrapped(text: str) -> Iterator[Secret]:
    """A private key that was encoded once more (secrets of Kubernetes, variables of a CI)."""
    at = 0
    while (head := WRAPPED.search(text, at)) is not None:
        start = head.start()
        while start > max(at, head.start() - 3) and text[start - 1].isalnum():
            start -= 1
        end, limit = head.end(), min(len(text), head.end() + 2 * LONGEST_KEY)
        while end < limit and text[end] in BASE64 and text[end] not in "\"'`,>|":
            end += 1
        body = re.sub(r"[^A-Za-z0-9+/]", "", text[head.start() : end])
        if decodes_to_private_key(body, head[0]):
            yield Secret(start, end, "secret.private_key", "private key", text[start:end].strip())
        at = max(end, head.end())


def decodes_to_private_key(body: str, head: str) -> bool:
    """Tell whether base64 that begins with ``head`` is of a private key, wherever in a group of four it was cut."""
    # Three bytes are four letters: the head begins where the bytes before the key left off in their group.
    skipped = {"L": 0, "0": 2, "t": 3}[head[0]]
    padded = ("LS0"[:skipped] + body)[:160]
    try:
        return b"PRIVATE KEY" in b64decode(padded[: len(padded) // 4 * 4])
    except (binascii.Error, ValueError):
        return False


def aws_secrets(text: str, lower: str) -> Iterator[Secret]:
    """A secret access key has no form of its own, but a neighbour that has one."""
    near: list[tuple[int, int]] = []
    for hint in re.finditer(r"aws|AKIA|ASIA", text if "AKIA" in text or "ASIA" in text else lower):
        if near and hint.start() - 240 <= near[-1][1]:
            near[-1] = (near[-1][0], hint.end() + 240)
        else:
            near.append((max(0, hint.start() - 240), hint.end() + 240))
    for start, end in near:
        for match in AWS_SECRET.finditer(text, start, min(end, len(text))):
            if (
                is_secret(match[0], quoted=True, strong=False)
                and re.search(r"[a-z]", match[0])
                and re.search(r"[A-Z]", match[0])
            ):
                yield Secret(match.start(), match.end(), "secret.aws_secret", "AWS secret key", match[0])


def passwords_in_urls(text: str) -> Iterator[Secret]:
    """Passwords and tokens between ``://`` and ``@`` that are no words that stand for one."""
    at = text.find("://")
    while at >= 0:
        match = URL.match(text, at + 3)
        # A token alone before the ``@``, as git takes it over http and https.
        if match is None and at and text[at - 1] in "spSP":
            match = URL_TOKEN.match(text, at + 3)
        if match is not None:
            user, password, host = match.groupdict().get("user") or "", match["password"], match["host"].lower()
            here = re.match(r"localhost|127\.|\[::1|0\.0\.0\.0|example\.|host\b|hostname\b", host) is not None
            weak = (
                plain_words(password) or password == user or password[:1] in "*.%" or (here and len(password) < STRONG)
            )
            if not weak and len(password) >= 4:  # noqa: PLR2004
                yield Secret(
                    match.start("password"), match.end("password"), "secret.url", "password in a URL", password
                )
        at = text.find("://", at + 3)


def assigned_secrets(text: str, lower: str) -> Iterator[Secret]:
    """Values that are given to a name of a secret."""
    for start in sorted(_places(lower, KEYWORDS)):
        word = KEYWORD.match(lower, start)
        if word is None or (word[0] == "key" and not WHOSE_KEY.search(lower[max(0, start - 16) : start])):
            continue
        at = word.end()
        match = TAIL.match(text, at)
        if match is None or (match["op"] == ">" and "<" not in text[max(0, word.start() - 60) : word.start()]):
            continue
        kind = "quoted" if match["quoted"] is not None else "bare"
        value, rest = match[kind], match["rest"].lower()
        # ``key: abc.def`` of a settings file is a value, ``key = abc.def()`` of a program is a call.
        if (
            kind == "bare"
            and match["next"]
            and not (match["next"] == "." and text[match.end() : match.end() + 1] in {"", "\n", " "})
        ):
            continue
        if kind == "bare" and match["op"].strip() == ",":
            continue
        if match["op"].isspace() and not match["close"] and kind != "quoted":
            continue
        strong = word[0].strip("_").startswith(("pass", "pw")) or word[0] in {"secret", "credential"}
        # ``NAME=value`` and ``name: value`` are how settings are written; programs put blanks around ``=``.
        tight = match["op"] in {"=", ">"} or (match["op"].startswith(":") and match["op"].endswith(" "))
        # ``f8Kq2mZpL0`` is made up, a name is not: letters and digits take turns.
        turns = len(re.findall(r"[A-Za-z](?=\d)|\d(?=[A-Za-z])", value))
        alone = text[match.end("bare") : match.end("bare") + 1] in {"", "\n", "\r"}
        literal = kind == "quoted" or tight or (turns >= _TURNS and alone)
        if is_secret(
            value,
            quoted=literal,
            strong=strong,
            rest=rest,
            bare=kind == "bare",
        ):
            what = "password" if word[0].strip("_").startswith(("pass", "pw")) else "secret"
            what = "token" if what == "secret" and "token" in word[0] else what
            yield Secret(match.start(kind), match.end(kind), "secret.assigned", what, value)


def _apart(text: str, secrets: list[Secret]) -> tuple[Secret, ...]:
    """Sort, cut at line ends, and keep the longer one of two that overlap."""
    lines: list[Secret] = []
    for each in secrets:
        start = each.start
        for piece in text[each.start : each.end].splitlines(keepends=True):
            inner = piece.strip(" \t\r\n\\\"'`,+")
            if len(inner) >= 3:  # noqa: PLR2004
                begin = start + piece.index(inner)
                lines.append(Secret(begin, begin + len(inner), each.rule, each.label, each.value))
            start += len(piece)
    apart: list[Secret] = []
    for each in sorted(lines, key=lambda one: (one.start, -one.end)):
        if not apart or each.start >= apart[-1].end:
            apart.append(each)
        elif each.end > apart[-1].end:
            last = apart[-1]
            apart[-1] = Secret(last.start, each.end, last.rule, last.label, text[last.start : each.end])
    return tuple(apart)
