"""A model that does not ask the same question twice (A7, D4): exact, by organisation, for a while."""

import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import delete, desc, insert, select, update

from models.clients.structured import form_of
from models.contract import Heard, Message, Model, Reply, Settings, Usage
from models.tables import ANSWERS, Database, alone

T = TypeVar("T")

COLD = 0.5
"""Temperature up to which the same question may have the same answer; above it variety is wanted."""


class Shelf(Protocol):
    """Keeps answers as text until they are too old."""

    async def get(self, key: str) -> str | None: ...

    async def put(self, key: str, text: str, *, for_s: float, shelf: str = "", words: str = "") -> None:
        """Keep an answer. ``shelf``: which others may stand for it, ``words``: what was wished for."""
        ...

    async def beside(self, shelf: str, *, most: int = 200) -> Sequence[tuple[str, str]]:
        """Return what stands on a shelf: words and answers, the newest first."""
        ...


class Wording(Protocol):
    """Tells whether two wishes are the same in other words."""

    async def same(self, words: str, others: Sequence[str]) -> int | None:
        """Index of the one among ``others`` that wishes for the same; None: none does."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Alike:
    """What an answer may stand for beside the very same question."""

    shelf: str
    """Everything that has to be equal."""
    words: str
    wording: Wording


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryShelf:
    """The shelf of one process: the ``most`` answers that were wanted last."""

    most: int = 500
    clock: Callable[[], float] = time.monotonic
    kept: OrderedDict[str, tuple[float, str]] = field(default_factory=OrderedDict)
    wishes: dict[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    """Key → shelf and words, of those that have some."""

    async def get(self, key: str) -> str | None:
        """Return what was put there and is not too old."""
        until, text = self.kept.get(key, (0.0, ""))
        if until <= self.clock():
            self._forget(key)
            return None
        self.kept.move_to_end(key)
        return text

    async def put(self, key: str, text: str, *, for_s: float, shelf: str = "", words: str = "") -> None:
        """Keep it, and forget what nobody wanted for the longest time."""
        self.kept[key] = (self.clock() + for_s, text)
        if words:
            self.wishes[key] = (shelf, words)
        self.kept.move_to_end(key)
        while len(self.kept) > self.most:
            self._forget(next(iter(self.kept)))

    async def beside(self, shelf: str, *, most: int = 200) -> Sequence[tuple[str, str]]:
        """See ``Shelf.beside``."""
        now = self.clock()
        keys = [key for key, (on, _) in self.wishes.items() if on == shelf and self.kept[key][0] > now]
        return [(self.wishes[key][1], self.kept[key][1]) for key in reversed(keys)][:most]

    def _forget(self, key: str) -> None:
        self.kept.pop(key, None)
        self.wishes.pop(key, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cached:
    """Answer from the shelf when exactly this was asked before, by the same organisation.

    An answer from the shelf costs nothing: its usage is zero calls. Answers that could be read are
    kept, errors are not.
    """

    model: Model
    shelf: Shelf
    org: str
    keep_s: float = 3_600.0
    similar: Alike | None = None
    """None: only the very same question has the same answer."""

    @property
    def name(self) -> str:
        return self.model.name

    async def ask(
        self, messages: Sequence[Message], answer: type[T], *, settings: Settings, heard: Heard | None = None
    ) -> Reply[T]:
        """See ``Model.ask``."""
        if settings.temperature > COLD:
            return await self.model.ask(messages, answer, settings=settings, heard=heard)
        key = self._key(messages, answer, settings)
        adapter = TypeAdapter[T](answer)
        if (text := await self._found(key)) is not None and (found := _kept(text, adapter)) is not None:
            if heard is not None:
                heard(text)
            return Reply(value=found, model=self.name, usage=Usage(), first_token_ms=0.0, finish="cached")
        reply = await self.model.ask(messages, answer, settings=settings, heard=heard)
        on = {} if self.similar is None else {"shelf": self.similar.shelf, "words": self.similar.words}
        await self.shelf.put(key, adapter.dump_json(reply.value).decode(), for_s=self.keep_s, **on)
        return reply

    async def _found(self, key: str) -> str | None:
        if (text := await self.shelf.get(key)) is not None or self.similar is None:
            return text
        beside = await self.shelf.beside(self.similar.shelf)
        which = await self.similar.wording.same(self.similar.words, [words for words, _ in beside])
        return None if which is None else beside[which][1]

    def _key(self, messages: Sequence[Message], answer: type, settings: Settings) -> str:
        """Everything that an answer depends on, and who may see it."""
        shape = {} if answer is str else form_of(answer).json_schema
        parts = [
            self.org, self.name, answer.__name__, shape, settings.temperature, settings.max_tokens,
            [(message.role, message.content) for message in messages],
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _kept(text: str, adapter: TypeAdapter[T]) -> T | None:
    """What was kept; None when it was written by a version whose values looked different."""
    try:
        return adapter.validate_json(text)
    except ValidationError:
        return None


_A = ANSWERS.c


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredShelf:
    """See ``Shelf``."""

    database: Database
    clock: Callable[[], float] = time.time

    async def get(self, key: str) -> str | None:
        """See ``Shelf.get``."""
        async with self.database.engine.connect() as connection:
            query = select(_A.text).where(_A.key == key, _A.until > self.clock())
            return (await connection.execute(query)).scalar_one_or_none()

    async def put(self, key: str, text: str, *, for_s: float, shelf: str = "", words: str = "") -> None:
        """See ``Shelf.put``; what is too old goes."""
        now, row = self.clock(), {"shelf": shelf, "words": words, "text": text}
        async with self.database.write() as connection:
            await alone(connection, key)
            await connection.execute(delete(ANSWERS).where(_A.until <= now))
            changed = await connection.execute(update(ANSWERS).where(_A.key == key).values(until=now + for_s, **row))
            if not changed.rowcount:
                await connection.execute(insert(ANSWERS).values(key=key, until=now + for_s, **row))

    async def beside(self, shelf: str, *, most: int = 200) -> Sequence[tuple[str, str]]:
        """See ``Shelf.beside``."""
        async with self.database.engine.connect() as connection:
            query = (
                select(_A.words, _A.text)
                .where(_A.shelf == shelf, _A.words != "", _A.until > self.clock())
                .order_by(desc(_A.until))
                .limit(most)
            )
            return [(row.words, row.text) for row in await connection.execute(query)]


def shelf_name(*parts: str) -> str:
    """A name for answers that may stand for each other."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
