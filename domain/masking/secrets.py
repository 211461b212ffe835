"""Where secrets stand in a text: tokens by their form, keys in blocks, values by the names they are given to.

Linear in the length of the text: every search starts at a hint, and every repetition has a bound. A span never holds a
line end, so that a text keeps its lines whatever is put in the place of one.
"""

import binascii
import bisect
import re
from base64 import b64decode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from domain.masking.tokens import TOKENS
from domain.masking.values import STRONG, is_secret, plain_words

_HEAD = re.compile(r"-{5}BEGIN (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)?-{5}|PuTTY-User-Key-File-[23]:|BEGIN SSH2 ENCRYPTED PRIVATE KEY")
_WRAPPED_HEADS: Final = ("LS0tLS1CRUdJTi", "0tLS0tQkVHSU4g", "tLS0tLUJFR0lOI")
_WRAPPED = re.compile("|".join(_WRAPPED_HEADS))
_BASE64 = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=_- \t\r\n\\\"'`,>|n")
_LONGEST_KEY: Final = 16_384
_AROUND: Final = 300
_AWS_SECRET = re.compile(r"(?<![A-Za-z0-9/+=])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])")

_LONG = re.compile(r"[A-Za-z0-9_.+/=:$%&;?~-]{20,}")
"""Nothing shorter is a token: few words of a text are that long, and hints are looked for in these alone."""
_STANDS_IN = re.compile(r"x{6}|X{6}|(?i:your[_-]|placeholder|change.?me|redacted)")
"""What is written where a token belongs."""
_KEYWORDS: Final = ("passw", "passphrase", "passcode", "pwd", "secret", "token", "credential", "_auth", "_pass", "_pw", "key", "conn")
_KEYWORD = re.compile(
    r"pass(?:word|wd|phrase|code)|pwd|secret|token|credential|_auth\b|_pass\b|_pw\b|key\b|key(?=[_s])|conn(?:ection)?[_-]?str(?:ing)?"
)
_WHOSE_KEY = re.compile(
    r"(?:api|app|access|private|auth|authentication|encryption|encrypt|signing|sign|account|master|session|storage|shared|service|ssh|aes|hmac|jwt"
    r"|deploy|bot|db|licen[sc]e|root|admin|client|consumer|subscription|function|webhook|salt|cookie|symmetric|secretkey)[_. -]?\Z"
)
_TAIL = re.compile(
    r"(?P<rest>[\w-]{0,30})(?P<close>(?:\\?[\"'`]|\]|\)){0,3})"
    r"(?:[ \t]{0,8}:[ \t]{0,4}[A-Za-z_][\w.|?<> \[\],]{0,40}?)?"
    r"(?P<op>[ \t]{0,20}(?:=>|:=|={1,3}|:|,)[ \t]{0,20}(?:\(?[ \t]{0,4}\n?[ \t]{0,40}(?=[\"'`]))?|>|[ \t]{1,4}(?=['\"]))"
    r"(?P<prefix>[fFrRbBuU]{0,2}(?=[\"'`]))?"
    r"(?:(?P<quote>\\?[\"'`])(?P<quoted>(?:[^\\\"'`\n]|\\[^\n]|(?!(?P=quote))[\"'`]){4,300}?)(?P=quote)"
    r"|(?P<bare>[^\s\"'`,;&<>(){}\[\]$|\\]{6,300})(?P<next>[(\[.]?))"
)
_URL = re.compile(
    r"(?P<user>[^\s/:@'\"<>{}$|`\\]{0,64}):(?P<password>[^\s/@'\"<>{}$|`\\]{3,128})@(?P<host>[A-Za-z0-9\[][\w.:\]-]{0,80})"
)
_URL_TOKEN = re.compile(r"(?P<password>[A-Za-z0-9_-]{16,255})@(?P<host>[A-Za-z0-9\[][\w.:\]-]{0,80})")
_PHRASES: Final = (
    (("bearer", "basic", "token "),
     re.compile(r"(?:bearer|basic|token)[ \t]{1,4}(?=[^\s\"']{0,200}[0-9=_.])([a-z0-9._~+/-]{12,2000}={0,2})"), "credentials"),
    (("login",), re.compile(
        r"login[ \t\n]{1,4}\S{1,100}[ \t\n]{1,4}(?:account[ \t\n]{1,4}\S{1,100}[ \t\n]{1,4})?password[ \t\n]{1,4}(\S{4,200})"),
     "password"),
    (("-password", "-passwd", "-passphrase", "-token", "-secret", "-api", "-access", "-auth"), re.compile(
        r"-(?:password|passwd|passphrase|token|secret|api-?key|access-?key|auth)[ \t]{1,4}(?![-$\"'<{])([^\s\"'`;|&()]{6,200})"),
     "password"),
    (("-u", "--user"), re.compile(r"(?:-u|--user)[ =]{1,3}[\"']?[\w.@-]{1,64}:([^\s\"'$@]{4,200})"), "password"),
    (("identified by", "password '"), re.compile(r"(?:identified by|password)[ \t]{1,4}'([^'\n]{4,200})'"), "password"),
)  # fmt: skip
"""Where a secret follows without any sign in between: headers, .netrc, options, SQL. On small letters."""
_JOINT = re.compile(
    r"(?P<q>[\"'])(?<=[A-Za-z0-9+/_=.!@#%-]{2}[\"'])"
    r"(?:[ \t]{0,40}(?:\+|\.{1,2}|&|<>|~|\|\|)?[ \t]{0,40}(?:\\?\r?\n[+\-> ]?[ \t]{0,200})(?:\+|\.{1,2}|&|<>|~)?[ \t]{0,40}"
    r"|[ \t]{0,40}(?:\+|\.{1,2}|&|<>|\|\|)[ \t]{0,40})[fFrRbBuU]{0,2}(?P=q)(?=[A-Za-z0-9+/_=.!@#%-]{2})"
    r"|\\\r?\n[+\-> ]?[ \t]{0,200}"
    r"|(?<=[A-Za-z0-9+/_-]{8})\r?\n[+\- ]?[ \t]{1,200}(?=[A-Za-z0-9+/=_.-]{6,200}[ \t]{0,8}\r?(?:\n|$))"
)  # fmt: skip
_JOINTS: Final = ('"\n', "'\n", '"\r\n', "'\r\n", '" +', "' +", '"+', "'+", '" .', "' .", '" &', '" <>', '" ||', "' ||", '" \\', "' \\", "\\\n", "\\\r\n")
_FOLDED = re.compile(r":[ \t]{1,4}[>|][-+]?[ \t]*\r?\n")
"""Where one literal is written in two: adjacent or added strings, a line that goes on, a folded scalar of YAML."""


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
    found = list(_whole(text))
    for start, end in _broken(text):
        joined = _Joined.of(text[start:end])
        for each in _whole(joined.text):
            found += (replace(piece, start=piece.start + start, end=piece.end + start) for piece in joined.pieces(each))
    return _apart(text, found)


