"""Chat client: a model behind a transport, which asks for an answer of a given schema and reads it.

An answer that cannot be read is asked for once more. Every call ends: within ``settings.timeout_s`` seconds there is an
answer or an error of ``domain.errors``.
"""

import asyncio
import json
import re
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar, cast

from domain import CutOff, Refused, SignoffError, Unavailable, Unreadable, value
from models.clients.contract import AnswerSchema, Dialect, ModelEndpoint, Structured, ToolOffer, Transport
from models.clients.stream import StreamAccumulator
from models.clients.structured import example_of, read, schema_of, without_thoughts
from models.contract import Message, Price, Question, Reply, ToolCall, Usage
from models.errors import no_tools, refuses_tools
from models.metering import book
from models.tokens import TokenRatio, tools_text

T = TypeVar("T")

_RELAXED_AT_MOST = 6
# What an endpoint does not understand, from the way it refuses.
_FORM = re.compile(
    r"response_format|json_schema|json_object|json mode|structured|guided|grammar|schema|strict", re.IGNORECASE
)
_TOOLS = re.compile(r"tool|function", re.IGNORECASE)
_SCHEMA_IS_TOO_MUCH = re.compile(
    r"invalid schema|strict|additionalProperties|is not permitted|'required'", re.IGNORECASE
)
_LIMIT = re.compile(r"max_(completion_)?tokens", re.IGNORECASE)
_ONE_CALL = re.compile(r"parallel_tool_calls", re.IGNORECASE)
_MUST_CALL = re.compile(r"tool_choice|required", re.IGNORECASE)
_USAGE = re.compile(r"stream_options|include_usage", re.IGNORECASE)
_TEMPERATURE = re.compile(r"temperature", re.IGNORECASE)
_SYSTEM = re.compile(
    r"system (role|message|prompt|instruction)s?\b.{0,20}\bnot (supported|allowed|enabled)"
    r"|not support\w* (the )?system|roles must alternate user/assistant",
    re.IGNORECASE,
)
_AS_PARAMETER = frozenset({"strict", "json_schema", "tools"})


@value
class _Answer:
    """One answer as it came."""

    text: str
    finish: str
    model: str
    usage: Usage
    first_ms: float | None
    called: bool = False
    """A tool was called; where none was offered, the text is its arguments."""
    calls: tuple[ToolCall, ...] = ()


@dataclass(slots=True)
class _Learned:
    """What is known about how the endpoint wants to be asked; it lives as long as the model."""

    dialect: Dialect = field(default_factory=Dialect)
    ratio: TokenRatio = field(default_factory=TokenRatio)


