"""One rule for every way out: web hooks and sandboxes keep the same addresses apart from the Internet's."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals.channels import ssrf_guard
from domain.identity import globally_reachable
from sandbox.egress import policy

INSIDE = [
    "0.0.0.0",  # noqa: S104
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "168.63.129.16",
    "::",
    "::1",
    "::7f00:1",
    "::8.8.8.8",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0:7f00:1",
    "64:ff9b::a00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "64:ff9b:1::808:808",
    "100::1",
    "2001::1",
    "2001:0:a00:1::",
    "2001:2::1",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:a00:1::",
    "2002:808:808::1",
    "3fff::1",
    "4000::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "feff::1",
    "ff02::1",
    "ff0e::1",
]
OUTSIDE = [
    "1.1.1.1",
    "93.184.216.34",
    "192.0.1.1",
    "2606:4700:4700::1111",
    "2a00:1450::1",
    "2001:4860:4860::8888",
    "::ffff:1.1.1.1",
    "64:ff9b::101:101",
]


def judged(address: str) -> set[bool]:
    """What each room says."""
    return {
        globally_reachable(address),
        ssrf_guard.public(ip_address(address.partition("%")[0])),
        policy.public(address),
    }


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_of_a_network_of_ones_own_is_public_nowhere(address: str) -> None:
    assert judged(address) == {False}


@pytest.mark.parametrize("address", OUTSIDE)
def test_an_address_of_the_internet_is_public_everywhere(address: str) -> None:
    assert judged(address) == {True}


@given(st.ip_addresses(v=4))
def test_translating_an_address_makes_it_no_more_public(inner: IPv4Address) -> None:
    public = globally_reachable(inner)
    for prefix in ("::ffff:0:0", "64:ff9b::"):
        assert judged(str(IPv6Address(int(ip_address(prefix)) | int(inner)))) == {public}
    assert judged(str(IPv6Address(int(inner)))) == {False}
    assert judged(str(IPv6Address((0x2002 << 112) | (int(inner) << 80)))) == {False}


@given(st.ip_addresses(v=6))
def test_both_rooms_agree_on_every_address(address: IPv6Address) -> None:
    assert len(judged(str(address))) == 1
    assert not globally_reachable(address) or address.is_global
