"""Vectors of memories: each text is embedded once, by one model at a time, and those in use are kept."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from database import open_engine, reading, sqlite_url
from service.storage.schema import make_tables
from service.storage.vectors import KEPT_FOR, VECTORS, CachedEmbeddings

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Endpoint:
    """Embeds in so many numbers."""

    length: int = 2
    asked: list[list[str]] = field(default_factory=list[list[str]])

    async def __call__(self, texts: Sequence[str]) -> list[list[float]]:
        self.asked.append([*texts])
        return [[float(len(text))] * self.length for text in texts]


@dataclass
class World:
    endpoint: Endpoint
    embed: CachedEmbeddings
    now: datetime = NOW


@pytest.fixture
async def world(tmp_path: Path) -> AsyncGenerator[World]:
    engine, endpoint = open_engine(sqlite_url(tmp_path / "rows.db")), Endpoint()
    await make_tables(engine)
    embed = CachedEmbeddings(engine=engine, org="acme", model="m", embed=endpoint, clock=lambda: opened.now)
    opened = World(endpoint, embed)
    yield opened
    await engine.dispose()


async def test_a_text_is_embedded_once(world: World) -> None:
    assert [[*each] for each in await world.embed(["a", "bb"])] == [[1.0, 1.0], [2.0, 2.0]]
    assert [[*each] for each in await world.embed(["bb", "ccc"])] == [[2.0, 2.0], [3.0, 3.0]]
    assert world.endpoint.asked == [["a", "bb"], ["ccc"]]


async def test_a_model_that_changed_under_its_name_is_asked_for_all(world: World) -> None:
    await world.embed(["old question", "a"])
    world.endpoint.length = 3
    assert {len(each) for each in await world.embed(["new question", "a"])} == {3}
    # Both are kept, each by another of the two.
    assert {len(each) for each in await world.embed(["old question", "a"])} == {3}
    world.endpoint.asked.clear()
    assert {len(each) for each in await world.embed(["old question", "new question", "a"])} == {3}
    assert world.endpoint.asked == []


async def test_one_that_is_used_is_kept(world: World) -> None:
    await world.embed(["used", "unused"])
    for _ in range(3):
        world.now += KEPT_FOR / 2
        await world.embed(["used"])
    async with reading(world.embed.engine) as conn:
        used_at = sorted((await conn.execute(select(VECTORS.c.used_at))).scalars())
    assert used_at == [NOW, NOW + timedelta(days=135)]
