"""Every file that is shown as text gives back its own bytes; how it is written is found out, or it is binary."""

# ruff: noqa: RUF001
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.text.charsets import Charsets, codec, declarations, editorconfig_rules, expanded_braces, gitattributes_rules
from domain.text.encoding import TextFile, candidate_encodings, decoded, dominant, lines, universal, wide_text

FRENCH = "# Vérifie que l'adresse donnée est déjà réservée à l'élève\nname = 'Zoé'\n"
SAMPLES = {
    "latin-1": FRENCH,
    "cp1252": "// Größe in Metern – „ungefähr“ für Österreich\nint größe = 3;\n",
    "cp1250": "# Zażółć gęślą jaźń, proszę spróbować później\nx = 'źródło'\n",
    "cp1251": "# Проверка суммы заказа перед отправкой\nназвание = 'Счёт'\n",
    "koi8-r": "# Проверка суммы заказа перед отправкой\nname = 'Сообщение'\n",
    "shift_jis": "# 合計を確認するテストです。\nname = 'こんにちは'\n",
    "euc-jp": "# 合計を確認するテストです。\nname = 'こんにちは'\n",
    "gb18030": "# 检查订单总额是否正确\nname = '你好，世界'\n",
    "euc-kr": "# 주문 합계를 확인하는 시험입니다\nname = '안녕하세요'\n",
    "big5": "# 檢查訂單總額是否正確，謝謝\nname = '你好，世界'\n",
    "iso2022_jp": "# 合計を確認するテストです。\nname = 'こんにちは'\n",
    "utf-8": FRENCH,
    "utf-8-sig": FRENCH,
    "utf-16": FRENCH,
    "utf-16-le": FRENCH,
    "utf-16-be": FRENCH,
    "utf-32": FRENCH,
    "utf-32-be": FRENCH,
}


def text_of(data: bytes, path: str = "", charsets: Charsets | None = None) -> TextFile:
    file = decoded(data, path, charsets or Charsets())
    assert file is not None
    return file


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", SAMPLES)
def test_a_file_is_read_as_what_it_is_written_in(encoding, end):
    text = SAMPLES[encoding].replace("\n", end)
    file = text_of(text.encode(encoding))
    assert (file.text, file.view, file.data) == (text, SAMPLES[encoding], text.encode(encoding))


def test_a_single_accent_is_read():
    assert text_of(b"# caf\xe9\nx = 1\n").text == "# café\nx = 1\n"


@given(st.binary(max_size=200))
@example(b"\xff\xfe")
@example(b"\xef\xbb\xbf\xff")
@example(b"\xfe\xff\xd8\x00")
@example(b"\x1b$B$\x1b(B\n\x1b$B")
@example(b"caf\xe9 \xc3\xa9\r\xc3\xa9\n")
def test_what_is_text_gives_back_every_byte(data):
    check(data)


@given(st.text(max_size=80), st.sampled_from(sorted(SAMPLES)), st.sampled_from(["", "a.py", "a.xml", "a.html", "a.po"]))
def test_texts_of_any_encoding_give_back_every_byte(text, encoding, path):
    check(text.encode(encoding, errors="ignore"), path)


@given(
    st.sampled_from(
        [
            b"# -*- coding: %s -*-\n",
            b'<?xml version="1.0" encoding="%s"?>',
            b"<meta charset=%s>",
            b"/* vim: fileencoding=%s */",
        ]
    ),
    st.sampled_from(
        ["latin-1", "utf-7", "rot13", "zlib", "cp1251", "hz", "undefined", "idna", "utf-16", "iso-2022-jp", "big5"]
    ),
    st.binary(max_size=40),
)
def test_no_declaration_breaks_the_way_back(line, name, rest):
    for path in ("a.py", "a.xml", "a.html", "a.c", "a"):
        check(line % name.encode() + rest, path)


def check(data: bytes, path: str = "") -> None:
    file = decoded(data, path)
    assert file == decoded(data, path)
    if file is not None:
        assert file.data == data
        rows = file.rows()
        assert b"".join(row.raw for row in rows) == file.body
        assert "".join(row.text + row.end for row in rows) == file.text
        assert "\r" not in file.view
        file.text.encode(errors="strict" if file.other else "surrogatepass")


