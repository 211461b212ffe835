"""Charset names: what a repository declares about the encoding of its files, read as data. Pure.

``.editorconfig`` (``charset``), ``.gitattributes`` (``encoding`` and ``working-tree-encoding``), and the encoding that
most of its files have which are not UTF-8.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from encodings.aliases import aliases
from functools import cache, lru_cache

DECLARING = (".editorconfig", ".gitattributes")
"""Names of the files that declare something, in any folder."""
MAX_BYTES = 256 << 10
_MAX_RULES = 200
_MAX_PATH = 1_000
_MAX_ALTERNATIVES = 64
_MAX_PATTERN = 300
_MAX_NAME = 40

_CODECS = """
ascii utf_8 utf_16_le utf_16_be utf_32_le utf_32_be latin_1 iso8859_2 iso8859_3 iso8859_4 iso8859_5 iso8859_6
iso8859_7 iso8859_8 iso8859_9 iso8859_10 iso8859_11 iso8859_13 iso8859_14 iso8859_15 iso8859_16 cp1250 cp1251 cp1252
cp1253 cp1254 cp1255 cp1256 cp1257 cp1258 koi8_r koi8_u koi8_t kz1048 ptcp154 mac_roman mac_latin2 mac_cyrillic
mac_greek mac_turkish mac_iceland cp437 cp737 cp775 cp850 cp852 cp855 cp857 cp858 cp860 cp861 cp862 cp863 cp864 cp865
cp866 cp869 cp874 cp1125 tis_620 hp_roman8 shift_jis cp932 shift_jis_2004 shift_jisx0213 euc_jp euc_jis_2004
euc_jisx0213 iso2022_jp iso2022_jp_1 iso2022_jp_2 iso2022_jp_2004 iso2022_jp_3 iso2022_jp_ext iso2022_kr euc_kr cp949
johab gb2312 gbk gb18030 big5 big5hkscs cp950
"""
_KNOWN = frozenset(_CODECS.split())
"""Codecs of text. Nothing else is ever looked up by a name that a file says: some codecs are compressors."""
_ALSO = {
    "utf8": "utf_8",
    "u8": "utf_8",
    "utf_8_sig": "utf_8",
    "utf_8_bom": "utf_8",
    "utf8_bom": "utf_8",
    "utf_16le": "utf_16_le",
    "utf_16be": "utf_16_be",
    "utf16le": "utf_16_le",
    "utf16be": "utf_16_be",
    "utf_32le": "utf_32_le",
    "utf_32be": "utf_32_be",
    "utf_16le_bom": "utf_16_le",
    "utf_16be_bom": "utf_16_be",
    "latin1": "latin_1",
    "ansi": "cp1252",
    "windows_31j": "cp932",
    "x_sjis": "shift_jis",
    "ks_c_5601_1987": "cp949",
    "windows_949": "cp949",
    "uhc": "cp949",
    "windows_932": "cp932",
    "windows_936": "gbk",
    "x_gbk": "gbk",
    "windows_950": "cp950",
    "x_x_big5": "big5",
    "iso8859_1": "latin_1",
    "iso_8859_8_i": "iso8859_8",
    "x_mac_cyrillic": "mac_cyrillic",
    "x_euc_jp": "euc_jp",
    "dos_866": "cp866",
    "big5_hkscs": "big5hkscs",
    "windows_874": "cp874",
    "macintosh": "mac_roman",
}
_NAMES = {
    "latin_1": "iso-8859-1",
    "tis_620": "tis-620",
    "iso2022_jp": "iso-2022-jp",
    "iso2022_kr": "iso-2022-kr",
    "koi8_r": "koi8-r",
    "koi8_u": "koi8-u",
    "euc_jp": "euc-jp",
    "euc_kr": "euc-kr",
    "ascii": "us-ascii",
    "utf_8": "utf-8",
    "utf_16_le": "utf-16le",
    "utf_16_be": "utf-16be",
    "utf_32_le": "utf-32le",
    "utf_32_be": "utf-32be",
}


@cache
def _spellings() -> Mapping[str, str]:
    known = {name.replace("_", ""): name for name in _KNOWN}
    known |= {alias.replace("_", ""): name for alias, name in aliases.items() if name in _KNOWN}
    return known | {alias.replace("_", ""): name for alias, name in _ALSO.items()}


def codec(name: str) -> str:
    """Return Python's name of an encoding of text, however it is spelled; empty for anything else."""
    plain = re.sub(r"[^a-z0-9]", "", name.lower()) if len(name) <= _MAX_NAME else ""
    if not plain or plain in {"utf16", "utf32"}:  # which of two is said by the byte order mark
        return ""
    python_name = _spellings().get(plain, "")
    if not python_name and plain.startswith("windows"):
        return _spellings().get(f"cp{plain[7:]}", "")
    return python_name