def _broken(text: str) -> Iterator[tuple[int, int]]:
    """The parts of a text in which one literal is written in two, with what stands around them."""
    places = [at for at in _places(text, _JOINTS) if _JOINT.match(text, at)]
    if ">" in text or "|" in text:
        places += [match.end() for match in _FOLDED.finditer(text)]
    near: list[list[int]] = []
    for at in sorted(places):
        if near and at - _AROUND <= near[-1][1]:
            near[-1][1] = at + _AROUND
        else:
            near.append([max(0, at - _AROUND), at + _AROUND])
    yield from ((start, min(end, len(text))) for start, end in near)


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
        for joint in _JOINT.finditer(text):
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
    lower = lower if len(lower) == len(text) else text
    yield from _tokens(text)
    if "PRIVATE KEY" in text or "PuTTY-User-Key-File" in text:
        yield from _blocks(text)
    if any(head in text for head in _WRAPPED_HEADS):
        yield from _wrapped(text)
    if "aws" in lower or "AKIA" in text:
        yield from _beside_aws(text, lower)
    yield from _urls(text)
    yield from _named(text, lower)
    for hints, pattern, label in _PHRASES:
        for at in _places(lower, hints):
            match = pattern.match(lower, at)
            value = text[match.start(1) : match.end(1)] if match else ""
            literal = label == "password"
            if match and is_secret(value, quoted=literal, strong=literal) and not _spelt_out(value):
                yield Secret(match.start(1), match.end(1), "secret.assigned", label, value)


