"""Egress policy: which hosts a sandbox may reach, and how that is checked. Pure.

Profile ``sealed``: nobody. Profile ``packages``: the registries that the configuration names, by TLS,
by their own name, and with a budget for what is sent. An allowed host is still a way out for data:
the profile's name is part of what an approval is bound to.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from domain import Refused, value
from domain.identity import globally_reachable

_HOST = re.compile(r"^(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")
_NUMERIC = re.compile(r"^(0x[0-9a-f]*|\d+)$")
_CONNECT = re.compile(rb"CONNECT ([\x21-\x7e]{1,300}) HTTP/1\.[01]")
TLS_PORT = 443
Port = Annotated[int, Field(ge=1, le=65_535)]


@value
class Egress:
    """What the profile ``packages`` allows. Empty: nothing, and leases of that profile are refused."""

    hosts: tuple[str, ...] = ()
    """Names, or ``name:port``; exactly these, no sub-domains."""
    private: tuple[str, ...] = ()
    """Those among the names that may lie on a private address: a mirror of your own."""
    upload_bytes: int = Field(default=1 << 20, ge=0)
    """What one sandbox may send in its life, TLS handshakes included."""
    connections: int = Field(default=400, ge=1)
    """How many connections one sandbox may make in its life."""
    env: Mapping[str, str] = Field(default_factory=dict)
    """More variables for its commands, such as the address of an index."""
    ca: str = ""
    """PEM certificates to trust besides the image's own, for a proxy or mirror of your own."""

    def allows(self, host: str, port: int) -> bool:
        """Tell whether a host may be spoken to on a port."""
        return any(_split(rule) == (host, port) for rule in self.hosts)


@value
class EgressRecord:
    """One connection that was tried, for the log of its run."""

    run: str
    sandbox: str
    target: str
    verdict: Literal["allowed", "refused"]
    reason: str = ""
    up: int = 0
    down: int = 0
    """Bytes in each direction."""


class NoPassage(Exception):
    """Why a connection is refused, and the status a proxy answers with."""

    def __init__(self, reason: str, *, status: str = "403 Forbidden") -> None:
        super().__init__(reason)
        self.status = status


def check_rules(egress: Egress | None) -> Egress:
    """Return the rules when somebody may be spoken to by them.

    Raises:
        Refused: ``egress_unconfigured``, ``egress_invalid``.
    """
    if egress is None or not egress.hosts:
        raise Refused(
            "No registry may be reached from a sandbox.",
            code="egress_unconfigured",
            hint="Name the hosts in SIGNOFF_EGRESS_HOSTS, or use the profile sealed.",
        )
    for rule in egress.hosts:
        try:
            _name(_split(rule)[0])
        except (NoPassage, ValueError) as error:
            hint = "Write a name or name:port; addresses and wildcards are not possible."
            raise Refused(f"{rule!r} is no host that can be allowed.", code="egress_invalid", hint=hint) from error
    return egress


def target_of(head: bytes) -> tuple[str, int]:
    """Read the first lines of a request to a proxy: only ``CONNECT name:port`` is understood.

    Raises:
        NoPassage: anything else, and any spelling of a host that is not a plain name.
    """
    line, _, rest = head.partition(b"\r\n")
    request = _CONNECT.fullmatch(line)
    if request is None:
        raise NoPassage("only CONNECT is understood", status="405 Method Not Allowed")
    # Some servers end a line at a bare line feed; and the bytes of a body would be checked by nobody.
    if b"\n" in line or re.search(rb"(?im)^(content-length|transfer-encoding)[ \t]*:", rest):
        raise NoPassage("a CONNECT with a body", status="400 Bad Request")
    host, colon, port = request[1].decode("ascii").rpartition(":")
    if not colon or not re.fullmatch(r"\d{1,5}", port) or not 0 < int(port) < 1 << 16:
        raise NoPassage("no port", status="400 Bad Request")
    return _name(host.lower()), int(port)


public = globally_reachable
"""Web hooks keep to the same rule."""


def _name(host: str) -> str:
    """Return a host that is a name. Addresses in any spelling are not: 1.2.3.4, 0x7f.1, 2130706433, [::1]."""
    if not _HOST.fullmatch(host) or _NUMERIC.fullmatch(host.rsplit(".", 1)[-1]):
        raise NoPassage(f"{host[:80]!r} is not a name")
    return host


def _split(rule: str) -> tuple[str, int]:
    host, colon, port = rule.strip().lower().rpartition(":")
    return (host, int(port)) if colon else (port, TLS_PORT)
