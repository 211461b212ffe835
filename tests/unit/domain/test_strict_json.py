import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.text import OddJson, read_json
from domain.text.strict_json import MOST_DEPTH

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="ascii", min_codepoint=1)), inner),
)


@given(PLAIN, st.booleans())
def test_what_both_databases_keep_is_read(plain: Any, ascii_only: bool) -> None:
    assert read_json(json.dumps(plain, ensure_ascii=ascii_only).encode()) == plain


@pytest.mark.parametrize(
    "odd",
    [
        "NaN",
        "-Infinity",
        "1e400",
        "-1e400",
        "1" * 400,
        str(2**63),
        str(-(2**63) - 1),
        "1" * 5_000,
        '"\\u0000"',
        '"\\ud800"',
        '"\\udc00\\ud800"',
        "{} {}",
        ",",
        "'a'",
        "[1,]",
        "\\u0000",
        "01",
        "+1",
        "1.",
        '"a\nb"',
        "\0",
    ],
)
@pytest.mark.parametrize("around", ["{}", '{{"a": {}}}', '[[{{"a": [{}]}}]]'])
def test_what_they_do_not_keep_is_refused(odd: str, around: str) -> None:
    with pytest.raises(OddJson):
        read_json(around.format(odd).encode())


@pytest.mark.parametrize("twice", ['{"a": 1, "a": 1}', '[{"b": {"a": 1, "c": 2, "a": 3}}]', '{"a": 1, "\\u0061": 2}'])
def test_of_two_members_with_one_name_neither_counts(twice: str) -> None:
    with pytest.raises(OddJson, match="'a' twice"):
        read_json(twice.encode())


@pytest.mark.parametrize("coding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-7", "latin-1"])
def test_utf_8_only(coding: str) -> None:
    with pytest.raises(OddJson):
        read_json('{"ä": NaN}'.encode(coding))
    assert read_json('{"ä": 1}'.encode("utf-8-sig")) == {"ä": 1}


@pytest.mark.parametrize(("open_", "shut"), [("[", "]"), ('{"a":', "}")])
def test_depth_is_bounded(open_: str, shut: str) -> None:
    assert read_json(f"{open_ * MOST_DEPTH}1{shut * MOST_DEPTH}".encode())
    for depth in (MOST_DEPTH + 1, 1_000, 200_000):
        with pytest.raises(OddJson, match="deeper"):
            read_json(f"{open_ * depth}1{shut * depth}".encode())


@given(st.binary())
def test_no_bytes_break_it(data: bytes) -> None:
    try:
        read = read_json(data)
    except OddJson:
        return
    assert read_json(json.dumps(read).encode()) == read