def _places(text: str, hints: Iterable[str]) -> Iterator[int]:
    """Where any of the hints stands; a search for plain text costs next to nothing."""
    for hint in hints:
        at = text.find(hint)
        while at >= 0:
            yield at
            at = text.find(hint, at + 1)


def _tokens(text: str) -> Iterator[Secret]:
    long = "\n".join(_LONG.findall(text))
    for token in TOKENS if long else ():
        hints = [hint for hint in token.hints if hint in long]
        if not hints:
            continue
        if token.anchored:
            matches = (token.pattern.match(text, at) for at in _places(text, hints))
        else:
            matches = token.pattern.finditer(text)
        for match in matches:
            if match is not None and not _STANDS_IN.search(match[0]):
                yield Secret(match.start(), match.end(), token.rule, token.label, match[0])


def _spelt_out(value: str) -> bool:
    """Tell whether credentials of HTTP's basic scheme are words that stand for some."""
    try:
        return plain_words(b64decode(value, validate=True).decode("ascii"))
    except (binascii.Error, ValueError):
        return False


def _blocks(text: str) -> Iterator[Secret]:
    """Private keys, line by line: what a reader takes for the end of one may be missing."""
    at, ends = 0, "-----END" in text
    while (head := _HEAD.search(text, at)) is not None:
        end = text.find("-----END", head.end(), head.end() + _LONGEST_KEY) if ends else -1
        if end >= 0:
            line = re.compile(r"[A-Z0-9 ]{0,60}-{0,5}").match(text, end + 8)
            end = line.end() if line else end + 8
        else:
            end = head.end()
            limit = min(len(text), head.end() + _LONGEST_KEY)
            while end < limit and text[end] in _BASE64:
                end += 1
        yield Secret(head.start(), end, "secret.private_key", "private key", text[head.start() : end])
        at = max(end, head.end())


def _wrapped(text: str) -> Iterator[Secret]:
    """A private key that was encoded once more (secrets of Kubernetes, variables of a CI)."""
    at = 0
    while (head := _WRAPPED.search(text, at)) is not None:
        start = head.start()
        while start > max(at, head.start() - 3) and text[start - 1].isalnum():
            start -= 1
        end, limit = head.end(), min(len(text), head.end() + 2 * _LONGEST_KEY)
        while end < limit and text[end] in _BASE64 and text[end] not in "\"'`,>|":
            end += 1
        body = re.sub(r"[^A-Za-z0-9+/]", "", text[head.start() : end])
        if _decodes_to_key(body, head[0]):
            yield Secret(start, end, "secret.private_key", "private key", text[start:end].strip())
        at = max(end, head.end())


