# ruff: noqa: RUF001, S104 - attacks are text
"""Whom a sandbox may speak to: every spelling that is not a plain, allowed name is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import Refused
from sandbox.egress.policy import Egress, NoPassage, check_rules, public, target_of
from sandbox.egress.tls_client_hello import hello_name
from tests.unit.sandbox.egress.hellos import hello

RULES = Egress(hosts=("index.example", "files.example:8443"))


def connect(target: str, more: str = "") -> bytes:
    return f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{more}".encode()


def reached(target: str) -> bool:
    try:
        return RULES.allows(*target_of(connect(target)))
    except NoPassage:
        return False


@pytest.mark.parametrize("target", ["index.example:443", "INDEX.example:443", "files.example:8443"])
def test_what_is_allowed_is_reached(target):
    assert reached(target)


@pytest.mark.parametrize(
    "target",
    [
        "index.example.evil.test:443",
        "evilindex.example:443",
        "evil-index.example:443",
        "sub.index.example:443",
        "index.example.:443",
        ".index.example:443",
        "index..example:443",
        "example:443",
        "index:443",
        "index.example:80",
        "index.example:8443",
        "files.example:443",
        "index.example",
        "index.example:",
        ":443",
        "index.example:0",
        "index.example:65536",
        "index.example:443443",
        "index.example:+443",
        "index.example:4_43",
        "127.0.0.1:443",
        "2130706433:443",
        "0x7f000001:443",
        "0x7f.1:443",
        "0177.0.0.1:443",
        "127.1:443",
        "[::1]:443",
        "::1:443",
        "[::ffff:127.0.0.1]:443",
        "169.254.169.254:443",
        "1.2.3.4.:443",
        "user@index.example:443",
        "index.example@evil.test:443",
        "evil.test#index.example:443",
        "evil.test/index.example:443",
        "evil.test?index.example:443",
        "evil.test\\index.example:443",
        "index.example%00.evil.test:443",
        "index.example\0.evil.test:443",
        "ındex.example:443",
        "index。example:443",
        "xn--index.example:443",
        "*.example:443",
        "index.example:443:443",
        "http://index.example:443",
    ],
)
def test_what_only_looks_like_it_is_not(target):
    assert not reached(target)


@pytest.mark.parametrize(
    "head",
    [
        b"GET http://index.example/ HTTP/1.1\r\n",
        b"GET / HTTP/1.1\r\nHost: index.example\r\n",
        b"\x16\x03\x01\x00\x05",
        b"CONNECT index.example:443\r\n",
        b"CONNECT  index.example:443 HTTP/1.1\r\n",
        b"connect index.example:443 HTTP/1.1\r\n",
        b"CONNECT index.example:443 HTTP/2\r\n",
        b"CONNECT index.example:443 HTTP/1.1 x\r\n",
        b"SSH-2.0-x\r\n",
        b"",
        b"CONNECT index.example:443 HTTP/1.1\r\nContent-Length: 5\r\n",
        b"CONNECT index.example:443\nX: HTTP/1.1\r\n",
        b"CONNECT index.example:443 HTTP/1.1\r\nTransfer-Encoding : chunked\r\n",
    ],
)
def test_only_connect_is_understood(head):
    with pytest.raises(NoPassage):
        target_of(head)


@given(st.text(alphabet=".0123456789abcdefx[]:%@/-_ INDEXindexample", max_size=40))
def test_no_spelling_reaches_what_is_not_named(text):
    assert reached(text) == (text.lower() in {"index.example:443", "files.example:8443"})


@pytest.mark.parametrize(
    ("address", "is_public"),
    [
        ("1.1.1.1", True),
        ("2606:4700:4700::1111", True),
        ("127.0.0.1", False),
        ("10.0.0.1", False),
        ("0.0.0.0", False),
        ("172.17.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("240.0.0.1", False),
        ("203.0.113.80", False),
        ("::", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fc00::1", False),
        ("ff02::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:1.1.1.1", True),
        ("2002:7f00:1::", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b::a00:1", False),
        ("64:ff9b::101:101", True),
        ("2001:0:4136:e378::", False),
    ],
)
def test_addresses_that_are_not_for_everybody_are_known(address, is_public):
    assert public(address) is is_public


@pytest.mark.parametrize(
    "rules",
    [
        None,
        Egress(),
        Egress(hosts=("*.example",)),
        Egress(hosts=("1.2.3.4",)),
        Egress(hosts=("a:b",)),
        Egress(hosts=("[::1]",)),
        Egress(hosts=("",)),
    ],
)
def test_rules_that_cannot_be_meant_are_refused(rules):
    with pytest.raises(Refused) as refusal:
        check_rules(rules)
    assert refusal.value.stable_code in {"egress_unconfigured", "egress_invalid"}


class TestHello:
    def test_the_name_is_found(self):
        assert hello_name(hello("index.example")) == "index.example"

    def test_however_it_is_cut(self):
        data = hello("index.example")
        assert [hello_name(data[:n]) for n in range(len(data))] == [None] * len(data)

    def test_split_over_records(self):
        data = hello("index.example")
        body = data[5:]
        parts = [body[n : n + 40] for n in range(0, len(body), 40)]
        assert hello_name(b"".join(data[:3] + len(p).to_bytes(2, "big") + p for p in parts)) == "index.example"

    @pytest.mark.parametrize(
        "data",
        [
            hello(None),
            b"GET / HTTP/1.1\r\n\r\n",
            b"SSH-2.0-x\r\n",
            b"\x16\x02\x00\x00\x05hello",
            b"\x17\x03\x03\x00\x05hello",
            b"\x16\x03\x01\x00\x04\x02\x00\x00\x00",
        ],
    )
    def test_who_names_nobody_is_refused(self, data):
        with pytest.raises(NoPassage):
            hello_name(data)

    @given(st.binary(max_size=300))
    def test_whatever_comes_is_a_name_a_refusal_or_not_enough(self, junk):
        for data in (
            junk,
            b"\x16\x03\x01" + len(junk).to_bytes(2, "big") + junk,
            b"\x16\x03\x01" + (len(junk) + 4).to_bytes(2, "big") + b"\1" + len(junk).to_bytes(3, "big") + junk,
        ):
            try:
                found = hello_name(data)
            except NoPassage:
                continue
            assert found is None or isinstance(found, str)
