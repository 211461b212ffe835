"""TLS ClientHello, read as far as needed: which server is meant (RFC 8446, RFC 6066). Pure."""

from sandbox.egress.policy import NoPassage

_HANDSHAKE, _CLIENT_HELLO = 22, 1
_SERVER_NAME, _HOST_NAME, _ENCRYPTED_HELLO = 0, 0, 0xFE0D
_HEADER = 5
MAX_HELLO = 32 << 10


class _Bytes:
    """Reads numbers and fields; what is too short is not a hello."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, size: int) -> bytes:
        part = self._data[self._at : self._at + size]
        if len(part) < size:
            raise NoPassage("a TLS hello that is cut short")
        self._at += size
        return part

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def field(self, size: int) -> "_Bytes":
        return _Bytes(self.take(self.number(size)))

    @property
    def empty(self) -> bool:
        return self._at == len(self._data)


def hello_name(data: bytes) -> str | None:
    """Return the server name in a client's hello; None while more bytes are needed.

    Raises:
        NoPassage: it is not a TLS hello, it names nobody, or hides whom it names.
    """
    message = client_hello(data)
    if message is None:
        return None
    hello = _Bytes(message)
    hello.take(2 + 32)  # version, random
    hello.field(1)  # session
    hello.field(2)  # cipher suites
    hello.field(1)  # compression
    if hello.empty:
        raise NoPassage("a TLS hello without a server name")
    extensions = hello.field(2)
    name: str | None = None
    while not extensions.empty:
        kind, body = extensions.number(2), extensions.field(2)
        if kind == _ENCRYPTED_HELLO:
            raise NoPassage("a TLS hello that hides its server name")
        if kind == _SERVER_NAME:
            names = body.field(2)
            if name is not None or names.number(1) != _HOST_NAME:
                raise NoPassage("a TLS hello with odd server names")
            # Names of hosts are ASCII here (RFC 6066, section 3), and compared without case.
            name = bytes(names.take(names.number(2))).decode("ascii", errors="replace").lower()
            if not names.empty:
                raise NoPassage("a TLS hello with several server names")
    if name is None:
        raise NoPassage("a TLS hello without a server name")
    return name


def client_hello(data: bytes) -> bytes | None:
    """Put the client hello together from its records; None while it is not complete."""
    message, at = b"", 0
    while at < len(data):
        if data[at] != _HANDSHAKE or (len(data) > at + 1 and data[at + 1] != 3):  # noqa: PLR2004  the version is 3.x
            raise NoPassage("not TLS")
        if len(data) < at + _HEADER:
            return None
        size = int.from_bytes(data[at + 3 : at + _HEADER], "big")
        message += data[at + _HEADER : at + _HEADER + size]
        if message and message[0] != _CLIENT_HELLO:
            raise NoPassage("not a TLS hello")
        at += _HEADER + size
        if len(message) >= 4 and len(message) >= (end := 4 + int.from_bytes(message[1:4], "big")):  # noqa: PLR2004
            return message[4:end]
    if len(data) > MAX_HELLO:
        raise NoPassage("a TLS hello without an end")
    return None