def _decodes_to_key(body: str, head: str) -> bool:
    skipped = {"L": 0, "0": 1, "t": 2}[head[0]]
    padded = ("LS"[:skipped] + body)[:160]
    try:
        return b"PRIVATE KEY" in b64decode(padded[: len(padded) // 4 * 4])
    except (binascii.Error, ValueError):
        return False


def _beside_aws(text: str, lower: str) -> Iterator[Secret]:
    """A secret access key has no form of its own, but a neighbour that has one."""
    near: list[tuple[int, int]] = []
    for found in re.finditer(r"aws|AKIA|ASIA", text if "AKIA" in text or "ASIA" in text else lower):
        if near and found.start() - 240 <= near[-1][1]:
            near[-1] = (near[-1][0], found.end() + 240)
        else:
            near.append((max(0, found.start() - 240), found.end() + 240))
    for start, end in near:
        for match in _AWS_SECRET.finditer(text, start, min(end, len(text))):
            if is_secret(match[0], quoted=True, strong=False) and re.search(r"[a-z]", match[0]) and re.search(r"[A-Z]", match[0]):
                yield Secret(match.start(), match.end(), "secret.aws_secret", "AWS secret key", match[0])


def _urls(text: str) -> Iterator[Secret]:
    at = text.find("://")
    while at >= 0:
        match = _URL.match(text, at + 3)
        if match is None and at and text[at - 1] in "spSP":
            match = _URL_TOKEN.match(text, at + 3)
        if match is not None:
            user, password, host = match.groupdict().get("user") or "", match["password"], match["host"].lower()
            here = re.match(r"localhost|127\.|\[::1|0\.0\.0\.0|example\.|host\b|hostname\b", host) is not None
            weak = plain_words(password) or password == user or password[:1] in "*.%" or (here and len(password) < STRONG)
            if not weak and len(password) >= 4:  # noqa: PLR2004
                yield Secret(match.start("password"), match.end("password"), "secret.url", "password in a URL", password)
        at = text.find("://", at + 3)


def _named(text: str, lower: str) -> Iterator[Secret]:
    """Values that are given to a name of a secret."""
    for start in sorted(_places(lower, _KEYWORDS)):
        word = _KEYWORD.match(lower, start)
        if word is None or (word[0] == "key" and not _WHOSE_KEY.search(lower[max(0, start - 16) : start])):
            continue
        at = word.end()
        match = _TAIL.match(text, at)
        if match is None or (match["op"] == ">" and "<" not in text[max(0, word.start() - 60) : word.start()]):
            continue
        kind = "quoted" if match["quoted"] is not None else "bare"
        value, rest = match[kind], match["rest"].lower()
        if kind == "bare" and match["next"] and not _literal(text, match):
            continue
        if kind == "bare" and match["op"].strip() == ",":
            continue
        if match["op"].isspace() and not match["close"] and kind != "quoted":
            continue
        if is_secret(
            value, quoted=kind == "quoted" or _assigned_tightly(match["op"]) or (_made_up(value) and _ends(text, match)),
            strong=word[0].strip("_").startswith(("pass", "pw")) or word[0] in {"secret", "credential"}, rest=rest,
            bare=kind == "bare",
        ):  # fmt: skip
            yield Secret(match.start(kind), match.end(kind), "secret.assigned", _label(word[0]), value)


def _literal(text: str, match: re.Match[str]) -> bool:
    """Tell ``key: abc.def`` of a settings file from ``key = abc.def()`` of a program."""
    return match["next"] == "." and text[match.end() : match.end() + 1] in {"", "\n", " "}


def _assigned_tightly(op: str) -> bool:
    """``NAME=value`` and ``name: value`` are how settings are written; programs put blanks around ``=``."""
    return op in {"=", ">"} or (op.startswith(":") and op.endswith(" "))


def _made_up(value: str) -> bool:
    """Tell ``f8Kq2mZpL0`` from a name: letters and digits take turns."""
    return len(re.findall(r"[A-Za-z](?=\d)|\d(?=[A-Za-z])", value)) >= 3  # noqa: PLR2004


def _ends(text: str, match: re.Match[str]) -> bool:
    """Tell whether nothing follows on the line."""
    return text[match.end("bare") : match.end("bare") + 1] in {"", "\n", "\r"}


def _label(word: str) -> str:
    return "password" if word.strip("_").startswith(("pass", "pw")) else "token" if "token" in word else "secret"


def _apart(text: str, found: list[Secret]) -> tuple[Secret, ...]:
    """Sort, cut at line ends, and keep the longer one of two that overlap."""
    lines: list[Secret] = []
    for each in found:
        start = each.start
        for piece in text[each.start : each.end].splitlines(keepends=True):
            inner = piece.strip(" \t\r\n\\\"'`,+")
            if len(inner) >= 3:  # noqa: PLR2004
                begin = start + piece.index(inner)
                lines.append(Secret(begin, begin + len(inner), each.rule, each.label, each.value))
            start += len(piece)
    kept: list[Secret] = []
    for each in sorted(lines, key=lambda one: (one.start, -one.end)):
        if not kept or each.start >= kept[-1].end:
            kept.append(each)
        elif each.end > kept[-1].end:
            last = kept[-1]
            kept[-1] = Secret(last.start, each.end, last.rule, last.label, text[last.start : each.end])
    return tuple(kept)
