"""Text encoding: the bytes of a file as text, how they were written, and back to the same bytes. Pure.

A byte order mark wins, then what the language itself obeys (PEP 263 in Python and Ruby, the XML declaration), then
UTF-8 where the bytes are valid, then what the file or the repository declares, then what is detected. Whatever wins
must give back every byte, line by line; a file for which nothing does is binary.
"""

import codecs
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from domain.text.charsets import Charsets, codec, label

SNIFFED = 8_000
"""A zero byte in the first so many makes a file binary, as in git."""
_SAMPLE = 32 << 10
_PER_FILE = 4 << 10
_VOTERS = 24
"""Files that say what a repository is written in."""
_CONFIDENT = 64
"""Bytes beyond ASCII from which on the detector is believed more than the rest of the repository."""
# UTF-32's mark in little endian begins with that of UTF-16: the longer one is tried first.
_BOMS = (
    (codecs.BOM_UTF8, "utf_8"),
    (codecs.BOM_UTF32_LE, "utf_32_le"),
    (codecs.BOM_UTF32_BE, "utf_32_be"),
    (codecs.BOM_UTF16_LE, "utf_16_le"),
    (codecs.BOM_UTF16_BE, "utf_16_be"),
)
_MARKED = {name: mark for mark, name in _BOMS}
_WIDE = ("utf_16_le", "utf_16_be", "utf_32_le", "utf_32_be")
_USUAL = {
    "latin_1": "cp1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "big5": "cp950",
    "iso8859_9": "cp1254",
    "iso8859_11": "cp874",
    "tis_620": "cp874",
    "big5hkscs": "cp950",
    "shift_jis_2004": "cp932",
    "euc_jis_2004": "euc_jp",
}
_DETECTED_WORDS = """
cp1250 cp1251 cp1252 cp1253 cp1254 cp1255 cp1256 cp1257 cp1258 iso8859_1 iso8859_2 iso8859_5 iso8859_7 iso8859_15
koi8_r koi8_u cp866 cp874 shift_jis_2004 cp932 euc_jis_2004 euc_kr cp949 gb18030 big5hkscs mac_cyrillic
"""
_DETECTED = tuple(_DETECTED_WORDS.split())
"""What source files are written in; old and rare code pages only make short texts ambiguous."""

