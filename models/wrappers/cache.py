"""Answer cache wrapper: the same question has the same answer for a while, within one organisation (A7, D4)."""

import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol, TypeVar, cast

from opentelemetry import trace
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import delete, desc, insert, select, update

from domain import value
from models.clients.contract import schema_of
from models.contract import Question, Reply, ToolCall, Wrapper
from models.tables import ANSWERS, Database, exclusive

T = TypeVar("T")

_A = ANSWERS.c
COLD = 0.5
"""Temperature up to which the same question may have the same answer; above it variety is wanted."""


class AnswerStore(Protocol):
    """Keeps answers as text until they are too old."""

    async def get(self, key: str) -> str | None: ...

    async def put(self, key: str, text: str, *, for_s: float, group: str = "", words: str = "") -> None:
        """Store an answer. ``group``: which others may stand for it, ``words``: the task that it is for."""
        ...

    async def similar(self, group: str, *, most: int = 200) -> Sequence[tuple[str, str]]:
        """Return the answers of a group with the words of their tasks, the newest first."""
        ...


class Similarity(Protocol):
    """Tells whether two tasks are the same in other words."""

    async def same(self, words: str, others: Sequence[str]) -> int | None:
        """Index of the one among ``others`` that is the same; None: none is."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SimilarAnswers:
    """What an answer may stand for beside the very same question."""

    group: str
    """A key of everything that has to be equal."""
    words: str
    similarity: Similarity


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryAnswers:
    """The answers of one process: the ``most`` that were used last."""

    most: int = 500
    clock: Callable[[], float] = time.monotonic
    texts: OrderedDict[str, tuple[float, str]] = field(default_factory=OrderedDict)
    tasks: dict[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    """Key → group and words, of those that have some."""

    async def get(self, key: str) -> str | None:
        """See ``AnswerStore.get``."""
        until, text = self.texts.get(key, (0.0, ""))
        # Also one that was never there: nothing is forgotten then.
        if until <= self.clock():
            self._forget(key)
            return None
        self.texts.move_to_end(key)
        return text

    async def put(self, key: str, text: str, *, for_s: float, group: str = "", words: str = "") -> None:
        """See ``AnswerStore.put``; the one that was not used for the longest time goes."""
        self.texts[key] = (self.clock() + for_s, text)
        if words:
            self.tasks[key] = (group, words)
        self.texts.move_to_end(key)
        while len(self.texts) > self.most:
            self._forget(next(iter(self.texts)))

    async def similar(self, group: str, *, most: int = 200) -> Sequence[tuple[str, str]]:
        """See ``AnswerStore.similar``."""
        now = self.clock()
        keys = [key for key, (of, _) in self.tasks.items() if of == group and self.texts[key][0] > now]
        return [(self.tasks[key][1], self.texts[key][1]) for key in reversed(keys)][:most]

    def _forget(self, key: str) -> None:
        self.texts.pop(key, None)
        self.tasks.pop(key, None)


@value
class _Called:
    """An answer where tools were offered, as it is stored."""

    text: str
    calls: tuple[ToolCall, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cached(Wrapper):
    """Answer from the store when exactly this was asked before, by the same organisation.

    An answer from the store costs nothing: its usage is zero calls. Answers that could be read are
    stored, errors are not.
    """

    answers: AnswerStore
    org: str
    keep_s: float = 3_600.0
    similar: SimilarAnswers | None = None
    """None: only the very same question has the same answer."""

    async def ask(self, question: Question[T]) -> Reply[T]:
        """See ``Model.ask``."""
        if question.settings.temperature > COLD:
            return await self.model.ask(question)
        key = answer_key(self.org, self.name, question)
        text = await self.answers.get(key)
        if text is None and self.similar is not None:
            stored = await self.answers.similar(self.similar.group)
            which = await self.similar.similarity.same(self.similar.words, [words for words, _ in stored])
            text = None if which is None else stored[which][1]
        cached = None if text is None else self._restored(text, question)
        kind, outcome = "answers" if self.similar is None else "plans", "miss" if cached is None else "hit"
        trace.get_current_span().add_event("cache", {"app.cache.kind": kind, f"app.cache.{outcome}": 1})
        if text is not None and cached is not None:
            if question.listener is not None:
                question.listener(str(cached.value) if question.tools else text)
            return cached
        reply = await self.model.ask(question)
        if reply.finish == "length":
            return reply  # what was cut off is no answer to give again
        if question.tools:
            answer = _adapter(_Called).dump_json(_Called(text=str(reply.value), calls=reply.tool_calls))
        else:
            answer = _adapter(question.answer).dump_json(reply.value)
        alike = {} if self.similar is None else {"group": self.similar.group, "words": self.similar.words}
        await self.answers.put(key, answer.decode(), for_s=self.keep_s, **alike)
        return reply

    def _restored(self, text: str, question: Question[T]) -> Reply[T] | None:
        """A stored answer; None when it was written by a version whose values looked different."""
        calls: tuple[ToolCall, ...] = ()
        try:
            if question.tools:
                called = _adapter(_Called).validate_json(text)
                answer, calls = cast("T", called.text), called.calls
            else:
                answer = _adapter(question.answer).validate_json(text)
        except ValidationError:
            return None
        return Reply(value=answer, model=self.name, first_token_ms=0.0, finish="cached", tool_calls=calls)


@cache
def _adapter(answer: type) -> TypeAdapter[Any]:
    return TypeAdapter(answer)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAnswers:
    """See ``AnswerStore``."""

    database: Database
    clock: Callable[[], float] = time.time

    async def get(self, key: str) -> str | None:
        """See ``AnswerStore.get``."""
        async with self.database.engine.connect() as connection:
            query = select(_A.text).where(_A.key == key, _A.until > self.clock())
            return (await connection.execute(query)).scalar_one_or_none()

    async def put(self, key: str, text: str, *, for_s: float, group: str = "", words: str = "") -> None:
        """See ``AnswerStore.put``; what is too old goes."""
        now, row = self.clock(), {"shelf": group, "words": words, "text": text}
        async with self.database.write() as connection:
            await exclusive(connection, key)
            # Here and not by a timer: a table without writers does not grow.
            await connection.execute(delete(ANSWERS).where(_A.until <= now))
            changed = await connection.execute(update(ANSWERS).where(_A.key == key).values(until=now + for_s, **row))
            if not changed.rowcount:
                await connection.execute(insert(ANSWERS).values(key=key, until=now + for_s, **row))

    async def similar(self, group: str, *, most: int = 200) -> Sequence[tuple[str, str]]:
        """See ``AnswerStore.similar``."""
        async with self.database.engine.connect() as connection:
            query = (
                select(_A.words, _A.text)
                .where(_A.shelf == group, _A.words != "", _A.until > self.clock())
                .order_by(desc(_A.until))
                .limit(most)
            )
            return [(row.words, row.text) for row in await connection.execute(query)]


def answer_key(org: str, model: str, question: Question[T]) -> str:
    """Everything that an answer depends on, and who may see it."""
    messages, answer, settings = question.messages, question.answer, question.settings
    shape = {} if answer is str else schema_of(answer).json_schema
    parts = [
        org,
        model,
        answer.__name__,
        shape,
        settings.temperature,
        settings.max_tokens,
        [(message.role, message.content) for message in messages],
    ]
    # Added only where there are tools: the keys of all other answers stay what they were.
    if question.tools or any(message.tool_calls or message.tool_call_id for message in messages):
        parts += [
            question.tool_choice,
            [(tool.name, tool.description, tool.parameters) for tool in question.tools],
            [
                (
                    message.tool_call_id,
                    [(call.id, call.name, call.arguments, call.raw) for call in message.tool_calls],
                )
                for message in messages
            ],
        ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def key_of(*parts: str) -> str:
    """A key of these parts: equal for equal ones, and for no others."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
