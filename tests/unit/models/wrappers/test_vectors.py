"""Vectors outlive a process, go when nobody uses them, and are asked for anew when they are due."""

import asyncio

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from models import Database
from models.clients import Embedder, ModelEndpoint
from models.wrappers import StoredVectors
from tests.wire.test_embedding import Embeds

DAY = 86_400.0


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


async def test_a_new_process_asks_for_no_vector_a_second_time(database: Database) -> None:
    async with Embeds(models=["e"]) as server:
        place = ModelEndpoint(base_url=server.base_url, model="e")
        first, second = (Embedder(endpoint=place, store=StoredVectors(database=database)) for _ in range(2))
        assert await first(["total", "docs"]) == [(1.0, 0.0), (0.0, 1.0)]
        assert await second(["docs", "total", "sum"]) == [(0.0, 1.0), (1.0, 0.0), (1.0, 0.0)]
        assert [request.body["input"] for request in server.requests] == [["total", "docs"], ["sum"]]
        # Another model says something else of the same text.
        other = Embedder(endpoint=ModelEndpoint(base_url=server.base_url, model="f"), store=first.store)
        await other(["total"])
        assert server.requests[-1].body == {"model": "f", "input": ["total"]}


async def test_a_model_that_changed_under_its_name_is_asked_for_all(database: Database) -> None:
    async with Embeds(models=["e"]) as server:
        place = ModelEndpoint(base_url=server.base_url, model="e")
        first, second = (Embedder(endpoint=place, store=StoredVectors(database=database)) for _ in range(2))
        await first(["total", "docs"])
        server.more = (0.5,)
        assert await first(["total", "new"]) == [(1.0, 0.0, 0.5), (0.0, 1.0, 0.5)]
        assert await second(["docs", "total"]) == [(0.0, 1.0, 0.5), (1.0, 0.0, 0.5)], "one of each is kept"


async def test_processes_that_embed_the_same_text_at_once_are_not_in_each_others_way(database: Database) -> None:
    store = StoredVectors(database=database)
    await asyncio.gather(*(store.put({"same": (1.0,), f"own{n}": (2.0,)}) for n in range(8)))
    assert await store.count() == 9


async def test_what_is_due_is_asked_for_anew_and_the_rest_is_not(database: Database) -> None:
    clock = Clock()
    async with Embeds(models=["e"]) as server:
        store = StoredVectors(database=database, clock=clock)
        embedder = Embedder(endpoint=ModelEndpoint(base_url=server.base_url, model="e"), store=store)
        await embedder(["total"])
        clock.now += DAY
        await embedder(["docs"])
        assert await embedder.rebuild(["total", "docs", "new"], made_before=clock.now - 60) == 2
        assert sorted(server.requests[-1].body["input"]) == ["new", "total"]
        assert await embedder.rebuild(["total", "docs", "new"], made_before=clock.now - 60) == 0


async def test_what_nobody_uses_goes_and_the_number_is_bounded(database: Database) -> None:
    clock = Clock()
    store = StoredVectors(database=database, clock=clock)
    await store.put({"old": (1.0,), "used": (2.0,)})
    clock.now += 5 * DAY
    assert await store.get(["used", "nowhere"]) == {"used": (2.0,)}
    await store.put({f"n{number}": (float(number),) for number in range(10)})
    await store.trim(used_since=clock.now - DAY, most=100)
    assert await store.count() == 11
    await store.trim(used_since=clock.now - DAY, most=4)
    assert await store.count() == 4
    assert await store.clear() == 4


async def test_hits_and_misses_are_events_of_the_span_that_asked(database: Database) -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    async with Embeds(models=["e"]) as server:
        place = ModelEndpoint(base_url=server.base_url, model="e")
        embedder = Embedder(endpoint=place, store=StoredVectors(database=database))
        with provider.get_tracer("t").start_as_current_span("plan"):
            await embedder(["total", "docs"])
            await embedder(["total", "sum"])
    (span,) = exporter.get_finished_spans()
    counts = [(event.attributes or {}) for event in span.events]
    assert [(each["app.cache.hit"], each["app.cache.miss"]) for each in counts] == [(0, 2), (1, 1)]
