import json

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from telemetry import Redactor
from telemetry.redact import MASK

SECRET = st.text(min_size=4, max_size=40).filter(lambda s: s not in MASK and s.strip() == s)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(SECRET, st.text(), st.text())
def test_a_known_secret_never_comes_through(secret: str, before: str, after: str) -> None:
    assert secret not in Redactor((secret,)).text(before + secret + after)


@given(st.lists(SECRET, min_size=1, max_size=4), st.data())
def test_nor_do_several_however_they_overlap(secrets: list[str], data: st.DataObject) -> None:
    text = "".join(data.draw(st.lists(st.sampled_from(secrets) | st.text(max_size=3), max_size=8)))
    clean = Redactor(tuple(secrets)).text(text)
    assert not any(secret in clean for secret in secrets)


@given(SECRET, JSON)
def test_nor_inside_any_value(secret: str, inner: object) -> None:
    assume(MASK not in str(inner))
    clean = Redactor((secret,)).value({"a": [secret, {secret: f"x{secret}y"}], "b": inner})
    assert secret not in json.dumps(clean, ensure_ascii=False) or secret in json.dumps(
        {"a": [MASK, {MASK: f"x{MASK}y"}], "b": inner}, ensure_ascii=False
    )


@given(st.text())
def test_twice_is_the_same_as_once(text: str) -> None:
    redactor = Redactor(("hunter2hunter2",))
    assert redactor.text(redactor.text(text)) == redactor.text(text)


@given(st.lists(st.sampled_from("abc ,.\n"), max_size=60).map("".join))
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert Redactor(("hunter2hunter2",)).text(text) == text


@given(JSON)
def test_numbers_and_shapes_are_kept(told: object) -> None:
    clean = Redactor().value({"n": 3, "f": 0.5, "t": True, "none": None, "x": told})
    assert (clean["n"], clean["f"], clean["t"], clean["none"]) == (3, 0.5, True, None)


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("Authorization: Bearer abc.def-123456", "abc.def-123456"),
        ("authorization: Basic cGstbGY6c2stbGY=", "cGstbGY6c2stbGY="),
        ("{'authorization': 'Token zzz999zzz'}", "zzz999zzz"),
        ("sent bearer 0123456789abcdef on", "0123456789abcdef"),
        ("key sk-proj-abcdefghijklmnop1234", "sk-proj-abcdefghijklmnop1234"),
        ("sk-lf-11111111-2222-3333-4444-555555555555", "2222"),
        ("ghp_0123456789abcdefghijABCDEFGHIJ012345", "0123456789abcdefghij"),
        ("AKIAIOSFODNN7EXAMPLE", "IOSFODNN7"),
        ("hf_abcdefghijklmnopqrstuvwxyz", "abcdefghijklmnop"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "eyJzdWIiOiIxIn0"),
        ("postgres://user:pa%20ss@db/x", "pa%20ss"),
        ("https://token123@example.org/r.git", "token123"),
        ("password = 'correct horse'", "'correct"),
        ('{"api_key": "zxcvbnm123"}', "zxcvbnm123"),
        ("client_secret=qwertyuiop&x=1", "qwertyuiop"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY----- x", "MIIE"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE cut off he", "MIIE"),
    ],
)
def test_what_looks_like_a_secret_is_taken_out(text: str, gone: str) -> None:
    clean = Redactor().text(text)
    assert gone not in clean
    assert MASK in clean


@pytest.mark.parametrize(
    "text",
    [
        "max_tokens: 2048, input_tokens=812",
        "basic authentication is refused",
        "https://example.org/a/b?c=d",
        "the secret of the tokenizer",
        "risk-management and task-force",
        "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----",
    ],
)
def test_what_only_sounds_like_one_is_kept(text: str) -> None:
    assert Redactor().text(text) == text


@pytest.mark.parametrize("spelt", ["p%40ss%2Fw%C3%B6rd%21", "p@ss/w\\u00f6rd!", "cEBzcy93w7ZyZCE"])
def test_other_spellings_of_a_known_secret_are_found(spelt: str) -> None:
    assert spelt not in Redactor(("p@ss/wörd!",)).text(f"x={spelt};")


def test_a_key_that_names_a_secret_hides_its_value_and_only_then() -> None:
    said = {"http.request.header.authorization": "x1", "gen_ai.usage.input_tokens": 5, "api_key": "short", "note": "x1"}
    assert Redactor().attributes(said) == {
        "http.request.header.authorization": MASK,
        "gen_ai.usage.input_tokens": 5,
        "api_key": MASK,
        "note": "x1",
    }


def test_short_values_and_parts_of_the_mask_do_not_blank_everything() -> None:
    assert Redactor(("abc", "", "redacted")).text("abc redacted") == "abc redacted"
