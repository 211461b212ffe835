"""15. Outgoing URL to loopback, a metadata address, a rebinding name, a redirect: refused."""

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals.channels import SsrfGuard
from approvals.channels.ssrf_guard import VettedAddress, public
from approvals.testing.rehearsal import refuses

INSIDE = [
    "127.0.0.1",
    "127.9.9.9",
    "0.0.0.0",  # noqa: S104
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "168.63.129.16",
    "224.0.0.1",
    "255.255.255.255",
    "192.0.0.192",
    "198.18.0.1",
    "240.0.0.1",
    "::1",
    "::",
    "fe80::1",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1",
    "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::",
    "2001::1",
    "fe80::1%eth0",
    "100.100.100.200",
]


def answering(*addresses: str) -> Callable[[str, int], object]:
    """A resolver that gives these, one list for each time it is asked."""
    asked = iter(addresses)

    async def resolve(host: str, port: int) -> Sequence[str]:
        return next(asked).split()

    return resolve


async def judge(url: str, *addresses: str, allow: Sequence[str] = ()) -> VettedAddress:
    return await SsrfGuard(allow=allow, resolve=answering(*addresses)).judge(url)


@pytest.mark.parametrize("address", INSIDE)
async def test_15_an_inner_address_is_refused(address: str) -> None:
    await refuses("destination_refused", judge("https://hook.example/x", address))
    await refuses("destination_refused", judge("https://hook.example/x", f"93.184.216.34 {address}"))


@pytest.mark.parametrize(
    "url",
    [
        "http://hook.example/",
        "ftp://hook.example/",
        "file:///etc/passwd",
        "https://",
        "https://u:p@hook.example/",
        "nonsense",
        "https://[::1",
        "gopher://x/",
        "//hook.example/",
    ],
)
async def test_15_an_odd_address_is_refused(url: str) -> None:
    await refuses("destination_refused", judge(url, "93.184.216.34"))


@pytest.mark.parametrize(
    "url", ["https://127.1/", "https://2130706433/", "https://0x7f000001/", "https://[::1]/", "https://localhost/"]
)
async def test_15_loopback_in_disguise_is_refused(url: str) -> None:
    await refuses("destination_refused", SsrfGuard().judge(url))


async def test_15_a_name_that_changes_its_mind_gains_nothing() -> None:
    """The request goes to the judged address; the name is not asked a second time."""
    found = await judge("https://rebind.example:8443/hook?x=1", "93.184.216.34", "127.0.0.1")
    assert found.url == "https://93.184.216.34:8443/hook?x=1"
    assert (found.host, found.host_header) == ("rebind.example", "rebind.example:8443")
    six = await judge("https://six.example/", "2606:2800:220:1::1")
    assert six.url == "https://[2606:2800:220:1::1]/"


async def test_15_a_self_hoster_may_allow_a_network() -> None:
    assert (await judge("http://hook.lan/", "10.1.2.3", allow=["10.1.2.0/24"])).address == "10.1.2.3"
    await refuses("destination_refused", judge("http://hook.lan/", "10.1.3.3", allow=["10.1.2.0/24"]))
    await refuses("destination_refused", judge("http://hook.lan/", "10.1.2.3 127.0.0.1", allow=["10.1.2.0/24"]))


@given(
    st.ip_addresses(v=4, network="10.0.0.0/8")
    | st.ip_addresses(v=4, network="127.0.0.0/8")
    | st.ip_addresses(v=6, network="fc00::/7")
)
def test_15_no_private_address_is_public(address: object) -> None:
    assert not public(address)
