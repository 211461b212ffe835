"""A file that is changed keeps the bytes of every line that stays."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.repair.inside.analysis.overrides import encoded, read

LINES = st.lists(st.text("aé =#", max_size=6), max_size=6)


@given(LINES, LINES, st.sampled_from(["latin-1", "utf-8", "cp1252"]), st.sampled_from(["\n", "\r\n", "\r"]))
def test_what_is_written_reads_as_it_was_meant(tmp_path_factory, before, after, name, end):
    path = tmp_path_factory.getbasetemp() / "m.py"
    head = f"# coding: {name}"
    path.write_bytes(end.join([head, *before, ""]).encode(name))
    text = ("\n" if end == "\r" else end).join([head, *after, ""])
    path_text = read(str(path))
    data = encoded(str(path), text)
    assert encoded(str(path), path_text) == path.read_bytes()
    path.write_bytes(data)
    assert read(str(path)) == text


@pytest.mark.parametrize(
    ("name", "twice"), [("cp932", b"\xee\xf9"), ("cp932", b"\xfa\x54"), ("iso2022_jp", b"\x1b(B\x1b(B")]
)
def test_a_character_that_can_be_written_in_two_ways_stays_as_it_is(tmp_path: Path, name: str, twice: bytes):
    path = tmp_path / "m.py"
    data = f"# coding: {name}\n# ".encode() + twice + b"\nx = 1\ny = 2\n"
    path.write_bytes(data)
    text = read(str(path))
    assert text.encode(name) != data, "written anew, it would be another file"
    assert encoded(str(path), text.replace("x = 1", "x = 3\nz = 4")) == data.replace(b"x = 1", b"x = 3\nz = 4")
