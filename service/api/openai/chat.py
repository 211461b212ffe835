"""Chat model's answers: streamed, in several choices, with tools, as JSON, cut at stop words."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from uuid import uuid4

from domain import SignoffError, Task, Unreadable
from domain.masking import Echoes, without_echoes, words_of
from domain.text import json_value
from models import Message, Model, ModelSettings, Question, Reply, SelectionContext, Tool, Usage
from service.api.openai.answers import AnswerEnd, AnswerEvent, AnswerPart, ChoiceEnd
from service.api.openai.grounding import Grounding
from service.auth.principal import Principal
from service.errors import refuse
from service.wiring.server import ServerContext

AGAIN = "\n\n(the model broke off; it begins anew)\n\n"
OPEN, CLOSE = "<think>", "</think>"


@dataclass(slots=True)
class ReasoningWriter:
    """Tells what a model thinks, at the beginning of its answer, from what it says."""

    _thinking: bool | None = None
    _held: str = ""
    """The end of a thought that may be the beginning of the mark behind it."""

    def split(self, piece: str) -> list[tuple[Literal["content", "reasoning_content"], str]]:
        """The piece as fields of a delta."""
        if self._thinking is None:
            self._thinking = piece.lstrip().startswith(OPEN)
            piece = piece.lstrip().removeprefix(OPEN) if self._thinking else piece
        if not self._thinking:
            return [("content", piece)] if piece else []
        thought, closed, rest = (self._held + piece).partition(CLOSE)
        if closed:
            self._thinking, self._held = False, ""
            return [("reasoning_content", thought), *([("content", rest.lstrip())] if rest.strip() else [])]
        cut = max(0, len(thought) - len(CLOSE))
        self._held = thought[cut:]
        return [("reasoning_content", thought[:cut])] if cut else []

    def rest(self) -> list[tuple[Literal["content", "reasoning_content"], str]]:
        """The end of a thought that was cut off, once nothing comes any more."""
        thought, self._held = self._held, ""
        return [("reasoning_content", thought)] if thought else []


@dataclass(slots=True)
class StopCutter:
    """Ends a text where one of some words begins, however it is cut into pieces."""

    stops: tuple[str, ...]
    hit: bool = False
    _held: str = ""
    """The end of the text that may be the beginning of a stop word."""

    def cut(self, piece: str) -> str:
        """What may be told of the text now."""
        if self.hit:
            return ""
        text = self._held + piece
        places = [place for stop in self.stops if (place := text.find(stop)) >= 0]
        if places:
            self.hit, self._held = True, ""
            return text[: min(places)]
        held = max((n for stop in self.stops for n in range(1, len(stop)) if text.endswith(stop[:n])), default=0)
        self._held = text[len(text) - held :]
        return text[: len(text) - held]

    def rest(self) -> str:
        """What was held back, once nothing comes any more."""
        rest, self._held = self._held, ""
        return "" if self.hit else rest


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatOptions:
    """What a request wants of the chat model beside its messages."""

    choices: int = 1
    stops: tuple[str, ...] = ()
    max_tokens: int | None = None
    temperature: float | None = None
    tools: tuple[Tool, ...] = ()
    tools_required: bool = False
    schema: Mapping[str, Any] | None = None
    """JSON is to be answered, of this schema; an empty one: any object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatAnswer:
    """The chat model's answer. Made by ``ask_chat``."""

    id: str
    model: str
    asked: Model
    question: Question[str]
    options: ChatOptions
    about: Mapping[str, Any]
    grounding: Grounding
    going_on: Mapping[str, str] = field(default_factory=dict[str, str])

    async def events(self) -> AsyncGenerator[AnswerEvent]:
        """See ``AnswerSource.events``. Plain words come as they are written; everything else once it is whole."""
        options, began, usage = self.options, time.monotonic(), Usage()
        texts: list[str] = []
        if options.choices == 1 and not options.tools and options.schema is None:
            heard = _Heard()
            async for event in self._streamed(heard):
                if isinstance(event, AnswerPart) and event.kind == "content":
                    texts.append(event.text)
                yield event
            usage = heard.usage
        else:
            replies = await asyncio.gather(*(self._whole() for _ in range(options.choices)))
            for choice, (text, reply, used) in enumerate(replies):
                usage += used
                if text:
                    texts.append(f"{text}\n")
                    yield AnswerPart(kind="content", text=text, choice=choice)
                finish = "tool_calls" if reply.tool_calls else "length" if reply.finish == "length" else "stop"
                yield ChoiceEnd(choice=choice, finish=finish, tool_calls=reply.tool_calls)
        took = round((time.monotonic() - began) * 1_000, 1)
        about = {**self.about, "stages": [{"stage": "chat", "duration_ms": took}]} if self.about else {}
        about |= self.grounding.document("".join(texts))
        yield AnswerEnd(
            tokens_in=usage.tokens_in, tokens_out=usage.tokens_out, tokens_cached=usage.tokens_cached, about=about
        )

    async def _whole(self) -> tuple[str, Reply[str], Usage]:
        """One choice: its words, the reply, its cost. Raises ``llm_unreadable`` for other JSON than was asked for."""
        question, used = self.question, Usage()
        while True:
            reply = await self.asked.ask(question)
            used += reply.usage
            words, _ = without_echoes(reply.value, _systems(self.question.messages))
            cutter = StopCutter(self.options.stops)
            words = cutter.cut(words) + cutter.rest()
            if self.options.schema is None or reply.tool_calls:
                return words, reply, used
            document, wrong = read_object(words, self.options.schema)
            if not wrong:
                return document, reply, used
            if question is not self.question:
                raise Unreadable(f"The model's answer is not the JSON that was asked for: {wrong}", hint="Ask again.")
            again = Message(
                role="user", content=f"That is not the JSON that was asked for: {wrong}. Write only the JSON."
            )
            said = Message(role="assistant", content=reply.value)
            question = replace(question, messages=(*question.messages, said, again))

    async def _streamed(self, heard: "_Heard") -> AsyncGenerator[AnswerEvent]:
        """Words as they come; a long part of a system prompt is cut before anybody reads it (H7)."""
        pieces: asyncio.Queue[str | None] = asyncio.Queue()

        async def ask() -> Reply[str]:
            try:
                return await self.asked.ask(replace(self.question, listener=pieces.put_nowait))
            finally:
                # Also when it fails: who reads the pieces must not wait for ever.
                pieces.put_nowait(None)

        asking = asyncio.create_task(ask())
        writer, echoes = ReasoningWriter(), Echoes(told=words_of(_systems(self.question.messages)))
        cutter = StopCutter(self.options.stops)
        try:
            piece: str | None = await _first(pieces, asking)
            while piece is not None and not cutter.hit:
                for kind, text in writer.split(echoes.hear(piece) if piece else echoes.flush() + AGAIN):
                    if told := cutter.cut(text) if kind == "content" else text:
                        yield AnswerPart(kind=kind, text=told)
                piece = await pieces.get()
            for kind, text in (*writer.split(echoes.flush()), *writer.rest()):
                if told := cutter.cut(text) if kind == "content" else text:
                    yield AnswerPart(kind=kind, text=told)
            if told := cutter.rest():
                yield AnswerPart(kind="content", text=told)
            reply = await asking
            heard.usage = reply.usage
            yield ChoiceEnd(finish="length" if reply.finish == "length" and not cutter.hit else "stop")
        finally:
            # A client that went away reads no answer, and should not pay for the rest of it.
            asking.cancel()
            with suppress(asyncio.CancelledError, SignoffError):
                await asking


