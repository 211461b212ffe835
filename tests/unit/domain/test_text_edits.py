"""An edit changes what it says, in the encoding and with the line ends of the file, and no other byte."""

import contextlib
import itertools

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from domain import Refused
from domain.text.charsets import Charsets, Rule
from domain.text.edits import NotOnce, edit_variants, replaced, rewritten, text_offsets, written
from domain.text.encoding import TextFile, decoded
from domain.text.line_matching import matching, numbered_lines, unique_lines

ENCODINGS = [
    "utf-8",
    "utf-8-sig",
    "utf-16",
    "utf-16-le",
    "latin-1",
    "cp1251",
    "shift_jis",
    "gb18030",
    "euc_jp",
    "iso2022_jp",
]
LINE = st.text(alphabet="ab é\fжあ\t", max_size=6)
END = st.sampled_from(["\n", "\r\n", "\r"])


@st.composite
def files(draw):
    """Bytes of a text with line ends of all kinds, with or without the last one, as text."""
    encoding = draw(st.sampled_from(ENCODINGS))
    text = "".join(draw(LINE) + draw(END) for _ in range(draw(st.integers(0, 8)))) + draw(LINE)
    data = text.encode(encoding, errors="ignore")
    file = decoded(data)
    assume(file is not None)
    return file


def read(data: bytes, path: str = "") -> TextFile:
    file = decoded(data, path)
    assert file is not None
    return file


@given(files())
def test_a_file_written_as_it_is_keeps_every_byte(file):
    assert rewritten(file, file.view, "a") == file.data
    assert rewritten(file, file.text, "a") == file.data
    assert (
        rewritten(file, file.view.removesuffix("\n"), "a") == file.data
        or file.view.endswith("\n\n")
        or file.view == "\n"
    )


@given(files(), st.data())
def test_an_edit_that_changes_nothing_changes_no_byte(file, data):
    view = file.view
    assume(view)
    start = data.draw(st.integers(0, len(view) - 1))
    piece = view[start : data.draw(st.integers(start + 1, len(view)))]
    if view.count(piece) == 1:
        assert replaced(file, piece, piece, "a") == file.data
        return
    with contextlib.suppress(NotOnce):  # where one of them is told apart by its line ends
        assert replaced(file, piece, piece, "a") == file.data


@given(files(), st.data(), st.text(alphabet="xyz\n", max_size=5))
def test_an_edit_leaves_the_bytes_of_all_other_lines_alone(file, data, new):
    rows = file.rows()
    assume(rows)
    at = data.draw(st.integers(0, len(rows) - 1))
    old = rows[at].text
    assume(old and file.view.count(old) == 1)
    after = replaced(file, old, new, "a")
    before = file.bom + b"".join(row.raw for row in rows[:at])
    behind = b"".join(row.raw for row in rows[at + 1 :])
    assert after.startswith(before)
    assert after.endswith(behind)
    middle = after[len(before) : len(after) - len(behind)]
    ends = {row.end for row in rows if row.end} or {"\n"}
    expected = {(new.replace("\n", end) + rows[at].end).encode(file.encoding) for end in ends}
    assert middle in expected or len(ends) > 1


@given(files(), st.data(), st.text(alphabet="xyz\n", max_size=5))
def test_a_rewrite_leaves_the_bytes_of_lines_that_stay(file, data, new):
    rows = file.rows()
    assume(rows)
    at = data.draw(st.integers(0, len(rows)))
    texts = [row.text for row in rows]
    content = "\n".join([*texts[:at], *new.split("\n"), *texts[at:]]) + "\n" * bool(rows[-1].end)
    assume(content.endswith("\n") == bool(rows[-1].end))
    after = rewritten(file, content, "a")
    kept = iter(after_rows(after, file))
    assert read_view(after, file) == content
    assert all(any(row.raw == raw or not row.end for raw in kept) for row in rows[:-1])


def after_rows(data: bytes, file: TextFile) -> list[bytes]:
    body = data.removeprefix(file.bom)
    return [row.raw for row in TextFile(body.decode(file.encoding), file.encoding, file.bom, body).rows()]


