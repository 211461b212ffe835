"""Connection with one MCP server, by the official SDK, kept by a task of its own.

The SDK's task groups are left by the task that entered them, which no caller is. What a server sends is bounded before
the SDK reads it: a line on standard output by the guard, a response by the transport.
"""

import asyncio
import contextvars
import os
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from domain import Unavailable
from tools.config import ServerConfig
from tools.contract import Answer, ToolResult
from tools.rendering import answer_text

if TYPE_CHECKING:
    import httpx2
    from mcp import Client
    from mcp.client import Transport
    from mcp_types import Tool

MESSAGE: Final = 4 << 20
"""Bytes of one message of a server."""
PAGES, TOOLS = 20, 500
"""Of one listing."""
_GUARD = Path(__file__).with_name("stdio_guard.py")
_CLOSED, _TIMEOUT = -32000, -32001
"""The SDK's own codes of errors that no server sent."""


class TooLongError(Exception):
    """A response of a server is longer than any message may be."""


@dataclass(slots=True, kw_only=True)
class ServerConnection:
    """One session. Made when it is first needed; broken once, it is never used again."""

    name: str
    config: ServerConfig
    credentials: Mapping[str, str]
    """Values by their names."""
    proxy: str = field(default="", repr=False)
    """What it is asked through, where it has an address."""
    idle_s: float = 300.0
    broken: bool = False
    used_at: float = field(default_factory=time.monotonic)
    busy: int = 0
    """Calls that are under way."""
    _closing: asyncio.Event = field(default_factory=asyncio.Event)
    _client: "asyncio.Future[Client] | None" = None
    _task: "asyncio.Task[None] | None" = None

    async def client(self) -> "Client":
        """The session, opened with the first question for it.

        Raises:
            Unavailable: ``tool_server_unreachable``.
        """
        self.used_at = time.monotonic()
        if self._client is None:
            self._client = asyncio.get_running_loop().create_future()
            # Without the context of who asks first: the session outlives the span and the run's logs.
            self._task = asyncio.create_task(self._keep(self._client), context=contextvars.Context())
            # What it ends with later is no news: who asks then is told that the server is gone.
            self._task.add_done_callback(lambda task: task.cancelled() or task.exception())
        ready, task = self._client, self._task
        assert task is not None  # noqa: S101  begun with the future
        await asyncio.wait({ready, task}, timeout=self.config.start_s, return_when=asyncio.FIRST_COMPLETED)
        if ready.done() and not self.broken:
            return ready.result()
        self.broken = True
        self._closing.set()
        why = "it does not answer" if not task.done() else _reason(task.exception())
        if not task.done():
            task.cancel()
        raise Unavailable(
            f"The MCP server {self.name} cannot be reached: {why}.",
            code="tool_server_unreachable",
            hint=f"See how it is: signoff tools {self.name}",
        )

    async def tools(self) -> dict[str, "Tool"]:
        """What it lists now. A name that stands there twice stands for nothing.

        Raises:
            Unavailable: ``tool_server_unreachable``.
        """
        client, cursor = await self.client(), None
        listed: list[Tool] = []
        try:
            async with asyncio.timeout(self.config.start_s):
                for _ in range(PAGES):
                    page = await client.list_tools(cursor=cursor)
                    listed += page.tools
                    cursor = page.next_cursor
                    if cursor is None or len(listed) >= TOOLS:
                        break
        except Exception as error:  # noqa: BLE001  a server may answer anything, and the SDK raise anything
            self.abandon()
            raise Unavailable(
                f"The MCP server {self.name} does not list its tools: {_reason(error)}.",
                code="tool_server_unreachable",
                hint=f"See how it is: signoff tools {self.name}",
            ) from None
        names = [tool.name for tool in listed]
        return {tool.name: tool for tool in listed[:TOOLS] if names.count(tool.name) == 1}

    async def call(self, tool: str, arguments: dict[str, Any]) -> ToolResult:
        """Call a tool, once, and say what came of it, whatever that is."""
        client, began = await self.client(), time.monotonic()
        hidden = {value: name for name, value in self.credentials.items() if value}
        self.busy += 1
        try:
            async with asyncio.timeout(self.config.timeout_s):
                answer = await client.call_tool(tool, arguments)
            document: Answer = answer.model_dump(mode="json", by_alias=True)
            text = answer_text(document, hidden=hidden)
            failed = bool(document.get("isError"))
            result = ToolResult(text=text, ok=False, code="tool_failed") if failed else ToolResult(text=text)
        except TimeoutError:
            words = f"No answer in {self.config.timeout_s:g} s. It may or may not have been done."
            result = ToolResult(text=words, ok=False, code="tool_timeout")
        except Exception as error:  # noqa: BLE001  a server may answer anything, and the SDK raise anything
            result = without_answer(error, hidden)
        finally:
            self.busy -= 1
            self.used_at = time.monotonic()
        if result.code not in {"", "tool_failed"}:
            self.abandon()  # who is late or garbled with one answer is not asked for the next
        return replace(result, duration_ms=(time.monotonic() - began) * 1_000)

    def abandon(self) -> None:
        """Use it no more; its task ends it."""
        self.broken = True
        self._closing.set()

    async def close(self) -> None:
        """End the session, and the program that it was with."""
        self.abandon()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    async def _keep(self, ready: "asyncio.Future[Client]") -> None:
        from mcp import Client  # noqa: PLC0415  half a second

        async with AsyncExitStack() as stack:
            if self.config.url:
                transport: Transport = await self._http(stack)
            else:
                transport = self._program()
            # No cache: a description has to be the server's own of this moment. Nothing is elicited or sampled.
            client = await stack.enter_async_context(Client(transport, cache=None))
            if not ready.done():
                ready.set_result(client)
            while not self._closing.is_set():
                left = self.used_at + self.idle_s - time.monotonic()
                if left <= 0 and not self.busy:
                    break
                try:
                    async with asyncio.timeout(max(left, 1.0)):
                        await self._closing.wait()
                except TimeoutError:
                    continue
            self.broken = True

    async def _http(self, stack: AsyncExitStack) -> "Transport":
        import httpx2  # noqa: PLC0415
        from mcp.client.streamable_http import streamable_http_client  # noqa: PLC0415

        headers = {header: self.credentials[name] for header, name in self.config.credentials.items()}
        http = httpx2.AsyncClient(
            # Nothing packed: a megabyte of it may be a gigabyte.
            headers={**headers, "accept-encoding": "identity"},
            timeout=httpx2.Timeout(self.config.timeout_s + 5, connect=self.config.start_s),
            transport=bounded_transport(self.proxy),
        )
        await stack.enter_async_context(http)
        return streamable_http_client(self.config.url, http_client=http, max_sse_event_size=MESSAGE)

    def _program(self) -> "Transport":
        from mcp import StdioServerParameters  # noqa: PLC0415
        from mcp.client.stdio import stdio_client  # noqa: PLC0415

        secrets = {variable: self.credentials[name] for variable, name in self.config.credentials.items()}
        server = StdioServerParameters(
            command=sys.executable,
            args=["-I", str(_GUARD), str(MESSAGE), *self.config.command],
            env={**self.config.env, **secrets},
            encoding_error_handler="replace",
        )

        # What it writes beside the protocol is for its own logs, and may hold anything.
        nowhere = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  closed with the transport

        @asynccontextmanager
        async def quiet() -> AsyncGenerator[Any]:
            with nowhere:
                async with stdio_client(server, errlog=nowhere) as streams:
                    yield streams

        return quiet()


