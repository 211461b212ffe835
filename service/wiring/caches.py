"""Caches of an installation: what each holds, how long and how much, how it is emptied, trimmed and rebuilt."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, get_args

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from database import fetch_one, reading, writing
from domain import Refused, SignoffError, value
from models import MODEL_TABLES
from models.clients import Embedder
from models.wrappers import EmbeddingSimilarity
from service.auth.api_keys import KEYS
from service.settings import Settings
from service.wiring.application import Application

CacheKind = Literal["answers", "plans", "embeddings", "index", "environments", "sessions"]
KINDS: tuple[CacheKind, ...] = get_args(CacheKind)
_ANSWERS = MODEL_TABLES.tables["model_answers"]
PROBES_S = 90 * 86_400
"""What ends later is no answer but what a probe found out, which stands in the same table."""
REBUILT, REBUILD_S = 2_000, 45.0
"""Texts whose vectors are rebuilt in one round, and how long they may hold it up."""


@value
class CacheReport:
    """One cache, as it stands."""

    kind: CacheKind
    holds: str
    lifetime: str
    most: str
    entries: int | None
    """None: who has them does not answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caches:
    """Everything that is kept only to be quicker, and sessions, whose lifetime is set beside theirs."""

    application: Application

    @property
    def _settings(self) -> Settings:
        return self.application.settings

    @property
    def _database(self) -> AsyncEngine:
        return self.application.engine.runs.engine

    @property
    def embedder(self) -> Embedder | None:
        """What asks for vectors; None: nothing is compared by meaning."""
        similarity = self.application.board.similarity
        embed = similarity.embed if isinstance(similarity, EmbeddingSimilarity) else None
        return embed if isinstance(embed, Embedder) else None

    async def report(self) -> tuple[CacheReport, ...]:
        """How each stands."""
        at, now = self._settings, self.application.engine.clock()
        answers, plans = [await self._count(alive(kind, now)) for kind in ("answers", "plans")]
        live = KEYS.c.kind == "st", KEYS.c.expires_at > now
        sessions = await fetch_one(self._database, select(func.count()).select_from(KEYS).where(*live), {})
        environments, embedder = self.application.environments, self.embedder
        vectors = await embedder.store.count() if embedder is not None and embedder.store is not None else 0
        indexes = await asyncio.to_thread(self.application.search.indexes.count)
        try:
            kept = await environments.count() if environments is not None else 0
        except SignoffError:
            kept = None
        most = f"{at.cache_answers_most:,} with plans"
        return (
            CacheReport(
                kind="answers",
                holds="answers of models to the very same question",
                lifetime=f"{at.cache_answers_minutes:g} minutes",
                most=most,
                entries=answers,
            ),
            CacheReport(
                kind="plans",
                holds="plans, for the same wish in other words",
                lifetime=f"{at.cache_plans_minutes:g} minutes",
                most=most,
                entries=plans,
            ),
            CacheReport(
                kind="embeddings",
                holds="vectors of texts",
                lifetime=f"{at.cache_embeddings_days:g} days after use, rebuilt after {at.cache_rebuild_hours:g} hours",
                most=f"{at.cache_embeddings_most:,}",
                entries=vectors,
            ),
            CacheReport(
                kind="index",
                holds="words of repositories",
                lifetime=f"{at.keep_days:g} days after use",
                most="three times the files of a repository",
                entries=indexes,
            ),
            CacheReport(
                kind="environments",
                holds="what repositories need to be tested",
                lifetime=f"{at.setup_keep_days:g} days after use",
                most=f"{at.setup_store_gb:g} GB",
                entries=kept,
            ),
            CacheReport(
                kind="sessions",
                holds="logins",
                lifetime=f"{at.session_hours:g} hours",
                most="as many as people log in",
                entries=int(sessions),
            ),
        )

    async def clear(self, kind: str) -> int:
        """Empty a cache; how many entries went. Raises ``option_invalid``."""
        now = self.application.engine.clock()
        match kind:
            case "answers" | "plans":
                async with writing(self._database) as conn:
                    return (await conn.execute(delete(_ANSWERS).where(alive(kind, now)))).rowcount
            case "embeddings":
                embedder = self.embedder
                return await embedder.store.clear() if embedder is not None and embedder.store is not None else 0
            case "index":
                moment = now + timedelta(minutes=1)  # of files that are written just now, too
                return await asyncio.to_thread(self.application.search.indexes.drop_before, moment)
            case "environments":
                environments = self.application.environments
                return len(await environments.clear()) if environments is not None else 0
            case "sessions":
                async with writing(self._database) as conn:
                    return (await conn.execute(delete(KEYS).where(KEYS.c.kind == "st"))).rowcount
            case _:
                raise Refused(
                    f"There is no cache {kind!r}.", code="option_invalid", hint=f"Use one of: {', '.join(KINDS)}."
                )

    async def tend(self) -> None:
        """Remove what is too old or too much, and rebuild what is due: for the maintenance loop."""
        at, now = self._settings, self.application.engine.clock()
        async with writing(self._database) as conn:
            await conn.execute(delete(_ANSWERS).where(_ANSWERS.c.until <= now.timestamp()))
            first = select(_ANSWERS.c.key).order_by(_ANSWERS.c.until.desc()).offset(at.cache_answers_most).limit(1)
            if (await conn.execute(first)).first() is not None:
                kept = select(_ANSWERS.c.key).order_by(_ANSWERS.c.until.desc()).limit(at.cache_answers_most)
                await conn.execute(delete(_ANSWERS).where(_ANSWERS.c.key.not_in(kept)))
        embedder = self.embedder
        if embedder is not None and embedder.store is not None:
            since = (now - timedelta(days=at.cache_embeddings_days)).timestamp()
            await embedder.store.trim(used_since=since, most=at.cache_embeddings_most)
        # An endpoint or an engine that is away or slow now is asked again in the next round, and holds nothing up.
        with suppress(SignoffError, TimeoutError):
            async with asyncio.timeout(REBUILD_S):
                await self.rebuild(older_than=timedelta(hours=at.cache_rebuild_hours))
        if (environments := self.application.environments) is not None and at.workers:
            with suppress(SignoffError):
                await environments.evict()

    async def rebuild(self, *, older_than: timedelta = timedelta(0)) -> int:
        """Ask anew for the vectors of plans that may be used again; how many. Raises ``Unavailable``."""
        embedder, now = self.embedder, self.application.engine.clock()
        if embedder is None:
            return 0
        query = select(_ANSWERS.c.words).where(alive("plans", now)).distinct().limit(REBUILT)
        async with reading(self._database) as conn:
            texts: Sequence[str] = (await conn.execute(query)).scalars().all()
        return await embedder.rebuild(texts, made_before=(now - older_than).timestamp())

    async def _count(self, where: ColumnElement[bool]) -> int:
        return int(await fetch_one(self._database, select(func.count()).select_from(_ANSWERS).where(where), {}))


def alive(kind: CacheKind, now: datetime) -> ColumnElement[bool]:
    """The rows of answers or plans that may be used again."""
    seconds, c = now.timestamp(), _ANSWERS.c
    plan = c.words != "" if kind == "plans" else c.words == ""
    return plan & (c.until > seconds) & (c.until < seconds + PROBES_S)