def learned(dialect: Dialect) -> _Learned:
    """What is known from the start about how to ask an endpoint."""
    return _Learned(dialect)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """A ``Model`` on any ``Transport``."""

    transport: Transport
    price: Price = field(default_factory=Price)
    learned: _Learned = field(default_factory=_Learned, repr=False, compare=False)

    @property
    def name(self) -> str:
        return self.transport.name

    async def ask(self, question: Question[T]) -> Reply[T]:
        """See ``Model.ask``."""
        started = time.monotonic()
        try:
            async with asyncio.timeout(question.settings.timeout_s):
                reply = await self._answered(question)
        except TimeoutError:
            raise Unavailable(
                f"{self.name} did not answer within {question.settings.timeout_s:g} s.",
                hint="Raise SIGNOFF_MODEL_TIMEOUT_S, or choose a faster model.",
            ) from None
        return replace(reply, latency_ms=(time.monotonic() - started) * 1_000)

    async def _answered(self, question: Question[T]) -> Reply[T]:
        if question.answer is str:
            text = await self._send(question, None)
            reply = _reply(cast("T", without_thoughts(text.text)), text, text.usage)
            return replace(reply, tool_calls=text.calls)
        schema = schema_of(question.answer)
        if question.reader is not None:
            return await self._in_blocks(question, question.reader, schema)
        first = await self._send(question, schema)
        parsed = read(first.text, question.answer)
        if parsed.value is not None:
            return _reply(parsed.value, first, first.usage)
        dialect, cut_off = self.learned.dialect, first.finish == "length"
        if not first.called:
            self.learned.dialect = without_tools(dialect)
        repair = repair_round(first.text, parsed.wrong, schema, self.learned.dialect, cut_off=cut_off)
        second = await self._send(replace(question, messages=(*question.messages, *repair)), schema)
        parsed = read(second.text, question.answer)
        if parsed.value is None and second.finish == "length":
            raise CutOff(
                f"{self.name} did not come to the end of its {schema.name} within {question.settings.max_tokens} "
                "tokens, also not when it was asked to be shorter.",
                hint="Raise `max_tokens` of the role in the catalogue, or ask for less at once.",
            )
        if parsed.value is None:
            raise Unreadable(
                f"{self.name} did not answer with a {schema.name}, twice: {parsed.wrong}.",
                hint="Use a model or a server with structured output.",
            )
        return _reply(parsed.value, replace(second, first_ms=first.first_ms), first.usage + second.usage)

    async def _in_blocks(
        self, question: Question[T], reader: Callable[[str, bool], tuple[T | None, str]], schema: AnswerSchema
    ) -> Reply[T]:
        """Ask for an answer that is no JSON, once more where it holds none."""
        first = await self._send(question, schema)
        parsed, wrong = reader(without_thoughts(first.text) or first.text, first.finish == "length")
        if parsed is not None:
            return _reply(parsed, first, first.usage)
        repair = (Message(role="assistant", content=first.text or "(nothing)"), Message(role="user", content=wrong))
        second = await self._send(replace(question, messages=(*question.messages, *repair)), schema)
        parsed, wrong = reader(without_thoughts(second.text) or second.text, second.finish == "length")
        if parsed is None and second.finish == "length":
            raise CutOff(
                f"{self.name} did not come to the end of its {schema.name} within {question.settings.max_tokens} "
                "tokens, also not when it was asked to be shorter.",
                hint="Raise `max_tokens` of the role in the catalogue, or ask for less at once.",
            )
        if parsed is None:
            raise Unreadable(
                f"{self.name} did not answer with a {schema.name}, twice: {wrong.partition(chr(10))[0]}",
                hint="Use a model that can write a fenced block, or say code_form: json in its card.",
            )
        return _reply(parsed, replace(second, first_ms=first.first_ms), first.usage + second.usage)

    async def _send(self, question: Question[T], schema: AnswerSchema | None) -> _Answer:
        """Send once; more often only while the endpoint refuses a way of asking that we can do without."""
        offer = ToolOffer(tools=question.tools, choice=question.tool_choice) if question.tools else None
        for _ in range(_RELAXED_AT_MOST):
            dialect = self.learned.dialect
            if question.reader is not None:  # the form is only named, nothing is asked of the endpoint's grammar
                dialect = replace(dialect, structured="text")
            if offer is not None and not dialect.tools:
                raise no_tools(self.name, "it refused them before")
            rule = None if question.reader is not None else schema
            sent = replace(question, messages=formatted(question.messages, rule, dialect))
            try:
                return await self._stream(sent, schema, dialect, offer)
            except (Refused, Unavailable) as error:
                plainer = relax(dialect, error.message, offer) if error.stable_code == "llm_bad_request" else None
                if plainer is None and offer is not None and refuses_tools(error):
                    self.learned.dialect = replace(dialect, tools=False)
                    raise no_tools(self.name, error.message) from None
                if plainer is None:
                    raise
                self.learned.dialect = (
                    replace(plainer, structured=self.learned.dialect.structured) if rule is None else plainer
                )
        raise Refused(
            f"{self.name} refuses every way of asking.",
            code="llm_bad_request",
            hint="Read docs/model-protocol.md and the log of the model server.",
        )

    async def _stream(
        self, question: Question[T], schema: AnswerSchema | None, dialect: Dialect, offer: ToolOffer | None
    ) -> _Answer:
        if question.listener is not None:
            question.listener("")
        stream = StreamAccumulator(name=self.name, listener=question.listener, tools=offer is not None)
        messages, settings = question.messages, question.settings
        size = sum(len(message.text) for message in messages) + len(tools_text(question.tools))
        usage = Usage()
        try:
            sending = self.transport.send(messages, form=schema, dialect=dialect, settings=settings, offer=offer)
            async with aclosing(sending) as deltas:
                async for delta in deltas:
                    stream.take(delta)
            stream.must_be_whole()
        except SignoffError as error:
            stream.failed(error)
            raise
        finally:  # also when the caller gives up in the middle: what was used is booked, whatever comes of it
            usage = stream.usage(size, settings, self.learned.ratio)
            usage = replace(usage, cost=self.price.of(usage))
            book(usage)
        return _Answer(
            text=stream.text,
            finish=stream.last.finish or "stop",
            model=stream.last.model or self.name,
            first_ms=stream.first_ms,
            usage=usage,
            called=stream.called,
            calls=stream.calls,
        )


def _reply(parsed: T, answer: _Answer, usage: Usage) -> Reply[T]:
    return Reply(value=parsed, model=answer.model, usage=usage, first_token_ms=answer.first_ms, finish=answer.finish)