def without_answer(error: Exception, hidden: Mapping[str, str]) -> ToolResult:
    """What came of a call that ended with an error of the SDK's: the server's own word, or none."""
    number = getattr(error, "code", None)
    if isinstance(number, int) and number not in {_CLOSED, _TIMEOUT}:
        text = answer_text({"content": [{"type": "text", "text": str(error)}]}, hidden=hidden)
        return ToolResult(text=text, ok=False, code="tool_failed")
    if number is None and not isinstance(error, OSError):
        words = f"Its answer cannot be read ({type(error).__name__}). It may have been done."
        return ToolResult(text=words, ok=False, code="tool_answer_invalid")
    words = "The server went away before it answered. It may have been done."
    return ToolResult(text=words, ok=False, code="tool_server_gone")


def bounded_transport(proxy: str = "") -> "httpx2.AsyncBaseTransport":
    """HTTP whose responses end at ``MESSAGE`` bytes; events are bounded one by one, by the SDK."""
    import httpx2  # noqa: PLC0415

    class BoundedStream(httpx2.AsyncByteStream):
        def __init__(self, stream: httpx2.AsyncByteStream) -> None:
            self.stream = stream

        async def __aiter__(self) -> AsyncIterator[bytes]:
            seen = 0
            async for chunk in self.stream:
                seen += len(chunk)
                if seen > MESSAGE:
                    raise TooLongError
                yield chunk

        async def aclose(self) -> None:
            await self.stream.aclose()

    class BoundedTransport(httpx2.AsyncHTTPTransport):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            response = await super().handle_async_request(request)
            if response.headers.get("content-encoding", "identity") != "identity":
                await response.aclose()
                raise TooLongError
            if not response.headers.get("content-type", "").startswith("text/event-stream"):
                stream = response.stream
                assert isinstance(stream, httpx2.AsyncByteStream)  # noqa: S101  it is an asynchronous transport
                response.stream = BoundedStream(stream)
            return response

    return BoundedTransport(proxy=proxy or None)


def _reason(error: BaseException | None) -> str:
    """What went wrong, in a few words without anything that a server wrote."""
    while isinstance(error, BaseExceptionGroup) and error.exceptions:
        error = error.exceptions[0]
    if error is None:
        return "it ended"
    if isinstance(error, TimeoutError):
        return "it does not answer"
    if getattr(error, "code", None) == _CLOSED:
        return "it ended before it answered"
    return getattr(error, "strerror", None) or type(error).__name__