def read_view(data: bytes, file: TextFile) -> str:
    return TextFile(data.removeprefix(file.bom).decode(file.encoding), file.encoding).view


@given(st.lists(st.sampled_from("abc"), max_size=12), st.lists(st.sampled_from("abc"), max_size=12))
def test_matched_lines_are_equal_and_in_order(old, new):
    pairs = matching(old, new)
    assert all(old[a] == new[b] for a, b in pairs)
    assert all(a < c and b < d for (a, b), (c, d) in itertools.pairwise(pairs))
    assert len(matching(old, old)) == len(old)


def test_many_equal_lines_are_matched_in_little_time():
    assert len(matching(["x", "y"] * 50_000, ["y", "y", "x"] * 40_000)) > 1_000


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8", "utf-16", "utf-16-le"])
def test_a_search_with_an_accent_is_found(encoding):
    data = "# café\r\nx = 1\r\n".encode(encoding)
    assert replaced(read(data), "café\nx = 1", "thé\nx = 2", "a") == "# thé\r\nx = 2\r\n".encode(encoding)


def test_an_accent_may_be_composed_the_other_way():
    assert replaced(read("cafe\u0301 = 1\n".encode()), "café = 1", "thé = 2", "a") == "the\u0301 = 2\n".encode()


def test_a_new_line_takes_the_line_end_of_the_one_before():
    mixed = b"a\r\nb\nc\rd"
    assert replaced(read(mixed), "a", "a\nA", "a") == b"a\r\nA\r\nb\nc\rd"
    assert replaced(read(mixed), "b\n", "b\nB\n", "a") == b"a\r\nb\nB\nc\rd"
    assert replaced(read(mixed), "c", "C\nCC", "a") == b"a\r\nb\nC\rCC\rd"
    assert replaced(read(mixed), "d", "d\nD", "a") == b"a\r\nb\nc\rd\rD"
    assert rewritten(read(mixed), "a\nb\nnew\nc\nd\n", "a") == b"a\r\nb\nnew\nc\rd"
    assert rewritten(read(mixed), "A\nB\nC\nD", "a") == b"A\r\nB\nC\rD"
    assert rewritten(read(b"a\r\n"), "first\na\n", "a") == b"first\r\na\r\n"


def test_what_ends_without_a_newline_still_does():
    assert rewritten(read(b"a\nb"), "a\nc\n", "a") == b"a\nc"
    assert rewritten(read(b"a\nb\n"), "a\nc", "a") == b"a\nc\n"
    assert replaced(read(b"a\nb"), "b\n", "c\n", "a") == b"a\nc"
    assert rewritten(read(b"a\n"), "", "a") == b""
    assert rewritten(read(b""), "a\n", "a") == b"a\n"


def test_line_ends_can_be_changed_by_naming_them():
    assert replaced(read(b"a\r\nb\r\n"), "a\r\n", "a\n", "a") == b"a\nb\r\n"


def test_form_feeds_and_marks_stay():
    data = b"\xef\xbb\xbfa\f\n\x0bb\x0c\nc\n"
    assert replaced(read(data), "c", "d", "a") == b"\xef\xbb\xbfa\f\n\x0bb\x0c\nd\n"
    assert rewritten(read(data), "\ufeffa\f\n\x0bb\x0c\nd\n", "a") == b"\xef\xbb\xbfa\f\n\x0bb\x0c\nd\n"


@pytest.mark.parametrize(("new", "char", "line"), [("# Привет", "П", 2), ("ok\n€uro", "€", 3), ("\ud800", "U+D800", 2)])
def test_what_the_encoding_cannot_hold_is_refused_with_its_place(new, char, line):
    file = read(b"# coding: latin-1\n# caf\xe9\n", "a.py")
    for change in (
        lambda: replaced(file, "# café", new, "a.py"),
        lambda: rewritten(file, f"# coding: latin-1\n{new}\n", "a.py"),
    ):
        with pytest.raises(Refused) as refusal:
            change()
        assert refusal.value.stable_code == "not_encodable"
        assert char in refusal.value.message
        assert "iso-8859-1" in refusal.value.message
        assert f"line {line}" in refusal.value.message + refusal.value.hint


