"""Real TLS client hellos, and one end of a connection that is not in a sandbox."""

import asyncio
import contextlib
import ssl

from sandbox.egress.tunnel import EgressConnection


def hello(name: str | None) -> bytes:
    """What a TLS client says first."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname=name)
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


class Inside:
    """The process that connects: it says what it is given, reads everything, and closes when told to."""

    def __init__(self, *said: bytes) -> None:
        self.got = b""
        self.dropped = asyncio.Event()
        self.connection = EgressConnection(1, self._told)
        for part in said:
            self.say(part)

    def say(self, data: bytes) -> None:
        self.connection.take({"kind": "data"}, data)

    def leave(self) -> None:
        self.connection.take({"kind": "end"}, b"")

    def _told(self, number: int, kind: str, data: bytes, size: int) -> None:
        self.got += data
        if kind == "data":
            self.connection.take({"kind": "ack", "bytes": len(data)}, b"")
        if kind == "end":
            self.leave()
        if kind == "drop":
            self.dropped.set()