_COOKIE = re.compile(rb"^[ \t\f]*(?:#|//|--|;|%|/\*|\"|<!--|\*|\.\.)[^\r\n]{0,200}?coding[:=][ \t]*([-\w.]{1,40})")
_PEP263 = re.compile(rb"^[ \t\f]*#[^\r\n]*?coding[:=][ \t]*([-\w.]+)")
_BLANK = re.compile(rb"^[ \t\f]*(?:#|$)")
_XML = re.compile(
    rb"^<\?xml[ \t\r\n][^>]{0,200}?encoding[ \t\r\n]{0,20}=[ \t\r\n]{0,20}[\"']([A-Za-z0-9._-]{1,40})[\"']"
)
_CSS = re.compile(rb'^@charset "([A-Za-z0-9._-]{1,40})";')
_CHARSET = re.compile(rb"charset[ \t]{0,20}=[ \t]{0,20}[\"']?([A-Za-z0-9._-]{1,40})", re.IGNORECASE)
_COOKIED_WORDS = """
py pyi pyw pyx pxd rb rake gemspec
"""
_COOKIED = frozenset(_COOKIED_WORDS.split())
_XMLISH_WORDS = """
xml xsl xslt xsd svg xhtml rng plist resx csproj vbproj config wsdl jrxml xaml xlf kml gpx
"""
_XMLISH = frozenset(_XMLISH_WORDS.split())
_MARKUP_WORDS = """
html htm xhtml php jsp asp aspx cshtml erb tpl tmpl jinja j2 po pot vue
"""
_MARKUP = frozenset(_MARKUP_WORDS.split())
_WESTERN = re.compile(
    r"(?:[\x00-\x7f]|(?<![à-öø-üßÀ-ÖØ-Ü])[àáâäåæçèéêëìíîïñòóôöøùúûüßœÀÁÂÄÅÆÇÈÉÊËÍÎÑÓÔÖØÙÚÛÜŒ]|ée|éé|ãe|ão|õe|Ão"
    r"|(?<![a-zA-Z])[¿¡«§©]|[»°\u2019\u2018\u201c\u201d\u2013—…€£·®™])*"
)
_C1 = re.compile(rb"[\x80-\x9f]")
_TORN = re.compile("[A-Za-z][\u0370-\u06ff]|[\u0370-\u06ff][A-Za-z]")
_BEYOND = re.compile("[^\x00-\x7f]+")
LINE_END = re.compile(r"\r\n|\r|\n")
_PRINTABLE = re.compile(r"[^\x00-\x08\x0e-\x1a\x1c-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
_NONE = Charsets()


@dataclass(frozen=True, slots=True)
class Row:
    """One line as it stands in a file: its text, its end (empty where the file ends without one), its bytes."""

    text: str
    end: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class TextFile:
    """A file that can be shown and written back: ``bom + body`` are its bytes."""

    text: str
    """Line ends as they are, without the byte order mark."""
    encoding: str
    """A codec of Python."""
    bom: bytes = b""
    body: bytes = b""
    other: str = ""
    """The codec of the lines that are not UTF-8, in a file that is written in two encodings."""

    @property
    def data(self) -> bytes:
        return self.bom + self.body

    @property
    def view(self) -> str:
        """The text as it is shown and searched: every line ends with a line feed."""
        return universal(self.text)

    @property
    def label(self) -> str:
        """The encoding in words."""
        name = label(self.encoding)
        if self.bom:
            return f"{name} with a byte order mark"
        return f"{name}, some lines {label(self.other)}" if self.other else name

    @property
    def plain(self) -> bool:
        """Whether its bytes are what git, a terminal and a model take for text: UTF-8 with line feeds."""
        return self.encoding == "utf_8" and not self.other and not self.bom and "\r" not in self.text

    def rows(self) -> list[Row]:
        """Its lines. Joining their bytes gives ``body``."""
        if self.other:
            pieces = (m[0] for m in re.finditer(rb"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+", self.body))
            return [_row(_by_line(piece, self.other), piece) for piece in pieces]
        return [_row(line, line.encode(self.encoding)) for line in lines(self.text)]


def _row(line: str, raw: bytes) -> Row:
    text = line.rstrip("\r\n")
    return Row(text, line[len(text) :], raw)


def lines(text: str) -> list[str]:
    """Cut into lines with their ends: a line feed, a carriage return, or both; nothing else ends a line."""
    cut: list[str] = []
    start = 0
    for end in LINE_END.finditer(text):
        cut.append(text[start : end.end()])
        start = end.end()
    return [*cut, text[start:]] if start < len(text) else cut


def universal(text: str) -> str:
    """The text with line feeds only."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def decoded(data: bytes, path: str = "", charsets: Charsets = _NONE) -> TextFile | None:
    """Read a file as text; None when it is binary. The same arguments always give the same answer.

    Args:
        data: its content.
        path: of the file in its repository: some languages declare their encoding in their own way.
        charsets: what the repository says.
    """
    bom, marked = next(((mark, name) for mark, name in _BOMS if data.startswith(mark)), (b"", ""))
    if marked in _WIDE:
        for mark, name in _BOMS:
            if data.startswith(mark) and (file := _exact(data[len(mark) :], name, mark)) and _sound(file.text):
                return file
        bom = b""
    body = data[len(bom) :]
    head = body[:SNIFFED]
    # What a file declares is what its own tools obey, also where its bytes are valid UTF-8 by chance.
    if not bom and (law := declared(path, body)) and law != "utf_8" and (file := _exact(body, law)):
        return file if b"\0" not in head else None
    if b"\0" in head:
        return None if bom else wide_text(body, charsets.of(path))
    # ISO-2022 is ASCII by its bytes; an escape sequence says what they stand for.
    if body.isascii() and b"\x1b$" not in body:
        return TextFile(body.decode("ascii"), "utf_8" if bom else _for_more(body, path, charsets), bom, body)
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return _legacy(body, bom, path, charsets)
    if body.isascii() and (file := _exact(body, "iso2022_jp")) and not file.text.isascii():
        return file
    return TextFile(text, "utf_8", bom, body)


def _for_more(body: bytes, path: str, charsets: Charsets) -> str:
    """The codec for what is yet to be written into a file that is ASCII so far."""
    if declared(path, body) or _extension(path) in _COOKIED:
        return declared(path, body) or "utf_8"
    for name in (hinted(path, body), codec(charsets.of(path, new=True))):
        if name and name not in _WIDE and _exact(body, name):
            return name
    return "utf_8"


def declared(path: str, body: bytes) -> str:
    """The codec that the language of a file makes its tools use; empty where it says nothing."""
    if _extension(path) in _COOKIED or (body.startswith(b"#!") and b"python" in body[:80].split(b"\n", 1)[0]):
        for line in re.split(rb"\r\n|\r|\n", body[:1_000], maxsplit=2)[:2]:
            if cookie := _PEP263.match(line):
                return codec(cookie[1].decode("ascii"))
            if not _BLANK.match(line):
                return ""
        return ""
    if _extension(path) in _XMLISH or body.startswith(b"<?xml"):
        declaration = _XML.match(body[:400])
        return codec(declaration[1].decode("ascii")) if declaration else ""
    return ""


def hinted(path: str, body: bytes) -> str:
    """The codec that a file names somewhere: in a mode line, a ``charset`` of HTML, CSS or gettext."""
    if rule := _CSS.match(body[:100]):
        return codec(rule[1].decode("ascii"))
    for line in re.split(rb"\r\n|\r|\n", body[:1_000], maxsplit=2)[:2]:
        if cookie := _COOKIE.match(line):
            return codec(cookie[1].decode("ascii"))
    charset = _CHARSET.search(body[:4_096]) if _extension(path) in _MARKUP else None
    return codec(charset[1].decode("ascii")) if charset else ""


def _legacy(body: bytes, bom: bytes, path: str, charsets: Charsets) -> TextFile | None:
    """Read what is not UTF-8."""
    strange = len(body) - len(body.translate(None, bytes((*range(1, 8), *range(14, 27), *range(28, 32), 127))))
    # One byte in a hundred that is no text: noise in any encoding.
    if strange * 100 > len(body):
        return None
    lenient = body.decode(errors="surrogateescape")
    broken = sum(1 for c in lenient if "\udc80" <= c <= "\udcff")
    valid = sum(1 for c in lenient if c > "\x7f") - broken
    # Mostly UTF-8: a file in two encodings, as after a paste, is read line by line.
    if bom or valid >= 2 * broken:
        other = charsets.dominant or "cp1252"
        rows = (_by_line(piece, other) for piece in re.findall(rb"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+", body))
        return TextFile("".join(rows), "utf_8", bom, body, other)
    for name in candidate_encodings(body, path, charsets):
        file = _exact(body, name)
        if file is not None and _sound(file.text):
            return file
    return None


def candidate_encodings(body: bytes, path: str, charsets: Charsets) -> Iterator[str]:
    """Yield the codecs that a file may be written in, the most trustworthy first: declared, usual here, detected."""
    for name in (hinted(path, body), codec(charsets.of(path))):
        if name and name not in _WIDE:
            both = (name, _USUAL.get(name, name))
            # What says ISO-8859-1 and has these is Windows-1252 (WHATWG's encoding standard).
            yield from both[::-1] if name == "latin_1" and _C1.search(body) else both
    sample = _telling(body, _SAMPLE)
    if charsets.dominant and not _many(sample):
        # An encoding makes words of one script: ``cafй`` is no word of Windows-1251.
        text = sample.decode(charsets.dominant, errors="replace")
        if 2 * len(_TORN.findall(text)) <= len(_BEYOND.findall(text)):
            yield charsets.dominant
    yield from _detected(sample)
    yield from (name for name in (charsets.dominant, "cp1252", "latin_1") if name)


def _detected(sample: bytes) -> Iterator[str]:
    """What a sample is probably written in, by its look, then by statistics, which need more text."""
    if name := _by_look(sample):
        yield name
    import chardet  # noqa: PLC0415  needed for few files, and its models take a tenth of a second to load

    detected = chardet.detect(sample, max_bytes=_SAMPLE, compat_names=False, include_encodings=_DETECTED)
    name = codec(detected["encoding"] or "")
    if name:
        wider = _USUAL.get(name, name)
        yield from (wider, name)


def _by_look(sample: bytes) -> str:
    """The codec where a few characters are telling enough; empty where they are not."""
    for name in ("euc_jp", "cp932"):
        file = _exact(sample, name)
        beyond = [c for c in file.text if c > "\x7f"] if file else []
        if 2 * sum("\u3041" <= c <= "\u30fe" for c in beyond) > len(beyond):
            return name
    file = _exact(sample, "cp1252")
    return "cp1252" if file is not None and not file.text.isascii() and _WESTERN.fullmatch(file.text) else ""


def _many(sample: bytes) -> bool:
    """Whether there is enough for the detector to be believed."""
    return len(sample.translate(None, bytes(range(128)))) >= _CONFIDENT


def _telling(body: bytes, size: int) -> bytes:
    """The lines with anything beyond ASCII, as many as fit."""
    telling, left = list[bytes](), size
    for line in re.finditer(rb"[^\r\n]*[\x80-\xff][^\r\n]*", body):
        telling.append(line[0][:left])
        left -= len(telling[-1]) + 1
        if left <= 0:
            break
    return b"\n".join(telling)


def dominant(files: Mapping[str, bytes], declared_by: Charsets) -> str:
    """The codec of most files that are not UTF-8; empty where all are. Short files are read together.

    Args:
        files: path → content; a sample of the tree will do.
        declared_by: the tree's own declarations.
    """
    votes: Counter[str] = Counter()
    silent: list[bytes] = []
    for path in sorted(files):
        data = files[path]
        if data.isascii() or b"\0" in data[:SNIFFED] or data.startswith(codecs.BOM_UTF8) or _exact(data, "utf_8"):
            continue
        name = declared(path, data) or hinted(path, data) or codec(declared_by.of(path))
        if name and name != "utf_8" and _exact(data, name):
            votes[name] += 1
        else:
            silent.append(data)
    short: list[bytes] = []
    # Files from all over the tree: those that are next to each other are alike.
    for data in silent[:: max(1, len(silent) // _VOTERS)]:
        sample = _telling(data, _PER_FILE)
        name = _by_look(sample) or (next(_detected(sample), "") if _many(sample) else "")
        if name and _exact(data, name):
            votes[name] += 1
        else:
            short.append(data)
    together = b"\n".join(_telling(data, _PER_FILE) for data in short)[:_SAMPLE]
    for name in _detected(together) if short else ():
        if 2 * (fit := sum(_exact(data, name) is not None for data in short)) > len(short):
            votes[name] += fit
            break
    return min(votes, key=lambda name: (-votes[name], name)) if votes else ""


def _exact(body: bytes, name: str, bom: bytes = b"") -> TextFile | None:
    """The text, when every line of it gives the same bytes again. A codec with a state must end each line at rest."""
    try:
        text = body.decode(name)
        stateful = name.startswith("iso2022")
        again = b"".join(line.encode(name) for line in lines(text)) if stateful else text.encode(name)
    except (UnicodeError, LookupError):
        return None
    return TextFile(text, name, bom, body) if again == body else None


def _sound(text: str) -> bool:
    """Tell text from noise: hardly anything in it is a control character."""
    start = text[: SNIFFED * 4]
    return len(_PRINTABLE.sub("", start)) * 100 <= len(start) and "\0" not in start


def wide_text(body: bytes, charset: str = "") -> TextFile | None:
    """UTF-16 or UTF-32 without a mark: of those that give text, the one with most letters and line ends of ASCII."""
    best: tuple[float, str] | None = None
    for name in _WIDE:
        try:
            start = body[: SNIFFED - SNIFFED % 4].decode(name, errors="strict" if len(body) <= SNIFFED else "ignore")
        except UnicodeDecodeError:
            continue
        usual = sum(1 for c in start if c in "\t\n\r" or " " <= c <= "~")
        # What the repository declares decides between two that are equal.
        score = usual + (codec(charset) == name)
        if _sound(start) and usual and (best is None or score > best[0]):
            best = score, name
    file = _exact(body, best[1]) if best else None
    return file if file is not None and len(file.text) > 1 else None


def _by_line(piece: bytes, other: str) -> str:
    """One line of a file of two encodings."""
    try:
        return piece.decode()
    except UnicodeDecodeError:
        file = _exact(piece, other)
        return file.text if file else piece.decode("latin-1")


def _extension(path: str) -> str:
    name = path.rsplit("/", 1)[-1]
    return name.rsplit(".", 1)[-1].lower() if "." in name.lstrip(".") else ""
