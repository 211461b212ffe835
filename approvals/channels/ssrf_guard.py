"""SSRF guard of outgoing requests: no loopback, no private ranges, no metadata of the networks we stand in.

A name is resolved once, every address it has is judged, and the connection goes to the judged address:
a name that changes its mind between the check and the use (DNS rebinding) gains nothing.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import httpx

from domain import Refused, Transient, value
from domain.identity import globally_reachable

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""A host name and a port → its addresses."""
public = globally_reachable
"""Sandboxes keep to the same rule."""


class UnresolvedHost(Transient):
    code = "name_not_resolved"


@value
class VettedAddress:
    """A judged address. Post to ``url`` with these headers, and verify TLS against ``host``."""

    url: str
    host: str
    host_header: str
    address: str


async def resolve(host: str, port: int) -> Sequence[str]:
    """Ask the system. Raises ``UnresolvedHost``."""
    try:
        entries = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        raise UnresolvedHost(
            f"{host} has no address: {error}", hint="Check the name; it will be tried again."
        ) from error
    return [str(entry[4][0]) for entry in entries]


@dataclass(frozen=True, slots=True, kw_only=True)
class SsrfGuard:
    """Judges where a request may go."""

    allow: Sequence[str] = ()
    """Networks (CIDR) that a self-hoster explicitly permits, plain http included."""
    resolve: Resolve = field(default=resolve)

    async def judge(self, url: str) -> VettedAddress:
        """The one address to connect to.

        Raises:
            Refused: ``destination_refused``, with the reason.
            Unresolved: the name has no address now; try again.
        """
        parsed = _parse(url)
        port = parsed.port or (443 if parsed.scheme == "https" else 80)
        host = parsed.raw_host.decode("ascii")
        addresses = [ip_address(text.partition("%")[0]) for text in await self.resolve(host, port)]
        if not addresses:
            raise UnresolvedHost(f"{parsed.host} has no address.", hint="Check the name; it will be tried again.")
        # All of them: a name with one public and one private address may mean the other one next time.
        for address in addresses:
            self._ensure_fit(parsed, address)
        chosen = addresses[0]
        pinned = parsed.copy_with(host=str(chosen))
        header = parsed.netloc.decode("ascii")
        return VettedAddress(url=str(pinned), host=host, host_header=header, address=str(chosen))

    def _ensure_fit(self, url: httpx.URL, address: Address) -> None:
        permitted = any(
            address in network
            for network in [ip_network(text) for text in self.allow]
            if network.version == address.version
        )
        if permitted:
            return
        if not public(address):
            raise _refused(f"{url.host} leads to {address}, which is not a public address")
        if url.scheme != "https":
            raise _refused("plain http is only for networks on the allow-list")


def _parse(url: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError) as error:
        raise _refused(f"this is no address: {error}") from error
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise _refused("only http and https addresses are called")
    if parsed.userinfo:
        raise _refused("names and passwords do not belong into an address")
    return parsed


def _refused(why: str) -> Refused:
    return Refused(
        f"This destination is refused: {why}.",
        code="destination_refused",
        hint="Use a public https address, or put its network on the allow-list (notify.allow).",
    )