@given(st.text(alphabet="a\r\n\f\v\x85\u2028", max_size=30))
def test_only_three_things_end_a_line(text):
    assert "".join(lines(text)) == text
    assert len(lines(text)) == len(list(universal(text).split("\n"))) - (universal(text)[-1:] in {"\n", ""})


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
        bytes(range(256)) * 4,
        b"GIF89a\x01\x00\x01\x00\x80\x00\xff",
        b"\x7fELF\x02\x01\x01\x00\x00",
        b"a\0b",
        bytes(1_000),
        b"\x1f\x8b\x08\x08\x01\x02\x03\x04\x05\x06\xee\x8f\x9d" * 9,
    ],
)
def test_what_is_no_text_is_binary(data):
    assert decoded(data) is None


@pytest.mark.parametrize(
    ("path", "head"),
    [
        ("a.py", b"# -*- coding: cp1251 -*-\n"),
        ("a.py", b"#!/usr/bin/python\n# vim: set fileencoding=cp1251 :\n"),
        ("run", b"#!/usr/bin/env python3\n# coding=cp1251\n"),
        ("a.rb", b"# encoding: windows-1251\n"),
        ("a.xml", b'<?xml version="1.0" encoding="windows-1251"?>\n'),
        ("a.html", b'<html><meta charset="windows-1251">\n'),
        ("a.html", b'<meta http-equiv="Content-Type" content="text/html; charset=windows-1251">\n'),
        ("a.css", b'@charset "windows-1251";\n'),
        ("a.po", b'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=CP1251\\n"\n'),
        ("a.c", b"/* vim: set fileencoding=cp1251 : */\n"),
    ],
)
def test_a_declaration_says_more_than_the_bytes(path, head):
    file = text_of(head + b"\xe9", path)
    assert (file.text[-1], file.label) == ("й", "windows-1251")


def test_python_obeys_its_cookie_where_the_bytes_would_be_utf_8():
    assert text_of(b"# coding: latin-1\nx = '\xc3\xa9'\n", "a.py").text.endswith("'Ã©'\n")
    assert text_of(b"# coding: latin-1\nx = '\xc3\xa9'\n", "a.txt").text.endswith("'é'\n")
    assert text_of(b"x = 1\n\n# coding: latin-1\n'\xc3\xa9'\n", "a.py").text.endswith("'é'\n")


def declared(**files: str) -> Charsets:
    names = {"editorconfig": ".editorconfig", "attributes": ".gitattributes", "nested": "src/.editorconfig"}
    return Charsets(declarations({names[name]: text.encode() for name, text in files.items()}))


@pytest.mark.parametrize(
    ("pattern", "path", "covered"),
    [
        ("*", "a/b.c", True),
        ("*.c", "a/b.c", True),
        ("*.{c,h}", "b.h", True),
        ("*.{c,h}", "b.hh", False),
        ("src/**.c", "src/a/b.c", True),
        ("src/*.c", "src/a/b.c", False),
        ("[ab].c", "b.c", True),
        ("[!ab].c", "b.c", False),
        ("f{1..3}.c", "f2.c", True),
        ("f{1..3}.c", "f4.c", False),
        ("/top.c", "a/top.c", False),
        ("?.c", "x.c", True),
        ("**/deep/*.c", "a/deep/x.c", True),
        ("{single}", "{single}", True),
    ],
)
def test_an_editor_config_speaks_for_the_files_that_it_names(pattern, path, covered):
    assert (declared(editorconfig=f"root = true\n[{pattern}]\ncharset = latin1\n").of(path) == "latin1") is covered


def test_patterns_are_matched_in_little_time():
    hostile = declared(editorconfig=f"[{'*a' * 140}b]\ncharset=latin1\n[{'{a,b}' * 50}]\ncharset=latin1\n")
    assert hostile.of("a" * 900) == ""


def test_the_nearest_and_the_last_declaration_wins():
    both = declared(editorconfig="[*]\ncharset = latin1\n", nested="[*.c]\ncharset = utf-8\n")
    assert (both.of("src/a.c"), both.of("a.c")) == ("utf-8", "latin1")
    git = declared(
        attributes="*.txt text encoding=koi8-r\n*.rc working-tree-encoding=UTF-16LE eol=CRLF\n# *.c encoding=x\n"
    )
    assert (git.of("d/a.txt"), git.of("a.rc"), git.of("a.rc", new=True), git.of("a.c")) == (
        "koi8-r",
        "utf-16le",
        "",
        "",
    )


def test_a_short_file_is_read_like_the_others_of_its_repository():
    word, others = "да".encode("cp1251"), {f"{n}.c": SAMPLES["cp1251"].encode("cp1251") for n in range(3)}
    found = dominant({**others, "u.c": FRENCH.encode(), "p.png": b"\x89PNG\0"}, Charsets())
    assert found == "cp1251"
    assert text_of(word, "x.c", Charsets(dominant=found)).text == "да"
    assert dominant({"a": b"x", "b": "é".encode()}, Charsets()) == ""


