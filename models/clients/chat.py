"""Chat client: a model behind a transport, which asks for an answer of a given schema and reads it.

An answer that cannot be read is asked for once more. Every call ends: within ``settings.timeout_s`` seconds there is an
answer or an error of ``domain.errors``.
"""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TypeVar, cast
from uuid import uuid4

from domain import Refused, SignoffError, Unavailable, Unreadable, value
from domain.errors import CutOff
from models.clients.contract import (
    AnswerSchema,
    Delta,
    Dialect,
    ModelEndpoint,
    ToolOffer,
    Transport,
    formatted,
    repair_round,
    schema_of,
)
from models.clients.dialect import relax
from models.clients.structured import lenient, read, unwrapped, without_thoughts
from models.contract import (
    Listener,
    Message,
    ModelSettings,
    Price,
    Question,
    Reply,
    TokenRatio,
    ToolCall,
    Usage,
    book,
    tools_text,
)
from models.errors import LARGEST, endless, no_tools, refuses_tools

T = TypeVar("T")

_RELAXED_AT_MOST = 6
"""Ways of asking that are given up for one question: more than any endpoint is known to refuse."""


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
            # One deadline for the answer and its repair: what a caller waits for is one question.
            async with asyncio.timeout(question.settings.timeout_s):
                reply = await self._answered(question)
        except TimeoutError:
            raise Unavailable(
                f"{self.name} did not answer within {question.settings.timeout_s:g} s.",
                hint="Raise SIGNOFF_MODEL_TIMEOUT_S, or choose a faster model.",
            ) from None
        return replace(reply, latency_ms=(time.monotonic() - started) * 1_000)

    async def _answered(self, question: Question[T]) -> Reply[T]:
        # Plain text has no form that it could miss: there is nothing to repair.
        if question.answer is str:
            text = await self._send(question, None)
            reply = _reply(cast("T", without_thoughts(text.text)), text, text.usage)
            return replace(reply, tool_calls=text.calls)
        schema = schema_of(question.answer)
        first = await self._send(question, schema)
        parsed, wrong = _read(question, first)
        if parsed is not None:
            return _reply(parsed, first, first.usage)
        if question.reader is not None:
            repair = (Message(role="assistant", content=first.text or "(nothing)"), Message(role="user", content=wrong))
        else:
            dialect = self.learned.dialect
            if dialect.structured == "tools" and not first.called:  # it was offered a tool, and does not know any
                dialect = self.learned.dialect = replace(dialect, structured="text")
            repair = repair_round(first.text, wrong, schema, dialect, cut_off=first.finish == "length")
        second = await self._send(replace(question, messages=(*question.messages, *repair)), schema)
        parsed, wrong = _read(question, second)
        if parsed is None and second.finish == "length":
            raise CutOff(
                f"{self.name} did not come to the end of its {schema.name} within {question.settings.max_tokens} "
                "tokens, also not when it was asked to be shorter.",
                hint="Raise `max_tokens` of the role in the catalogue, or ask for less at once.",
            )
        if parsed is None:
            hint = "Use a model or a server with structured output."
            if question.reader is not None:
                hint = "Use a model that can write a fenced block, or say code_form: json in its card."
            raise Unreadable(
                f"{self.name} did not answer with a {schema.name}, twice: {wrong.partition(chr(10))[0].rstrip('.')}.",
                hint=hint,
            )
        # The wait for the first token is that of the first answer; both answers were paid for.
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
                    # Not offered again: each refusal costs a round over a prompt that may be long.
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
            # A stream that ends without a reason broke off, however whole its text looks.
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


def _read(question: Question[T], answer: _Answer) -> tuple[T | None, str]:
    """The value of an answer, or what is wrong with it: as JSON, unless the question says how it is read."""
    if question.reader is not None:
        return question.reader(without_thoughts(answer.text) or answer.text, answer.finish == "length")
    parsed = read(answer.text, question.answer)
    return parsed.value, parsed.wrong


def _reply(parsed: T, answer: _Answer, usage: Usage) -> Reply[T]:
    return Reply(value=parsed, model=answer.model, usage=usage, first_token_ms=answer.first_ms, finish=answer.finish)


@asynccontextmanager
async def open_chat(endpoint: ModelEndpoint, *, price: Price | None = None) -> AsyncGenerator[Chat]:
    """Open a model of an OpenAI-compatible endpoint for as long as the block runs."""
    from models.clients import openai  # noqa: PLC0415  the vendor's package takes a second to import

    async with openai.open_transport(endpoint) as transport:
        yield Chat(transport=transport, price=price or Price())


CALLS_AT_MOST = 64
"""Of one answer; one is asked for."""


def read_call(id_: str, name: str, text: str, *, cut: bool = False) -> ToolCall:
    """A call with its arguments as they were written, or with what is wrong with them."""
    try:
        # A call without arguments comes as an empty text.
        arguments = unwrapped(lenient(text.strip() or "{}"))
    except ValueError as error:
        wrong = "it was cut off at the length limit" if cut else f"it is no JSON: {error}"
        return ToolCall(id=id_, name=name, raw=text, wrong=wrong)
    if not isinstance(arguments, dict):
        return ToolCall(id=id_, name=name, raw=text, wrong="it is no JSON object")
    return ToolCall(id=id_, name=name, arguments=arguments)


