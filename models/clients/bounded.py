"""Size limits of responses: a broken or hostile endpoint takes no memory of ours."""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable

import httpx

LINE = 2 << 20
"""Bytes of one line: of a stream each is one piece of an answer, and parsers keep it until it ends."""
WHOLE = 64 << 20
"""Bytes on the wire; a streamed answer has some hundred of them around each word."""


Problem = Callable[[], Exception]


async def limited(body: AsyncIterable[bytes], problem: Problem) -> AsyncGenerator[bytes]:
    """The parts of a body; raises ``problem`` where it, or one line of it, is too long."""
    whole = line = 0
    async for part in body:
        last = part.rfind(b"\n")
        whole, line = whole + len(part), len(part) + (line if last < 0 else -last - 1)
        if whole > WHOLE or line > LINE:
            raise problem()
        yield part


class _Bounded(httpx.AsyncByteStream):
    def __init__(self, body: httpx.AsyncByteStream, problem: Problem) -> None:
        self._body, self._problem = body, problem

    def __aiter__(self) -> AsyncIterator[bytes]:
        return limited(self._body, self._problem)

    async def aclose(self) -> None:
        await self._body.aclose()


def bounded_hooks() -> dict[str, list[Callable[[httpx.Response], Awaitable[None]]]]:
    """Event hooks of a client whose responses are all bounded; what is too long is an ``httpx.DecodingError``."""

    def problem() -> Exception:
        return httpx.DecodingError(f"it sends more than {WHOLE >> 20} MB, or {LINE >> 20} MB without the end of a line")

    async def hook(response: httpx.Response) -> None:
        if isinstance(response.stream, httpx.AsyncByteStream):
            response.stream = _Bounded(response.stream, problem)

    return {"response": [hook]}


PLAIN = {"accept-encoding": "identity"}
"""A few bytes that unfold to gigabytes are not asked for."""
