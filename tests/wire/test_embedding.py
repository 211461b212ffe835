"""Vectors over the wire, and what becomes of an endpoint that has none."""

import asyncio

import pytest

from domain import Unavailable
from models.clients import Embedder, ModelEndpoint, embed
from models.wrappers import EmbeddingSimilarity
from tests.wire.openai_answers import Answer, Received, as_json, send
from tests.wire.openai_server import OpenAIServer


class Embeds(OpenAIServer):
    """Answers ``/v1/embeddings``: one number counts totals, the other everything else."""

    reply: Answer | None = None
    more: tuple[float, ...] = ()
    """More numbers of each vector, as another model has them."""

    async def _answer(self, request: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not request.path.endswith("/embeddings"):
            return await super()._answer(request, reader, writer)
        about = ("total" in text.lower() or "sum" in text.lower() for text in request.body["input"])
        data = [
            {"index": n, "embedding": [*((1.0, 0.0) if is_total else (0.0, 1.0)), *self.more]}
            for n, is_total in enumerate(about)
        ]
        return await send(writer, self.reply or as_json(200, {"data": data[::-1]}))


async def test_wishes_are_compared_by_meaning():
    async with Embeds(models=["e"]) as server:
        place = ModelEndpoint(base_url=server.base_url, model="e")
        wording = EmbeddingSimilarity(lambda texts: embed(place, texts))
        assert await wording.same("Correct the sum", ["Write docs", "Fix the total"]) == 1
        assert await wording.same("Write docs", ["Fix the total"]) is None
        assert await embed(place, ["total", "docs"]) == [(1.0, 0.0), (0.0, 1.0)]
    assert {request.body["model"] for request in server.requests} == {"e"}


@pytest.mark.parametrize(
    "reply",
    [
        as_json(200, {"data": [{"index": 0, "embedding": [1.0]}]}),
        as_json(200, {"data": [{"embedding": "x"}]}),
        as_json(500, {}),
        as_json(200, {"ok": True}),
        Answer(body=b"<html>"),
        Answer(body=b'{"data": [{"index": 0, "embedding": [NaN]}, {"index": 1, "embedding": [1.0]}]}'),
        Answer(body=b'{"data": "' + b"x" * (3 << 20) + b'"}'),
    ],
)
async def test_whatever_else_comes_back_is_no_vector_and_stops_nobody(reply):
    async with Embeds() as server:
        server.reply = reply
        place = ModelEndpoint(base_url=server.base_url, model="e")
        with pytest.raises(Unavailable):
            await embed(place, ["one", "two"])
        assert (
            await EmbeddingSimilarity(lambda texts: embed(place, texts)).same("Correct the sum", ["Fix a total"])
            is None
        )


async def test_a_text_is_embedded_once():
    async with Embeds(models=["e"]) as server:
        embed = Embedder(endpoint=ModelEndpoint(base_url=server.base_url, model="e"), most=3)
        assert await embed(["total", "docs", "total"]) == [(1.0, 0.0), (0.0, 1.0), (1.0, 0.0)]
        assert await embed(["docs", "sum"]) == [(0.0, 1.0), (1.0, 0.0)]
        assert await embed(["sum", "docs"]) == [(1.0, 0.0), (0.0, 1.0)]
        await embed(["more"])
        await embed(["total"])
    asked = [request.body["input"] for request in server.requests]
    assert asked == [["total", "docs"], ["sum"], ["more"], ["total"]], "the oldest goes when there is no room"
