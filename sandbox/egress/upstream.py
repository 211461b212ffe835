"""Upstream proxy: a connection to a host through the proxy of a company, as CONNECT makes it (RFC 9110, 9.3.6)."""

import asyncio
import base64
import ssl
from collections.abc import Callable
from typing import Final
from urllib.parse import unquote, urlsplit

from sandbox.egress.policy import NoPassage

ProxyFor = Callable[[str], str]
"""An address → the proxy to ask for it, with its login; empty: none."""
_HEAD: Final = 16 << 10
_OK: Final = "200"


def direct(url: str) -> str:
    """Ask no proxy."""
    del url
    return ""


async def connected(proxy: str, host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Return a connection to a host that a proxy made. The name is the proxy's to look up, and to refuse.

    Raises:
        NoPassage: the proxy refuses, or answers with something else; its words are not repeated.
        OSError: it cannot be reached.
    """
    parts = urlsplit(proxy)
    tls = ssl.create_default_context() if parts.scheme == "https" else None
    reader, writer = await asyncio.open_connection(
        parts.hostname, parts.port or (443 if tls else 80), ssl=tls, limit=_HEAD
    )
    try:
        login = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}".encode()
        basic = f"Proxy-Authorization: Basic {base64.b64encode(login).decode()}\r\n" if parts.username else ""
        writer.write(f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n{basic}\r\n".encode())
        await writer.drain()
        head = await reader.readuntil(b"\r\n\r\n")
        version, _, rest = head.partition(b"\r\n")[0].partition(b" ")
        status = rest.partition(b" ")[0].decode("ascii", "replace")
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        writer.close()
        raise NoPassage("the proxy of the configuration does not answer", status="502 Bad Gateway") from error
    except BaseException:
        writer.close()
        raise
    if version.startswith(b"HTTP/1.") and status == _OK:
        return reader, writer
    writer.close()
    why = f"refuses {host}:{port} ({status})" if status.isdecimal() else "answers with no HTTP"
    raise NoPassage(f"the proxy of the configuration {why}", status="502 Bad Gateway")
