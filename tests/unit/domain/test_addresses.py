"""Addresses and what does not belong into them."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import Refused
from domain.identity import ensure_no_credential, redacted, split_credential

SECRET = "t0k3n-of-nobody"  # noqa: S105


@pytest.mark.parametrize(
    ("given_", "address"),
    [
        (f"https://ann:{SECRET}@git.example/shop.git", "https://git.example/shop.git"),
        (f"https://{SECRET}@git.example/shop", "https://git.example/shop"),
        (f"HTTPS://x-access-token:{SECRET}@git.example:8443/a/b", "HTTPS://git.example:8443/a/b"),
        (f"https://:{SECRET}@git.example/shop", "https://git.example/shop"),
        (f"https://ann:{SECRET}@x@git.example/shop", "https://git.example/shop"),
        (f"https://ann:{SECRET}/x@git.example/shop", "https://git.example/shop"),
        (f"https:///ann:{SECRET}@git.example/shop", "https:///ann:{}@git.example/shop"),
        (f"http::https://ann:{SECRET}@git.example/shop", "http::https://git.example/shop"),
        (f"ssh://git:{SECRET}@git.example/shop", "ssh://git@git.example/shop"),
        (f"git:{SECRET}@git.example:shop.git", "git@git.example:shop.git"),
        (f"https://git.example/shop?private_token={SECRET}", "https://git.example/shop?private_token="),
        (f"https://git.example/shop?a=1&access_token={SECRET}#x", "https://git.example/shop?a=1&access_token=#x"),
        (f"  https://ann:{SECRET}@git.example/shop", "  https://git.example/shop"),
        (f"git://ann:{SECRET}@[::1]:9418/shop", "git://[::1]:9418/shop"),
        (f"file://{SECRET}@git.example/shop", "file://git.example/shop"),
    ],
)
def test_a_credential_is_taken_out_and_refused(given_: str, address: str) -> None:
    found, credential = split_credential(given_)
    if "{}" not in address:
        assert found == address
    assert SECRET in credential
    assert SECRET not in found
    assert SECRET not in redacted(f"cloning {given_!r}, then") or "://" not in given_
    with pytest.raises(Refused) as caught:
        ensure_no_credential(given_)
    assert caught.value.stable_code == "credential_in_url"
    assert SECRET not in f"{caught.value.message}{caught.value.hint}"


@pytest.mark.parametrize(
    "address",
    [
        "https://git.example/shop.git",
        "https://git.example:8443/@scope/shop",
        "ssh://git@git.example:22/shop",
        "git@git.example:shop.git",
        "git@git.example:a/b@v1:2",
        "/srv/git/a@b:c",
        "../shop",
        ".",
        "file:///srv/git/shop",
        "C:\\src\\shop",
        "https://git.example/shop@v1?ref=main",
        "http://[::1]:3000/shop",
        "git+ssh://git@git.example/x",
    ],
)
def test_an_address_is_left_alone(address: str) -> None:
    assert split_credential(address) == (address, "")
    assert redacted(address) == address
    ensure_no_credential(address)


URLISH = st.text(st.sampled_from("ahttps:/@?&=#. []token\n\"'"), max_size=40)


@given(URLISH)
def test_splitting_or_redacting_twice_is_once(text: str) -> None:
    address = split_credential(text)[0]
    assert split_credential(address)[0] == address
    assert redacted(redacted(text)) == redacted(text)


WORD = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=6, max_size=20).map(lambda w: f"Z{w}Z")


@given(st.sampled_from(["https", "http", "ftp", "git"]), WORD, WORD, st.text(max_size=20), st.text(max_size=20))
def test_no_password_is_seen_in_any_text(scheme: str, name: str, password: str, before: str, after: str) -> None:
    shown = redacted(f"{before} {scheme}://{name}:{password}@git.example/shop {after}")
    assert f"{name}:{password}" not in shown
    assert f"{scheme}://[redacted]@git.example/shop" in shown


def test_a_long_word_costs_what_its_length_says():
    started = time.thread_time()
    assert redacted("jwt" * 20_000) == "jwt" * 20_000
    assert time.thread_time() - started < 1.0
    assert "word" not in redacted("x" * 90 + "http://user:word@host/")