def label(name: str) -> str:
    """Return the name that people know an encoding by (IANA's where there is one)."""
    if name in _NAMES:
        return _NAMES[name]
    if re.fullmatch(r"cp125\d", name):
        return f"windows-{name[2:]}"
    return name.replace("iso8859_", "iso-8859-")


@dataclass(frozen=True, slots=True)
class Rule:
    """One declaration: files below ``folder`` that match ``pattern`` have this charset."""

    folder: str
    pattern: str
    charset: str
    """As it was written; empty takes earlier ones back."""
    of_blobs: bool = True
    """False: about the work tree only (``working-tree-encoding``); what git stores is UTF-8."""

    def covers(self, path: str) -> bool:
        """Tell whether a path is one of those that it is about."""
        if self.folder and not path.startswith(f"{self.folder}/"):
            return False
        inner = path[len(self.folder) + 1 :] if self.folder else path
        pattern = self.pattern
        if "/" not in pattern.rstrip("/"):
            inner = inner.rsplit("/", 1)[-1]
        return len(inner) <= _MAX_PATH and any(glob.matches(inner) for glob in _globs(pattern))


@dataclass(frozen=True, slots=True)
class Charsets:
    """What is declared in one tree, the most specific last."""

    rules: tuple[Rule, ...] = ()
    dominant: str = ""
    """The codec that most files have which are not UTF-8; empty where all are."""

    def of(self, path: str, *, new: bool = False) -> str:
        """The charset as it was declared for a path, for a ``new`` file or one that is there; else empty."""
        for rule in reversed(self.rules):
            if (rule.of_blobs or not new) and rule.covers(path):
                return rule.charset
        return ""


def declarations(files: Mapping[str, bytes]) -> tuple[Rule, ...]:
    """Read the declarations of a tree.

    Args:
        files: path → content of its ``.editorconfig`` and ``.gitattributes`` files.
    """
    rules: list[Rule] = []
    # The last rule that covers a path counts: .editorconfig overrules .gitattributes, and a folder those around it.
    for name, read in ((".gitattributes", gitattributes_rules), (".editorconfig", editorconfig_rules)):
        for path in sorted((p for p in files if p.rsplit("/", 1)[-1] == name), key=lambda p: (p.count("/"), p)):
            text = files[path][:MAX_BYTES].decode("utf-8-sig", errors="replace")
            rules += read(path.rpartition("/")[0], text)
    return tuple(rules[-_MAX_RULES:])


def editorconfig_rules(folder: str, text: str) -> Iterator[Rule]:
    pattern = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("[") and line.endswith("]"):
            pattern = line[1:-1]
        elif pattern and not line.startswith(("#", ";")) and "=" in line:
            key, _, value = (part.strip() for part in line.partition("="))
            if key.lower() == "charset" and len(pattern) <= _MAX_PATTERN:
                yield Rule(folder, pattern, "" if value.lower() == "unset" else value.lower())


