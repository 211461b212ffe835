"""Text edits: a search replaced, or a file written anew, with every other byte left as it was. Pure.

Lines that do not change keep their bytes; new ones take the encoding of the file and the line end of the line before.
"""

import unicodedata
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import pairwise

from domain.errors import Refused
from domain.text.charsets import Charsets, codec, label
from domain.text.encoding import LINE_END, Row, TextFile, declared, universal
from domain.text.line_matching import matching

_MARK = "\ufeff"
_BOM = {"utf_8": b"\xef\xbb\xbf", "utf_16_le": b"\xff\xfe", "utf_16_be": b"\xfe\xff"}


class NotOnce(Exception):
    """The searched text was found ``times``, not once."""

    def __init__(self, times: int) -> None:
        super().__init__(f"found {times} times")
        self.times = times


def replaced(file: TextFile, search: str, replace: str, path: str) -> bytes:
    """Return the bytes of the file after one replacement.

    Raises:
        NotOnce: the searched text is not there exactly once.
        Refused: ``not_encodable``.
    """
    search, replace = search.removeprefix(_MARK), replace.removeprefix(_MARK)
    # Who quotes a carriage return has seen the bytes of the file, and is taken at their word.
    literal = "\r" in search and file.text.count(search) == 1
    if literal:
        start = file.text.index(search)
        end, new = start + len(search), replace
    else:
        start, end, new = _found(file, search, replace)
    head, rows, tail = _around(file, start, end)
    first = universal(file.text[:start]).count("\n")
    before = sum(len(row.text) + len(row.end) for row in rows)
    at = len(head.text)
    left, right = file.text[at:start], file.text[end : at + before]
    if literal:
        middle = _encoded(left + new + right, file.encoding, path, first + 1)
    else:
        changed = universal(left) + universal(new) + universal(right)
        usual = head.end or _usual_in(file.text)
        middle = b"".join(_merged(rows, changed, file, path, first=first, usual=usual))
    body = head.raw + middle + tail
    # The bytes of the whole file, anew where its declaration was changed.
    law = _law(path, body, file)
    if law == file.encoding or file.other:
        return file.bom + body
    return _encoded(body.decode(file.encoding), law, path, 1)


def rewritten(file: TextFile, content: str, path: str) -> bytes:
    """Return the bytes of a file whose whole text is given anew; it ends with a line end if it did before.

    Raises:
        Refused: ``not_encodable``.
    """
    rows, text = file.rows(), universal(content.removeprefix(_MARK))
    if text and rows:
        ended = bool(rows[-1].end)
        if ended and not text.endswith("\n"):
            text += "\n"
        elif not ended and text.endswith("\n"):
            text = text[:-1]
    law = _law(path, text.encode(errors="replace"), file)
    if law != file.encoding:
        file = TextFile(file.text, law, b"" if law != "utf_8" else file.bom, file.body)
        rows = [Row(row.text, row.end, b"") for row in rows]  # their bytes mean something else now
    return file.bom + b"".join(_merged(rows, text, file, path, first=0, usual=_usual_in(file.text)))


def written(content: str, path: str, charsets: Charsets) -> bytes:
    """Return the bytes of a new file: UTF-8, unless it or the repository says otherwise.

    Raises:
        Refused: ``not_encodable``.
    """
    charset = charsets.of(path, new=True)
    name = declared(path, content.encode(errors="replace")) or codec(charset) or "utf_8"
    if path.endswith((".py", ".pyi", ".pyw")):  # the language says UTF-8 where nothing is declared
        name = declared(path, content.encode(errors="replace")) or "utf_8"
    bom = b""
    if not content.startswith(_MARK) and (charset.endswith("bom") or name.startswith("utf_16")):
        bom = _BOM.get(name, b"")
    return bom + _encoded(content, name, path, 1)


def _around(file: TextFile, start: int, end: int) -> tuple[Row, list[Row], bytes]:
    """What stands before the lines that hold ``start`` to ``end`` (with its last line end), those lines, the rest."""
    text = file.text
    if not file.other:
        low = max(text.rfind("\n", 0, start), text.rfind("\r", 0, start)) + 1
        high = end
        if end == start or text[end - 1] not in "\r\n":
            behind = LINE_END.search(text, end)
            high = behind.end() if behind else len(text)
        rows = TextFile(text[low:high], file.encoding).rows()
        last = "\r\n" if text[:low].endswith("\r\n") else text[low - 1 : low]
        return Row(text[:low], last, text[:low].encode(file.encoding)), rows, text[high:].encode(file.encoding)
    rows, offsets = file.rows(), [0]
    for row in rows:
        offsets.append(offsets[-1] + len(row.text) + len(row.end))
    first = max(0, bisect_left(offsets, start + 1) - 1)
    last = max(first + 1, bisect_left(offsets, end))
    before = rows[:first]
    head = Row(text[: offsets[first]], before[-1].end if before else "", b"".join(row.raw for row in before))
    return head, rows[first:last], b"".join(row.raw for row in rows[last:])


