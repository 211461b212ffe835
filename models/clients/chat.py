"""A model behind a wire: asks for an answer of a given form, reads it, and asks once more when it cannot.

Every call ends: within ``settings.timeout_s`` seconds there is an answer or an error of the house.
"""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import TypeVar, cast

from domain import Refused, SignoffError, Unavailable, Unreadable, value
from models.clients.contract import Dialect, Endpoint, Form, Wire
from models.clients.dialect import relax, unheard
from models.clients.stream import Ear, Scale
from models.clients.structured import Read, form_of, read, without_thoughts
from models.contract import Heard, Message, Price, Reply, Settings, Usage
from models.metering import book

T = TypeVar("T")

_RELAXED_AT_MOST = 6


@value
class _Answer:
    """One answer as it came."""

    text: str
    finish: str
    model: str
    usage: Usage
    first_ms: float | None
    called: bool = False
    """It came as the arguments of a tool call."""


@dataclass(slots=True)
class _Learned:
    """What we know about how the endpoint wants to be spoken to; it lives as long as the model."""

    dialect: Dialect = field(default_factory=Dialect)
    scale: Scale = field(default_factory=Scale)


def learned(dialect: Dialect) -> _Learned:
    """What is known from the start about how to speak to somebody."""
    return _Learned(dialect)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """A ``Model`` on any ``Wire``."""

    wire: Wire
    price: Price = field(default_factory=Price)
    learned: _Learned = field(default_factory=_Learned, repr=False, compare=False)

    @property
    def name(self) -> str:
        return self.wire.name

    async def ask(
        self, messages: Sequence[Message], answer: type[T], *, settings: Settings, heard: Heard | None = None
    ) -> Reply[T]:
        """See ``Model.ask``."""
        started = time.monotonic()
        try:
            async with asyncio.timeout(settings.timeout_s):
                reply = await self._ask(messages, answer, settings, heard)
        except TimeoutError:
            raise Unavailable(
                f"{self.name} did not answer within {settings.timeout_s:g} s.",
                hint="Raise SIGNOFF_MODEL_TIMEOUT_S, or choose a faster model.",
            ) from None
        return replace(reply, latency_ms=(time.monotonic() - started) * 1_000)

    async def _ask(
        self, messages: Sequence[Message], answer: type[T], settings: Settings, heard: Heard | None
    ) -> Reply[T]:
        if answer is str:
            said = await self._hear(messages, None, settings, heard)
            return self._reply(cast("T", without_thoughts(said.text)), said, said.usage)
        first = await self._hear(messages, form_of(answer), settings, heard)
        found = read(first.text, answer)
        if found.value is not None:
            return self._reply(found.value, first, first.usage)
        form, dialect, cut_off = form_of(answer), self.learned.dialect, first.finish == "length"
        if not first.called:
            self.learned.dialect = unheard(dialect)
        asked = (*messages, *again(first.text, found.wrong, form, self.learned.dialect, cut_off=cut_off))
        second = await self._hear(asked, form, settings, heard)
        found = read(second.text, answer)
        if found.value is None:
            raise _unreadable(self.name, answer, second, found)
        return self._reply(found.value, replace(second, first_ms=first.first_ms), first.usage + second.usage)

    async def _hear(
        self, messages: Sequence[Message], form: Form | None, settings: Settings, heard: Heard | None
    ) -> _Answer:
        """Send once; more often only while the endpoint refuses a way of asking that we can do without."""
        for _ in range(_RELAXED_AT_MOST):
            dialect = self.learned.dialect
            try:
                return await self._listen(told(messages, form, dialect), form, dialect, settings, heard)
            except Refused as error:
                plainer = relax(dialect, error.message) if error.stable_code == "llm_bad_request" else None
                if plainer is None:
                    raise
                self.learned.dialect = plainer
        raise Refused(f"{self.name} refuses every way of asking.", code="llm_bad_request",
                      hint="Read docs/model-protocol.md and the log of the model server.")  # fmt: skip

    async def _listen(
        self,
        messages: Sequence[Message],
        form: Form | None,
        dialect: Dialect,
        settings: Settings,
        heard: Heard | None,
    ) -> _Answer:
        if heard is not None:
            heard("")
        ear, used = Ear(name=self.name, heard=heard), Usage()
        try:
            async with aclosing(self.wire.send(messages, form=form, dialect=dialect, settings=settings)) as pieces:
                async for piece in pieces:
                    ear.take(piece)
            ear.must_be_whole()
        except SignoffError as error:
            ear.failed(error)
            raise
        finally:  # also when the caller gives up in the middle: what was used is booked, whatever comes of it
            used = ear.used(messages, settings, self.learned.scale)
            used = replace(used, cost=self.price.of(used))
            book(used)
        return _Answer(
            text=ear.text, finish=ear.last.finish or "stop", model=ear.last.model or self.name, first_ms=ear.first_ms,
            usage=used, called=ear.last.called,
        )  # fmt: skip

    def _reply(self, found: T, said: _Answer, usage: Usage) -> Reply[T]:
        return Reply(value=found, model=said.model, usage=usage, first_token_ms=said.first_ms, finish=said.finish)