def gitattributes_rules(folder: str, text: str) -> Iterator[Rule]:
    for line in text.splitlines():
        pattern, *attributes = line.split() or [""]
        if not attributes or pattern.startswith(("#", "!", "[attr]", '"')) or len(pattern) > _MAX_PATTERN:
            continue
        for attribute in attributes:
            key, _, value = attribute.partition("=")
            # Braces mean themselves in git's patterns.
            if key in {"encoding", "working-tree-encoding"} and value:
                yield Rule(folder, pattern.replace("{", "[{]"), value.lower(), of_blobs=key == "encoding")


def expanded_braces(pattern: str) -> list[str]:
    """Spell ``{a,b}`` and ``{1..3}`` out, a bounded number of times."""
    expanded, waiting = list[str](), [pattern]
    while waiting and len(expanded) + len(waiting) <= _MAX_ALTERNATIVES:
        each = waiting.pop()
        inner = re.search(r"(?<!\[)\{([^{}]*)\}", each)
        if inner is None:
            expanded.append(each)
            continue
        numbers = re.fullmatch(r"(-?\d{1,6})\.\.(-?\d{1,6})", inner[1])
        if numbers:
            low, high = sorted((int(numbers[1]), int(numbers[2])))
            choices = [str(number) for number in range(low, min(high, low + _MAX_ALTERNATIVES) + 1)]
        elif "," in inner[1]:
            choices = inner[1].split(",")
        else:
            # ``{x}`` has no alternatives: EditorConfig takes it as it stands.
            choices = [f"[{{]{inner[1]}[}}]"]
        waiting += [each[: inner.start()] + choice + each[inner.end() :] for choice in choices]
    return expanded


@dataclass(frozen=True, slots=True)
class _Glob:
    """One pattern without alternatives, in parts."""

    parts: tuple[str, ...]
    tail: str
    """What a path must end with: most paths need no closer look."""

    def matches(self, text: str) -> bool:
        """Step all places in the pattern at once: the time is its length times that of the text."""
        if not text.endswith(self.tail):
            return False
        places = _onward({0}, self.parts)
        for char in text:
            places = _onward(
                {n for at in places if at < len(self.parts) for n in _step(self.parts[at], char, at)}, self.parts
            )
            if not places:
                return False
        return len(self.parts) in places


@lru_cache(maxsize=1_024)
def _globs(pattern: str) -> tuple[_Glob, ...]:
    globs: list[_Glob] = []
    for each in expanded_braces(pattern):
        parts = re.findall(r"\*\*/?|\*|\?|\[[!^]?[^\]]+\]|\\.|.", each.removeprefix("/"), re.DOTALL)
        tail = 0
        while tail < len(parts) and len(parts[-1 - tail]) == 1 and parts[-1 - tail] not in "*?":
            tail += 1
        globs.append(_Glob(tuple(parts), "".join(parts[len(parts) - tail :])))
    return tuple(globs)


def _onward(places: set[int], parts: tuple[str, ...]) -> set[int]:
    """The places that are reached without reading anything: a star may stand for nothing."""
    reached = set(places)
    for at in sorted(places):
        after = at
        while after < len(parts) and parts[after].startswith("*"):
            after += 1
            reached.add(after)
    return reached


def _step(part: str, char: str, at: int) -> Iterator[int]:
    if part.startswith("**"):
        yield at
    elif part == "*":
        if char != "/":
            yield at
    elif part == "?":
        if char != "/":
            yield at + 1
    elif len(part) > 1 and part.startswith("["):
        inside = part[1:-1].lstrip("!^") if part[1] in "!^" else part[1:-1]
        spans = re.findall(r"(.)-(.)|(.)", inside, re.DOTALL)
        within = any(low <= char <= high if low else char == one for low, high, one in spans)
        if char != "/" and within != (part[1] in "!^"):
            yield at + 1
    elif part[-1] == char:
        yield at + 1
