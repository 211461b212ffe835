"""HTTP transport of web hooks: the address of a request is judged, and its name chooses the proxy.

Imported when a client is made: one of the two HTTP libraries is enough for a command that sends nothing.
"""

from collections.abc import Callable

import httpx2
from typing_extensions import override


class ByName(httpx2.AsyncBaseTransport):
    """Through the proxy that the receiver's name asks for, to the address that was judged.

    The proxy is told the address, so that it cannot look the name up anew and be led elsewhere.
    """

    def __init__(self, proxy_for: Callable[[str], str]) -> None:
        self._proxy_for = proxy_for
        # Connections are not kept: two names on one address must not share what TLS proved for one of them.
        self._limits = httpx2.Limits(max_keepalive_connections=0)
        self._open: dict[str, httpx2.AsyncHTTPTransport] = {}

    @override
    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request on a connection of its own.

        Raises:
            httpx2.TransportError: the receiver, or the proxy on the way to it, does not take it.
        """
        name = request.extensions.get("sni_hostname", request.url.host)
        proxy = self._proxy_for(str(request.url.copy_with(host=name)))
        if proxy not in self._open:
            self._open[proxy] = httpx2.AsyncHTTPTransport(
                limits=self._limits, proxy=httpx2.Proxy(proxy) if proxy else None
            )
        return await self._open[proxy].handle_async_request(request)

    @override
    async def aclose(self) -> None:
        for transport in self._open.values():
            await transport.aclose()