@dataclass(slots=True)
class _Heard:
    usage: Usage = field(default_factory=Usage)


def _systems(messages: Sequence[Message]) -> list[str]:
    return [message.content for message in messages if message.role == "system"]


async def _first(pieces: "asyncio.Queue[str | None]", asking: "asyncio.Task[Reply[str]]") -> str:
    """The first word, or the whole of an answer that nobody heard. Raises as ``Model.ask``."""
    text = ""
    while (piece := await pieces.get()) is not None:
        text += piece
        # It may become the mark of a thought, which ``ReasoningWriter`` has to see whole.
        if text.strip() and not OPEN.startswith(text.lstrip()):
            return text
    pieces.put_nowait(None)
    return text or (await asking).value


def read_object(text: str, schema: Mapping[str, Any]) -> tuple[str, str]:
    """The JSON object of an answer, and what is wrong with it; a fence around it is nothing wrong. Pure."""
    words = text.strip().removeprefix("```json").removeprefix("```").removesuffix("```").strip()
    try:
        document = json_value(words)
    except ValueError:
        return "", "it cannot be read as JSON"
    if not schema:
        return words, "" if isinstance(document, dict) else "it is no object"
    from jsonschema import Draft202012Validator  # noqa: PLC0415  see ``ensure_schema``

    try:
        error = next(iter(Draft202012Validator(schema).iter_errors(document)), None)
    except RecursionError:
        return "", "its schema comes to no end"
    return words, "" if error is None else f"{error.json_path}: {error.message[:200]}"


