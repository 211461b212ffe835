"""An endpoint that sends without end takes no memory of ours, wherever it is asked."""

import asyncio
import gzip
import tracemalloc
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from domain import Plan, SignoffError
from models import Message, ModelSettings, Question, metered
from models.clients import openai as openai_wire
from models.clients import probe
from models.clients.chat import open_chat
from models.clients.contract import ModelEndpoint
from models.wrappers.context_window import open_tokenizer
from tests.wire.asking import ASK, at
from tests.wire.openai_server import OpenAIServer

MB = 1 << 20
assert openai_wire, "imported before memory is traced: that takes its time"
FLOOD_MB, MOST_MB = 200, 64
PATIENT = ModelSettings(max_tokens=512, timeout_s=60)
Write = Callable[[asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def answering(write: Write) -> AsyncGenerator[ModelEndpoint]:
    """An endpoint that answers every request with what ``write`` writes."""
    sent: list[asyncio.Task[None]] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        sent.append(task)
        with suppress(ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            await write(writer)
        writer.transport.abort()

    async with await asyncio.start_server(connected, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        yield ModelEndpoint(base_url=f"http://127.0.0.1:{port}/v1", model="fake-model")
        await asyncio.gather(*sent)


def flooding(status: str = "200 OK", kind: str = "application/json", begin: bytes = b"") -> Write:
    async def write(writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\nconnection: close\r\n\r\n".encode() + begin)
        for _ in range(FLOOD_MB):
            writer.write(b"x" * MB)
            await writer.drain()

    return write


def most_mb() -> float:
    return tracemalloc.get_traced_memory()[1] / MB


@pytest.fixture(autouse=True)
def _traced():
    tracemalloc.start(1)
    yield
    tracemalloc.stop()


@pytest.mark.slow
async def test_a_line_without_an_end_is_hung_up_on() -> None:
    async with OpenAIServer([{"flood_mb": FLOOD_MB}]) as server, open_chat(at(server)) as chat:
        with metered() as tab, pytest.raises(SignoffError) as caught:
            await chat.ask(Question(ASK, Plan, settings=PATIENT))
    assert (caught.value.stable_code, bool(caught.value.hint)) == ("llm_endless", True)
    assert most_mb() < MOST_MB
    assert tab.usage.tokens_in == server.billed[0].tokens_in, "it read what it was sent"


FLOODS = {
    "a whole answer": (flooding(), "llm_endless"),
    "a stream": (flooding(kind="text/event-stream", begin=b"data: "), "llm_endless"),
    "a page": (flooding(kind="text/html"), "llm_endless"),
    "a failure": (flooding(status="503 no"), "llm_unavailable"),
    "a refusal": (flooding(status="401 no", begin=b"wrong key "), "llm_unauthorized"),
}


@pytest.mark.slow
@pytest.mark.parametrize("flood", FLOODS)
async def test_whatever_it_floods_us_with_has_a_code(flood: str) -> None:
    write, code = FLOODS[flood]
    async with answering(write) as endpoint, open_chat(endpoint) as chat:
        with pytest.raises(SignoffError) as caught:
            await chat.ask(Question(ASK, Plan, settings=PATIENT))
    assert caught.value.stable_code == code
    assert most_mb() < MOST_MB


async def test_what_unfolds_is_not_read() -> None:
    bomb = gzip.compress(b"x" * FLOOD_MB * MB)

    async def write(writer: asyncio.StreamWriter) -> None:
        head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-encoding: gzip\r\nconnection: close"
        writer.write(f"{head}\r\ncontent-length: {len(bomb)}\r\n\r\n".encode() + bomb)
        await writer.drain()

    tracemalloc.reset_peak()
    async with answering(write) as endpoint, open_chat(endpoint) as chat:
        with pytest.raises(SignoffError) as caught:
            await chat.ask(Question(ASK, Plan, settings=PATIENT))
    assert caught.value.stable_code == "llm_unreadable"
    assert most_mb() < MOST_MB


@pytest.mark.slow
async def test_looking_and_counting_are_bounded_too() -> None:
    async with answering(flooding(begin=b'{"data": "')) as endpoint:
        seen = await probe(endpoint)
        assert "MB" in seen.problem
        async with open_tokenizer(endpoint) as counting:
            assert counting is not None
            assert await counting.count([Message(role="user", content="x")]) is None
    assert most_mb() < 2 * MOST_MB