@asynccontextmanager
async def opened(endpoint: Endpoint, *, price: Price | None = None) -> AsyncGenerator[Chat]:
    """Open a model of an OpenAI-compatible endpoint for as long as the block runs."""
    from models.clients import openai  # noqa: PLC0415  the vendor's package takes a second to import

    async with openai.opened(endpoint) as wire:
        yield Chat(wire=wire, price=price or Price())


def _unreadable(name: str, answer: type, said: _Answer, found: Read[T]) -> Unreadable:
    cut = " The answer was cut off at the length limit." if said.finish == "length" else ""
    hint = "Raise max_tokens of the role." if cut else "Use a model or a server with structured output."
    return Unreadable(f"{name} did not answer with a {form_of(answer).name}, twice: {found.wrong}.{cut}", hint=hint)


_AS_PARAMETER = frozenset({"strict", "json_schema", "tools"})


def told(messages: Sequence[Message], form: Form | None, dialect: Dialect) -> tuple[Message, ...]:
    """Put the schema into the system message where the endpoint does not take it as a parameter.

    Where its chat template has no system message, that becomes the beginning of the first question.
    """
    told = _with_rule(_in_turns(messages), form, dialect)
    return told if dialect.system else _without_system(told)


def _with_rule(told: tuple[Message, ...], form: Form | None, dialect: Dialect) -> tuple[Message, ...]:
    if form is None or dialect.structured in _AS_PARAMETER:
        return told
    rule = _rule(form)
    if told and told[0].role == "system":
        return (Message(role="system", content=f"{told[0].content}\n\n{rule}"), *told[1:])
    return (Message(role="system", content=rule), *told)


def _without_system(told: tuple[Message, ...]) -> tuple[Message, ...]:
    return _in_turns([replace(message, role="user") if message.role == "system" else message for message in told])


def _in_turns(messages: Sequence[Message]) -> tuple[Message, ...]:
    """Join neighbours of the same role: many chat templates refuse two of them in a row."""
    groups = (list(group) for _, group in groupby(messages, key=lambda message: message.role))
    return tuple(replace(group[0], content="\n\n".join(message.content for message in group)) for group in groups)


def again(said: str, wrong: str, form: Form, dialect: Dialect, *, cut_off: bool) -> tuple[Message, Message]:
    """Return the round of repair: what was wrong, in words. The conversation so far stays as it is.

    An endpoint that took the schema as a parameter and did not keep to it may not have told it to its model.
    """
    cut = " It was cut off at the length limit: be shorter." if cut_off else ""
    wish = f"That is not the JSON object that was asked for: {wrong}.{cut}"
    untold = not cut_off and dialect.structured in _AS_PARAMETER
    rule = f"\n\n{_rule(form)}" if untold else ""
    wish = f"{wish} Answer again, with the whole corrected JSON object and nothing else.{rule}"
    return (Message(role="assistant", content=said or "(nothing)"), Message(role="user", content=wish))


def _rule(form: Form) -> str:
    schema = json.dumps(form.json_schema, separators=(",", ":"))
    return f"Your answer is one JSON object that conforms to the JSON Schema `{form.name}`:\n{schema}"