def ensure_schema(schema: Mapping[str, Any]) -> None:
    """Raise ``request_invalid`` for what is no JSON Schema, or one that it is not safe to check answers with."""
    # Seven megabytes and their references, for a form that few clients ask for.
    from jsonschema import Draft202012Validator  # noqa: PLC0415
    from jsonschema.exceptions import SchemaError  # noqa: PLC0415

    try:
        Draft202012Validator.check_schema(schema)
    except (SchemaError, RecursionError) as error:
        raise refuse("request_invalid", f"This is no JSON Schema: {str(error).splitlines()[0][:200]}") from None
    waiting: list[Any] = [schema]
    while waiting:
        part = waiting.pop()
        if isinstance(part, list):
            waiting += part
        if not isinstance(part, dict):
            continue
        # Patterns of strangers may take for ever, and what lies at an address would be fetched from here.
        addresses = [part.get(name) for name in ("$ref", "$dynamicRef", "$id")]
        is_remote = any(isinstance(address, str) and not address.startswith("#") for address in addresses)
        if is_remote or isinstance(part.get("pattern"), str) or "patternProperties" in part:
            raise refuse("request_invalid", "A schema has no patterns here, and refers to its own definitions only.")
        waiting += part.values()


def ask_chat(
    at: ServerContext,
    principal: Principal,
    grounding: Grounding,
    options: ChatOptions,
    *,
    named: str,
    about: Mapping[str, Any],
) -> ChatAnswer:
    """Ask the chat model; ``named``: the model that the client asked. Raises ``assistant_not_found`` without one."""
    board, id_, messages = at.application.board, uuid4().hex, grounding.messages
    if not board.registry.any("chat"):
        raise refuse("assistant_not_found", "No chat model is configured.", hint="Set SIGNOFF_MODEL_BASE_URL.")
    task = Task(
        text=grounding.question[:2_000],
        repo="",
        requester=principal.subject,
        standing=principal.standing,
        strategy=at.settings.strategy,
    )
    settings = at.application.catalogue.settings("chat", timeout_s=at.settings.model_timeout_s)
    if options.schema is not None:
        shape = f" of this JSON Schema: {json.dumps(options.schema)}" if options.schema else ""
        messages = (
            *messages,
            Message(role="system", content=f"Answer with one JSON object{shape}. Write nothing else."),
        )
    return ChatAnswer(
        id=id_,
        model=named,
        asked=board.model("chat", SelectionContext(run=f"chatcmpl-{id_}", org=principal.org, task=task)),
        question=Question(
            tuple(messages),
            str,
            settings=_bounded(settings, options),
            tools=options.tools,
            tool_choice="required" if options.tools_required else "auto",
        ),
        options=options,
        about=about,
        grounding=grounding,
    )


def _bounded(settings: ModelSettings, options: ChatOptions) -> ModelSettings:
    """What the request wants, within what the catalogue allows."""
    most = min(settings.max_tokens, options.max_tokens or settings.max_tokens)
    warm = settings.temperature if options.temperature is None else options.temperature
    return replace(settings, max_tokens=most, temperature=warm)
