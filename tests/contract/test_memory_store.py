"""The memory book keeps its promises on every store of LangGraph's contract: the twin, SQLite and PostgreSQL."""

from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from langgraph.store.memory import InMemoryStore

from database import now, open_engine, sqlite_url
from domain import Refused, Unavailable
from memory import EndedRun, MemoryBook, RanCommand
from retrieval import text_scores
from service.storage.items import Items
from service.storage.langgraph_store import OrganisationStore
from service.storage.schema import make_tables
from service.storage.vectors import CachedEmbeddings
from tests.worlds import postgres

ENDED = EndedRun(
    run="r1",
    org="acme",
    repo="/repo.git",
    commit="c1",
    person="ann",
    task="Fix the total of all prices",
    status="delivered",
    commands=(RanCommand(command="make t T=tests/test_a.py", code=0),),
    files={"Makefile": "1", "tests/test_a.py": "1"},
    ended_at=datetime(2026, 1, 1, tzinfo=UTC),
)


async def files() -> dict[str, str]:
    return dict(ENDED.files)


@pytest.fixture(scope="module")
def server() -> Any:
    with postgres.cluster() as folder:
        yield folder


@pytest.fixture(params=["twin", "sqlite", pytest.param("postgres", marks=[pytest.mark.postgres, pytest.mark.slow])])
async def book(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[MemoryBook]:
    if request.param == "twin":
        stores: dict[str, InMemoryStore] = {}
        yield MemoryBook(store_of=lambda org: stores.setdefault(org, InMemoryStore()), rank=text_scores, clock=now)
        return
    if request.param == "sqlite":
        engine = open_engine(sqlite_url(tmp_path / "items.db"))
    else:
        cluster = request.getfixturevalue("server")
        postgres.sql(cluster, "DROP TABLE IF EXISTS items, memory_vectors")
        engine = open_engine(postgres.url(cluster, "postgres"))
    await make_tables(engine)
    items = Items(engine=engine, clock=now)
    store_of: Callable[[str], Any] = partial(OrganisationStore, items)
    calls: list[int] = []

    async def embed(texts: Any) -> list[tuple[float, float]]:
        calls.append(len(texts))
        return [(float("price" in text), 1.0) for text in texts]

    def embed_of(org: str) -> CachedEmbeddings:
        return CachedEmbeddings(engine=engine, org=org, model="m", embed=embed, clock=now)

    yield MemoryBook(store_of=store_of, rank=text_scores, clock=now, embed_of=embed_of)
    assert calls == [] or sum(calls) <= 4, "a text is embedded once"
    await engine.dispose()


async def test_what_was_learnt_is_recalled_by_its_own_organisation_and_repository(book: MemoryBook) -> None:
    await book.learn(ENDED)
    recalled = await book.recall("acme", "/repo.git", "total of prices", files, outside=False)
    assert (recalled.known, recalled.expired) == (3, 0)
    assert {each.kind for each in recalled.best} == {"episodic", "semantic"}
    assert recalled.found[0].title == "Fix the total of all prices"
    for org, repo in (("other", "/repo.git"), ("acme", "/another.git")):
        assert (await book.recall(org, repo, "total of prices", files, outside=True)).known == 0
        assert await book.all(org, repo=repo) == []
    with pytest.raises(Refused) as refusal:
        await book.get("other", recalled.found[0].id)
    assert refusal.value.stable_code == "memory_not_found"


async def test_kinds_that_are_not_shown_are_shown_to_no_run_that_asks_for_them(book: MemoryBook) -> None:
    await book.learn(ENDED)
    facts = replace(book, kinds=frozenset({"semantic"}))
    found = (await facts.recall("acme", "/repo.git", "total of prices make", files, outside=True)).found
    assert {each.kind for each in found} == {"semantic"}
    (episode,) = [each for each in await book.all("acme") if each.kind == "episodic"]
    assert (await book.open("acme", "/repo.git", episode.id)).id == episode.id
    for asked, repo in ((facts, "/repo.git"), (book, "/another.git")):
        with pytest.raises(Refused) as refusal:
            await asked.open("acme", repo, episode.id)
        assert refusal.value.stable_code == "memory_not_found"
    pinned = await book.pin("acme", episode.id, pinned=True, person="ann")
    assert await facts.open("acme", "/repo.git", episode.id) == pinned


async def test_people_correct_pin_and_forget(book: MemoryBook) -> None:
    await book.learn(replace(ENDED, outside=True))
    (fact,) = [each for each in await book.all("acme") if each.subject == "one test"]
    edited = await book.edit("acme", fact.id[:6], " One test: make one. ", person="ann")
    assert (edited.text, edited.edited_by, edited.outside) == ("One test: make one.", "ann", False)
    await book.learn(replace(ENDED, run="r2"))
    assert (await book.get("acme", fact.id)).text == "One test: make one."
    pinned = await book.pin("acme", fact.id, pinned=True, person="ann")
    assert (await book.recall("acme", "/repo.git", "", files, outside=False)).best[0] == pinned
    assert (await book.pin("acme", fact.id, pinned=False, person="ann")).pinned_by == ""
    await book.forget("acme", fact.id)
    assert fact.id not in {each.id for each in await book.all("acme")}
    for text in ("", "x" * 4_001):
        with pytest.raises(Refused) as refusal:
            await book.write("acme", "/repo.git", title="t", text=text, person="ann")
        assert refusal.value.stable_code == "memory_too_large"
    assert (await book.write("acme", "/repo.git", title="t", text="Know it.", person="ann")).pinned


async def test_a_rebuild_makes_what_the_runs_show_and_keeps_what_people_wrote(book: MemoryBook) -> None:
    await book.learn(ENDED)
    await book.learn(replace(ENDED, run="gone", task="A run that is not here any more"))
    mine = await book.write("acme", "/repo.git", title="mine", text="Know it.", person="ann")

    async def runs() -> AsyncGenerator[EndedRun]:
        yield ENDED

    assert await book.rebuild("acme", runs()) == 4
    left = {each.id: each for each in await book.all("acme")}
    assert mine.id in left
    assert {each.run for each in left.values()} == {"r1", ""}
    await book.learn(ENDED)
    assert {each.id: each for each in await book.all("acme")} == left


async def test_an_endpoint_that_does_not_embed_leaves_the_words(book: MemoryBook) -> None:
    async def away(_: Any) -> Any:
        raise Unavailable("It does not answer.")

    deaf = replace(book, embed_of=lambda _: away)
    await deaf.learn(ENDED)
    assert (await deaf.recall("acme", "/repo.git", "total of prices", files, outside=False)).found