@asynccontextmanager
async def open_chat(endpoint: ModelEndpoint, *, price: Price | None = None) -> AsyncGenerator[Chat]:
    """Open a model of an OpenAI-compatible endpoint for as long as the block runs."""
    from models.clients import openai  # noqa: PLC0415  the vendor's package takes a second to import

    async with openai.open_transport(endpoint) as transport:
        yield Chat(transport=transport, price=price or Price())


def formatted(messages: Sequence[Message], schema: AnswerSchema | None, dialect: Dialect) -> tuple[Message, ...]:
    """Put the schema into the system message where the endpoint does not take it as a parameter.

    Where its chat template has no system message, that becomes the beginning of the first question.
    """
    turns = _in_turns(messages)
    if schema is not None and dialect.structured not in _AS_PARAMETER:
        rule = _rule(schema)
        if turns and turns[0].role == "system":
            turns = (Message(role="system", content=f"{turns[0].content}\n\n{rule}"), *turns[1:])
        else:
            turns = (Message(role="system", content=rule), *turns)
    if dialect.system:
        return turns
    return _in_turns([replace(message, role="user") if message.role == "system" else message for message in turns])


def _in_turns(messages: Sequence[Message]) -> tuple[Message, ...]:
    """Join neighbours of the same role: many chat templates refuse two of them in a row."""
    turns: list[Message] = []
    for message in messages:
        last = turns[-1] if turns else None
        if last is None or last.role != message.role or message.role == "tool" or last.tool_calls:
            turns.append(message)
        else:
            turns[-1] = replace(last, content=f"{last.content}\n\n{message.content}", tool_calls=message.tool_calls)
    return tuple(turns)


def repair_round(
    answer: str, wrong: str, schema: AnswerSchema, dialect: Dialect, *, cut_off: bool
) -> tuple[Message, Message]:
    """Return the round of repair: what was wrong, in words. The conversation so far stays as it is.

    An endpoint that took the schema as a parameter and did not keep to it may not have told it to its model.
    """
    if cut_off:
        wish = (
            "Your answer was cut off at the length limit, so it is no whole JSON object. Answer again, with the whole "
            "JSON object and nothing else, in at most half as many words: say less in each text, and leave out what "
            "is not needed."
        )
    else:
        example = json.dumps(example_of(schema.json_schema), ensure_ascii=False)
        rule = f"\n\n{_rule(schema)}" if dialect.structured in _AS_PARAMETER else ""
        wish = (
            f"That is not the JSON object that was asked for: {wrong}. Answer again, with the whole corrected JSON "
            f"object and nothing else, in this form: {example}{rule}"
        )
    return (Message(role="assistant", content=answer or "(nothing)"), Message(role="user", content=wish))


def _rule(schema: AnswerSchema) -> str:
    text = json.dumps(schema.json_schema, separators=(",", ":"))
    return f"Your answer is one JSON object that conforms to the JSON Schema `{schema.name}`:\n{text}"


def _plainer(structured: Structured, message: str) -> Structured | None:
    match structured:
        case "strict":
            return "json_schema" if _SCHEMA_IS_TOO_MUCH.search(message) else "json_object"
        case "json_schema":
            return "json_object"
        case "json_object":
            return "tools"
        case "tools":
            return "text"
        case "text":
            return None


def relax(dialect: Dialect, message: str, offer: ToolOffer | None = None) -> Dialect | None:
    """Return the dialect to try after the endpoint refused with ``message``; None: it is not about the dialect.

    ``offer``: the tools that it was offered.
    """
    refused: tuple[tuple[bool, re.Pattern[str], dict[str, Any]], ...] = (
        (offer is not None and dialect.one_call, _ONE_CALL, {"one_call": False}),
        (offer is not None and offer.choice == "required" and dialect.must_call, _MUST_CALL, {"must_call": False}),
        (dialect.system, _SYSTEM, {"system": False}),
        (dialect.stream_usage, _USAGE, {"stream_usage": False}),
        (dialect.temperature, _TEMPERATURE, {"temperature": False}),
        (dialect.limit == "max_tokens", _LIMIT, {"limit": "max_completion_tokens"}),
    )
    for can_do_without, pattern, change in refused:
        if can_do_without and pattern.search(message):
            return replace(dialect, **change)
    about = _TOOLS if dialect.structured == "tools" else _FORM
    if offer is None and about.search(message) and (plainer := _plainer(dialect.structured, message)):
        return replace(dialect, structured=plainer)
    return None


def without_tools(dialect: Dialect) -> Dialect:
    """Return the dialect for an endpoint that answered in words: where it was offered a tool, it does not know any."""
    return replace(dialect, structured="text") if dialect.structured == "tools" else dialect
