"""Wiring of memory: the book over the organisation's store, what it is ranked by, and who hears of runs that ended."""

from collections.abc import Callable
from functools import partial
from typing import cast

from sqlalchemy.ext.asyncio import AsyncEngine

from approvals import Ballots, Clock
from domain import Refused
from memory import KINDS, Embed, ItemStore, MemoryBook, MemoryKind
from models.clients import ModelEndpoint, embed
from nodes.memory.recall import Recall
from retrieval import text_scores
from sandbox import Store
from service.memory.ended_runs import EndedRuns
from service.runs.engine import Ended, nobody
from service.settings import Settings
from service.storage.items import Items
from service.storage.langgraph_store import OrganisationStore
from service.storage.vectors import CachedEmbeddings

OFF = "off"


def shown_kinds(settings: Settings) -> frozenset[MemoryKind] | None:
    """The kinds of memories that runs are shown; None: nothing is remembered at all.

    Raises:
        Refused: ``settings_invalid``.
    """
    named = [word.strip() for word in settings.memory.split(",") if word.strip()]
    if named == [OFF]:
        return None
    if unknown := sorted(set(named) - {*KINDS, "none"}):
        raise Refused(
            f"SIGNOFF_MEMORY names an unknown kind: {', '.join(unknown)[:200]}.",
            code="settings_invalid",
            hint=f"Use some of {', '.join(KINDS)}; none: remembered and not shown; off: not remembered.",
        )
    return frozenset(kind for kind in KINDS if kind in named)


def open_book(settings: Settings, database: AsyncEngine, clock: Clock) -> MemoryBook:
    """The memories of every organisation of an installation, each in its own store."""
    items = Items(engine=database, clock=clock)
    return MemoryBook(
        # LangGraph's verbs take more than is needed here.
        store_of=cast("Callable[[str], ItemStore]", partial(OrganisationStore, items)),
        rank=text_scores,
        clock=clock,
        kinds=shown_kinds(settings) or frozenset(),
        embed_of=_embedding(settings, database, clock),
    )


def open_recall(settings: Settings, book: MemoryBook) -> Recall:
    """What planner and coder are shown."""
    kinds = shown_kinds(settings)
    return Recall(book=book if kinds is not None else None, kinds=kinds or frozenset())


def open_ended_runs(store: Store, ballots: Ballots, book: MemoryBook) -> EndedRuns:
    """Who takes memories from runs."""
    return EndedRuns(store=store, ballots=ballots, book=book)


def remembering(settings: Settings, ended_runs: EndedRuns) -> Ended:
    """What hears of runs that ended."""
    return ended_runs.learn if shown_kinds(settings) is not None else nobody


def _embedding(settings: Settings, database: AsyncEngine, clock: Clock) -> Callable[[str], Embed] | None:
    if not settings.memory_vectors or not settings.model_embedding or not settings.model_base_url:
        return None
    endpoint = ModelEndpoint(
        base_url=settings.model_base_url, model=settings.model_embedding, api_key=settings.model_api_key
    )

    def of(org: str) -> Embed:
        name = f"{endpoint.model} {endpoint.base_url}"[:300]
        return CachedEmbeddings(engine=database, org=org, model=name, embed=partial(embed, endpoint), clock=clock)

    return of
