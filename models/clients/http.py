"""HTTP clients of endpoints, for all but chat: responses are bounded, so that none takes all memory of ours."""

from collections.abc import AsyncIterator

import httpx

from models.clients.contract import LINE, WHOLE, ModelEndpoint, Problem, limited

PLAIN = {"accept-encoding": "identity"}
"""A few bytes that unfold to gigabytes are not asked for."""


class _Bounded(httpx.AsyncByteStream):
    def __init__(self, body: httpx.AsyncByteStream, problem: Problem) -> None:
        self._body, self._problem = body, problem

    def __aiter__(self) -> AsyncIterator[bytes]:
        return limited(self._body, self._problem)

    async def aclose(self) -> None:
        await self._body.aclose()


def http_client(endpoint: ModelEndpoint, *, timeout_s: float) -> httpx.AsyncClient:
    """A client with the endpoint's key and its address as the base; a response that is too long is a DecodingError."""

    def problem() -> Exception:
        return httpx.DecodingError(f"it sends more than {WHOLE >> 20} MB, or {LINE >> 20} MB without the end of a line")

    async def bound(response: httpx.Response) -> None:
        if isinstance(response.stream, httpx.AsyncByteStream):
            response.stream = _Bounded(response.stream, problem)

    key = endpoint.api_key.get_secret_value() if endpoint.api_key else "none"
    return httpx.AsyncClient(
        base_url=f"{endpoint.base_url.rstrip('/')}/",
        headers={**PLAIN, "authorization": f"Bearer {key}"},
        timeout=timeout_s,
        event_hooks={"response": [bound]},
    )