@dataclass(slots=True, kw_only=True)
class _Call:
    """A call while it comes in."""

    index: int | None
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list[str])


@dataclass(slots=True, kw_only=True)
class StreamAccumulator:
    """Accumulates the deltas of one answer."""

    name: str
    listener: Listener | None = None
    started: float = field(default_factory=time.monotonic)
    first_ms: float | None = None
    last: Delta = field(default_factory=Delta)
    begun: bool = False
    refused: bool = False
    """The endpoint said no, or did not answer: nothing was read and nothing written."""
    tools: bool = False
    """Tools were offered. Where none were, arguments of calls are the answer: some models give it in no other way."""
    called: bool = False
    """A tool was called."""
    _texts: list[str] = field(default_factory=list[str])
    _thoughts: list[str] = field(default_factory=list[str])
    _calls: list["_Call"] = field(default_factory=list["_Call"])
    _size: int = 0

    @property
    def text(self) -> str:
        """The answer so far. Where there are thoughts alone, and they are whole, the answer is among them."""
        text = "".join(self._texts)
        # Thoughts that were cut off have no answer in them yet.
        if text.strip() or self.called or self.last.finish in {None, "length"}:
            return text
        return "".join(self._thoughts)

    def take(self, delta: Delta) -> None:
        """Add a delta. Raises ``Unreadable`` when the answer does not stop."""
        self.begun = True
        self.last = Delta(
            finish=delta.finish or self.last.finish,
            model=delta.model or self.last.model,
            usage=delta.usage or self.last.usage,
        )
        self.called = self.called or bool(delta.calls)
        text, size = delta.text, sum(len(call.arguments) + len(call.name) for call in delta.calls)
        if not self.tools:
            text, size = text or "".join(call.arguments for call in delta.calls), 0
        else:
            for part in delta.calls:
                # Some endpoints number none of their calls, or all of them 0: then a new id begins a new call.
                call = next((each for each in reversed(self._calls) if part.index in {None, each.index}), None)
                if call is None or (part.id and part.name and call.id and part.id != call.id):
                    call = _Call(index=part.index)
                    self._calls.append(call)
                    if len(self._calls) > CALLS_AT_MOST:
                        raise endless(self.name)
                call.id, call.name = call.id or part.id, call.name or part.name
                call.arguments.append(part.arguments)
        self._thoughts.append(delta.reasoning)
        size += len(delta.reasoning)
        if self.first_ms is None and (text or delta.calls):
            self.first_ms = (time.monotonic() - self.started) * 1_000
        self._size += len(text) + size
        # max_tokens is a wish: endpoints that ignore it write without an end.
        if self._size > LARGEST:
            raise endless(self.name)
        if text:
            self._texts.append(text)
            if self.listener is not None:
                self.listener(text)

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """The calls so far; each has an id of its own, whatever the endpoint gave it."""
        calls: dict[str, ToolCall] = {}
        for each in self._calls:
            # Results are matched by id, so no two calls may share one; nine letters, as Mistral wants them.
            id_ = each.id if each.id and each.id not in calls else uuid4().hex[:9]
            calls[id_] = read_call(id_, each.name, "".join(each.arguments), cut=self.last.finish == "length")
        return tuple(calls.values())

    def must_be_whole(self) -> None:
        """Check that the end came, too. Raises ``Unavailable``, ``Refused``."""
        if self.last.finish is None:
            raise Unavailable(
                f"{self.name} broke off in the middle of an answer.", hint="See the log of the model server."
            )
        if self.last.finish == "content_filter":
            raise Refused(
                f"{self.name} withheld its answer (content filter).",
                code="llm_content_filter",
                hint="Put the task in other words, or choose another model.",
            )

    def failed(self, error: SignoffError) -> None:
        """Take in that nothing more comes."""
        self.refused = not self.begun and error.stable_code != "llm_endless"

    def usage(self, sent: int, settings: ModelSettings, ratio: TokenRatio) -> Usage:
        """What it used: as the endpoint says, else by what went out and came in. A refusal is not billed.

        ``sent``: characters of the prompt.
        """
        if self.refused:
            return Usage()
        reported = self.last.usage
        if reported is not None and self.last.finish is not None:
            ratio.learn(sent, reported.tokens_in)
            return replace(reported, calls=1)
        # An endpoint was told how long an answer may be: whatever it sends, it does not bill more.
        counted = reported or Usage()
        tokens_in = counted.tokens_in or ratio.estimate(sent)
        tokens_out = max(counted.tokens_out, min(ratio.estimate(self._size), settings.max_tokens))
        estimated = tokens_in + tokens_out - counted.tokens
        return replace(counted, tokens_in=tokens_in, tokens_out=tokens_out, calls=1, estimated=estimated)