def _usual_in(text: str) -> str:
    both = text.count("\r\n")
    counted = {"\r\n": both, "\n": text.count("\n") - both, "\r": text.count("\r") - both}
    return max(counted, key=lambda end: (counted[end], end == "\n"))


def _found(file: TextFile, search: str, replace: str) -> tuple[int, int, str]:
    """Where the search stands in ``file.text``, and what to put there."""
    view = file.view
    for variant, new in edit_variants(universal(search), replace, view):
        times = view.count(variant)
        if times == 1:
            at = view.index(variant)
            start, end = text_offsets(file.text, at, at + len(variant))
            return start, end, new
        if times > 1:
            exact = file.text.count(search)
            if exact == 1 and not search.startswith("\n"):
                start = file.text.index(search)
                return start, start + len(search), replace
            raise NotOnce(times)
    raise NotOnce(0)


def edit_variants(search: str, replace: str, view: str) -> Iterator[tuple[str, str]]:
    """Yield the edit as it stands, with its accents composed the other way, and without a last line end."""
    yield search, replace
    if not search.isascii():
        for form in ("NFC", "NFD"):
            if (other := unicodedata.normalize(form, search)) != search:
                yield other, unicodedata.normalize(form, replace)
    if search.endswith("\n") and search != "\n" and view.endswith(search[:-1]):
        yield search[:-1], universal(replace).removesuffix("\n")


def text_offsets(text: str, *places: int) -> tuple[int, ...]:
    """Places in the view of a text, as places in the text."""
    if "\r\n" not in text:
        return places
    # In the view each of these pairs is one character.
    ends: list[int] = []
    at = text.find("\r\n")
    while at >= 0:
        ends.append(at - len(ends))
        at = text.find("\r\n", at + 2)
    return tuple(place + bisect_left(ends, place) for place in places)


def _merged(old: Sequence[Row], text: str, file: TextFile, path: str, *, first: int, usual: str) -> Iterator[bytes]:
    """Yield the bytes of the lines of ``text``, those of ``old`` as they were.

    Args:
        old: lines that it takes the place of; those without bytes are encoded anew.
        text: with line feeds.
        file: says how to encode.
        path: for messages.
        first: number of lines before these.
        usual: the line end where no neighbour tells.
    """
    new = text.split("\n")
    ended = [True] * (len(new) - 1) + [False]
    if not new[-1]:
        del new[-1], ended[-1]
    pairs = matching([row.text for row in old], new)
    same = {at: index for index, at in pairs}
    gaps = pairwise([(-1, -1), *pairs, (len(old), len(new))])
    stood = {b + n: a + n for (a, b), (c, d) in gaps for n in range(1, min(c - a, d - b))}
    end = usual
    for at, line in enumerate(new):
        row = old[same[at]] if at in same else None
        if row is not None and row.raw and bool(row.end) == ended[at]:
            end = row.end or end
            yield row.raw
            continue
        # A line that was changed keeps the end of the one it replaces; a new one ends like the line above.
        place = old[stood[at]].end if at in stood else row.end if row is not None else ""
        if not place and at == 0 and not first:
            following = next((old[index].end for _, index in sorted(same.items()) if old[index].end), "")
            place = following
        end = place or end
        yield _encoded(line + (end if ended[at] else ""), file.encoding, path, first + at + 1)


def _law(path: str, text: bytes, file: TextFile) -> str:
    """The codec of the new text: the file's own, unless what its language declares has changed."""
    before, after = declared(path, file.body), declared(path, text)
    # Not changed, overruled by a byte order mark, or wrong before: the file stays in what it is written in.
    if before == after or file.bom or (before and before != file.encoding):
        return file.encoding
    return after or "utf_8"


def _encoded(text: str, name: str, path: str, line: int) -> bytes:
    try:
        return text.encode(name)
    except UnicodeEncodeError as error:
        char = text[error.start]
        name_of_char = unicodedata.name(char, "")
        shown = f"U+{ord(char):04X} {name_of_char}".strip()
        shown = f"{char!r} ({shown})" if char.isprintable() else shown
        number = line + universal(text[: error.start]).count("\n")
        raise Refused(
            f"{path}, line {number}: {shown} cannot be written in {label(name)}, the encoding of this file.",
            code="not_encodable",
            hint=f"Write line {number} with characters that {label(name)} has, or with an escape of the language.",
        ) from error
