"""Egress proxy: connections of one sandbox come in frames, and leave only where the rules say."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Awaitable, Callable
from dataclasses import replace

from sandbox.egress.policy import Egress, EgressRecord, NoPassage, public, target_of
from sandbox.egress.tls_client_hello import MAX_HELLO, hello_name
from sandbox.egress.tunnel import EgressConnection
from sandbox.egress.upstream import ProxyFor, connected, direct

_LOG = logging.getLogger(__name__)
_HEAD = 8 << 10
_CONNECT_S, _IDLE_S = 15.0, 120.0
_READ = 64 << 10
_TOLD = 100
"""Refusals that are written down beyond the connections one may make: a flood of tries must fill no disk."""

Witness = Callable[[EgressRecord], None]
Resolve = Callable[[str, int], Awaitable[list[str]]]


async def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a name, asked on this side of the wall."""
    loop = asyncio.get_running_loop()
    entries = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in entries]


def write_log(passage: EgressRecord) -> None:
    """Tell the log."""
    _LOG.info("egress %s %s", passage.verdict, passage, extra={"passage": passage})


class Telling:
    """Tells a witness about so many passages, then once that there are more."""

    def __init__(self, witness: Witness, most: int) -> None:
        self._witness, self._left = witness, most

    def __call__(self, passage: EgressRecord) -> None:
        self._left -= 1
        if self._left >= 0:
            self._witness(passage)
        elif self._left == -1:
            self._witness(replace(passage, reason="too many tries: no more of them are written down"))


class Proxy:
    """Serves the connections of one sandbox, with one budget for all of them."""

    def __init__(
        self,
        rules: Egress,
        *,
        run: str,
        sandbox: str,
        witness: Witness = write_log,
        resolve: Resolve = resolve,
        proxy_for: ProxyFor = direct,
        patience_s: float = 10.0,
    ) -> None:
        self._rules, self._tell, self._resolve = rules, Telling(witness, rules.connections + _TOLD), resolve
        self._blank = EgressRecord(run=run, sandbox=sandbox, target="", verdict="refused")
        self._patience_s, self._proxy_for = patience_s, proxy_for
        self._left = rules.upload_bytes
        self._connections = rules.connections
        self.open = True
        """False: nobody may be spoken to any more."""

    async def serve(self, inside: EgressConnection) -> None:
        """Serve one connection to its end, and tell the witness about it."""
        record = self._blank
        try:
            head = await _until(inside, b"\r\n\r\n", self._patience_s)
            record = replace(record, target=head.split(b" ")[1].decode(errors="replace")[:300] if b" " in head else "")
            host, port = target_of(head)
            reader, writer = await self._connect(host, port)
        except (NoPassage, TimeoutError, OSError) as error:
            status = error.status if isinstance(error, NoPassage) else "502 Bad Gateway"
            text = f"signoff: {error or type(error).__name__}\n".encode()
            answer = f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Type: text/plain\r\n"
            with contextlib.suppress(OSError):
                await inside.write(f"{answer}Content-Length: {len(text)}\r\n\r\n".encode() + text)
            await inside.close()
            self._tell(replace(record, reason=str(error) or type(error).__name__))
            return
        try:
            self._tell(await self._pass(inside, host, replace(record, verdict="allowed"), (reader, writer)))
        finally:
            writer.close()
            await inside.close()

    async def _connect(self, host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to an address that was checked: between a check and a second look-up a name may move."""
        self._connections -= 1
        if self._connections < 0:
            raise NoPassage("too many connections", status="429 Too Many Requests")
        if not self.open or not self._rules.allows(host, port):
            raise NoPassage(f"{host}:{port} is not allowed")
        async with asyncio.timeout(_CONNECT_S):
            # Networks that have such a proxy often know no name of the world, so it is the proxy that looks it up.
            if proxy := self._proxy_for(f"https://{host}:{port}"):
                return await connected(proxy, host, port)
            addresses = await self._resolve(host, port)
            # All of its addresses: one would be checked, and another connected to.
            if host not in self._rules.private and not all(map(public, addresses)):
                raise NoPassage(f"{host} lies on a private address")
            problem: Exception = NoPassage("it has no address", status="502 Bad Gateway")
            for address in addresses:
                try:
                    return await asyncio.open_connection(address, port)
                except OSError as error:
                    problem = error
            raise problem

    async def _pass(
        self,
        inside: EgressConnection,
        host: str,
        record: EgressRecord,
        outside: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> EgressRecord:
        """Let bytes through once the client has named the very host in its hello."""
        counts = [0, 0]
        try:
            await inside.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            hello = await _hello(inside, host, self._patience_s)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._down(inside, outside[0], counts))
                both.create_task(self._up(inside, hello, outside[1], counts))
        except (NoPassage, TimeoutError, OSError) as error:
            return replace(record, verdict="refused", reason=str(error) or "timeout", up=counts[0], down=counts[1])
        except BaseExceptionGroup as errors:
            reason = "; ".join(str(error) or type(error).__name__ for error in errors.exceptions)
            return replace(record, reason=reason[:300], up=counts[0], down=counts[1])
        return replace(record, up=counts[0], down=counts[1])

    async def _up(self, inside: EgressConnection, data: bytes, writer: asyncio.StreamWriter, counts: list[int]) -> None:
        while data:
            if len(data) > self._left:
                raise NoPassage("the upload budget is spent")
            self._left -= len(data)
            counts[0] += len(data)
            writer.write(data)
            await writer.drain()
            data = await inside.read()
        if writer.can_write_eof():
            writer.write_eof()

    @staticmethod
    async def _down(inside: EgressConnection, reader: asyncio.StreamReader, counts: list[int]) -> None:
        while data := await asyncio.wait_for(reader.read(_READ), _IDLE_S):
            counts[1] += len(data)
            await inside.write(data)
        inside.end()


async def _until(inside: EgressConnection, end: bytes, patience_s: float) -> bytes:
    data = b""
    async with asyncio.timeout(patience_s):
        while end not in data:
            more = await inside.read()
            data += more
            if not more or len(data) > _HEAD:
                raise NoPassage("no request", status="400 Bad Request")
    head, _, rest = data.partition(end)
    # They would reach the host before anybody has looked at them.
    if rest:
        raise NoPassage("bytes before the connection is made", status="400 Bad Request")
    return head + b"\r\n"


async def _hello(inside: EgressConnection, host: str, patience_s: float) -> bytes:
    """Read the client's hello, which must name the host that the connection was allowed for."""
    data = b""
    async with asyncio.timeout(patience_s):
        while (name := hello_name(data)) is None:
            more = await inside.read()
            data += more
            if not more or len(data) > MAX_HELLO:
                raise NoPassage("no TLS hello")
    if name != host:
        raise NoPassage(f"the TLS hello names {name[:80]!r}")
    return data
