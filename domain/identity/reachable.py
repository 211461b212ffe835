"""Globally reachable IP addresses: those that belong to the open Internet, and to nobody's own network.

What is not known to be public is refused. IPv6 counts only where IANA hands out global unicast addresses
(``2000::/3``), so site-local, unique local, IPv4-compatible and whatever is invented later need no entry here.
Sources: IANA's special-purpose address registries, RFC 6890, RFC 6052 (NAT64), RFC 7526 (6to4 is over).
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
# Public by registry, local by use: protocol assignments (Oracle's metadata), Azure's host agent, 6to4 relays.
_LOCAL_V4 = tuple(IPv4Network(text) for text in ("192.0.0.0/24", "168.63.129.16/32", "192.88.99.0/24"))
# Protocol assignments with Teredo, benchmarking and ORCHID; documentation, twice; 6to4. Tunnels end who knows where.
_LOCAL_V6 = tuple(IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "3fff::/20", "2002::/16"))


def globally_reachable(address: IPv4Address | IPv6Address | str) -> bool:
    """Tell whether anybody on the Internet may reach an address; a zone (``%eth0``) is no part of it.

    IPv4 inside IPv6 is judged as the IPv4 address it leads to, where the translation itself is public: mapped
    addresses and the well-known prefix of NAT64.

    Raises:
        ValueError: for a text that is no address.
    """
    ip = ip_address(str(address).partition("%")[0])
    if isinstance(ip, IPv4Address):
        special = ip.is_multicast or ip.is_reserved or any(ip in network for network in _LOCAL_V4)
        return ip.is_global and not special
    if ip.ipv4_mapped is not None:
        return globally_reachable(ip.ipv4_mapped)
    if ip in _NAT64:
        return globally_reachable(IPv4Address(int(ip) & 0xFFFF_FFFF))
    return ip in _GLOBAL_UNICAST and ip.is_global and not any(ip in network for network in _LOCAL_V6)