def test_a_changed_declaration_changes_the_encoding_of_the_whole_file():
    file = read(b"# coding: latin-1\nx = 'caf\xe9'\n", "a.py")
    assert replaced(file, "latin-1", "utf-8", "a.py") == "# coding: utf-8\nx = 'café'\n".encode()
    assert rewritten(file, "x = 'café'\n", "a.py") == "x = 'café'\n".encode()
    plain = read("x = 'café'\n".encode(), "a.py")
    assert rewritten(plain, "# coding: latin-1\nx = 'café'\n", "a.py") == b"# coding: latin-1\nx = 'caf\xe9'\n"


def test_a_new_file_is_utf_8_unless_something_says_otherwise():
    latin = Charsets((Rule("", "*.txt", "latin1"), Rule("", "*.cs", "utf-8-bom"), Rule("", "*.rc", "utf-16le")))
    assert written("é", "a.md", latin) == "é".encode()
    assert written("é", "a.txt", latin) == b"\xe9"
    assert written("é", "a.cs", latin) == b"\xef\xbb\xbf\xc3\xa9"
    assert written("é", "a.rc", latin) == "\ufeffé".encode("utf-16-le")
    assert written("# coding: latin-1\n# é\n", "a.py", Charsets()) == b"# coding: latin-1\n# \xe9\n"
    assert written("# é\n", "a.py", Charsets((Rule("", "*", "latin1"),))) == "# é\n".encode()


def test_ascii_becomes_what_the_repository_says():
    latin = Charsets((Rule("", "*.txt", "latin1"),))
    for path, expected in (("a.txt", b"caf\xe9\n"), ("a.md", "café\n".encode())):
        file = decoded(b"coffee\n", path, latin)
        assert file is not None
        assert replaced(file, "coffee", "café", path) == expected


def test_a_line_of_the_other_encoding_stays_as_it_is():
    data = "é\n".encode() * 5 + b"caf\xe9\nlast\n"
    assert replaced(read(data), "last", "l'été", "a") == "é\n".encode() * 5 + b"caf\xe9\nl'\xc3\xa9t\xc3\xa9\n"


@given(st.lists(st.sampled_from(["a", "\r\n", "\n", "b"]), max_size=30).map("".join), st.data())
def test_a_place_in_the_view_is_the_same_place_in_the_text(text: str, data) -> None:
    view = text.replace("\r\n", "\n")
    place = data.draw(st.integers(0, len(view)))
    (offset,) = text_offsets(text, place)
    assert text[:offset].replace("\r\n", "\n") == view[:place]
    assert text[offset:].replace("\r\n", "\n") == view[place:]


def test_names_of_lines_say_which_one_is_meant() -> None:
    lines = ["a", "b", "a", "c"]
    assert unique_lines(lines, 0, 4) == {"b": 1, "c": 3}
    assert unique_lines(lines, 0, 2) == {"a": 0, "b": 1}
    assert numbered_lines(lines, 0, 4) == {("a", 1): 0, ("b", 1): 1, ("a", 2): 2, ("c", 1): 3}


def test_a_line_that_a_new_declaration_cannot_write_is_refused_and_not_lost():
    file = decoded("# -*- coding: utf-8 -*-\nx = '→'\ny = 'é'\n".encode(), "a.py")
    assert file is not None
    with pytest.raises(Refused, match="line 2") as refused:
        rewritten(file, "# -*- coding: latin-1 -*-\nx = '→'\ny = 'é'\n", "a.py")
    assert refused.value.stable_code == "not_encodable"
    assert rewritten(file, "# -*- coding: latin-1 -*-\ny = 'é'\n", "a.py") == b"# -*- coding: latin-1 -*-\ny = '\xe9'\n"


def test_an_edit_is_tried_with_other_accents_and_without_the_last_line_end():
    assert list(edit_variants("abc", "x", "abc")) == [("abc", "x")]
    assert list(edit_variants("é", "ü", "")) == [("é", "ü"), ("e\u0301", "u\u0308")]
    assert list(edit_variants("a\n", "b\r\n", "x\na")) == [("a\n", "b\r\n"), ("a", "b")]