def test_a_file_of_two_encodings_can_be_shown():
    file = text_of("é\n".encode() * 5 + b"caf\xe9\r\n" + "ü".encode())
    assert file.text == "é\n" * 5 + "café\r\n" + "ü"
    assert file.label == "utf-8, some lines windows-1252"


@pytest.mark.parametrize(
    ("name", "python"),
    [
        ("UTF-8", "utf_8"),
        ("utf8", "utf_8"),
        ("ISO-8859-1", "latin_1"),
        ("latin1", "latin_1"),
        ("Windows-1252", "cp1252"),
        ("windows-31j", "cp932"),
        ("KOI8-R", "koi8_r"),
        ("Shift_JIS", "shift_jis"),
        ("EUC-KR", "euc_kr"),
        ("big5-hkscs", "big5hkscs"),
        ("utf-16", ""),
        ("rot13", ""),
        ("zlib", ""),
        ("hex", ""),
        ("utf-7", ""),
        ("x" * 99, ""),
        ("os", ""),
        ("", ""),
    ],
)
def test_only_encodings_of_text_are_known(name, python):
    assert codec(name) == python


def test_a_megabyte_of_anything_is_read_in_bounded_time():
    for data in (
        b"\xe9\n" * 500_000,
        b"\xa4\xa2" * 500_000,
        b"a" * 1_000_000 + b"\xe9",
        b"\xff\xfe" * 500_000,
        b"# coding" * 120_000,
    ):
        decoded(data, "a.py")


def test_a_repository_of_several_encodings_makes_no_file_unreadable():
    files = {
        f"{n}.c": SAMPLES[name].encode(name) for n, name in enumerate(("latin-1", "latin-1", "shift_jis", "latin-1"))
    }
    assert dominant(files, Charsets()) == "cp1252"
    cyrillic = Charsets(dominant="cp1251")
    assert text_of(b"# caf\xe9 ol\xe9\n", "x.c", cyrillic).text == "# café olé\n"


def test_the_two_kinds_of_declarations_are_read_alone() -> None:
    rules = list(
        editorconfig_rules("src", "charset = utf-8\n[*.c]\n; charset = x\ncharset = Latin1\n[*.h]\ncharset=unset\n")
    )
    assert [(rule.folder, rule.pattern, rule.charset) for rule in rules] == [
        ("src", "*.c", "latin1"),
        ("src", "*.h", ""),
    ]
    rules = list(
        gitattributes_rules("", "# *.a encoding=x\n*.rc text working-tree-encoding=UTF-16LE\n*.b encoding=Big5\n")
    )
    assert [(rule.pattern, rule.charset, rule.of_blobs) for rule in rules] == [
        ("*.rc", "utf-16le", False),
        ("*.b", "big5", True),
    ]


@pytest.mark.parametrize(
    ("pattern", "spelled"),
    [
        ("*.c", {"*.c"}),
        ("*.{c,h}", {"*.c", "*.h"}),
        ("{a,b}{1..2}", {"a1", "a2", "b1", "b2"}),
        ("{3..1}", {"1", "2", "3"}),
        ("{one}", {"[{]one[}]"}),
    ],
)
def test_braces_are_spelled_out(pattern: str, spelled: set[str]) -> None:
    assert set(expanded_braces(pattern)) == spelled


@given(st.text("{},.0123456789a", max_size=40))
def test_braces_never_make_more_than_a_bounded_number(pattern: str) -> None:
    assert len(expanded_braces(pattern)) <= 64


@pytest.mark.parametrize("name", ["utf_16_le", "utf_16_be", "utf_32_le", "utf_32_be"])
def test_wide_text_without_a_mark_is_read_by_its_letters(name: str):
    file = wide_text("first line\nsecond: é\n".encode(name))
    assert file is not None
    assert (file.encoding, file.text) == (name, "first line\nsecond: é\n")
    assert wide_text(b"\0\1\2\3" * 40) is None


def test_what_a_file_or_its_repository_declares_is_tried_first():
    body = "naïve café\n".encode("cp1252")
    charsets = Charsets((*declarations({".editorconfig": b"[*.txt]\ncharset = latin1\n"}),), "koi8_r")
    names = list(candidate_encodings(body, "a.txt", charsets))
    assert names[:2] == ["latin_1", "cp1252"]
    assert names[-3:] == ["koi8_r", "cp1252", "latin_1"]
    quoted = "\x93naïve\x94".encode("latin-1")
    assert next(candidate_encodings(quoted, "a.txt", charsets)) == "cp1252"
