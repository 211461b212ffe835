"""Transport contract: the way to one endpoint, as narrow as a model needs it: messages out, deltas of text in.

``Chat`` is built on it; each protocol has a module of its own (``openai`` over HTTP, ``vendors``, ``huggingface`` in
this process). Below it what goes over the wire: messages, tools, and the JSON Schema of an answer.

Schemas are inlined (guided decoding and small models both do better without ``$ref``), closed (no further keys)
and bounded: an unbounded string or list lets a model write until it runs into its token limit, and then nothing can
be parsed.
"""

import json
import re
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, Literal, Protocol

from pydantic import SecretStr, TypeAdapter

from domain import value
from models.contract import Message, ModelSettings, Tool, ToolChoice, Usage, arguments_text

Structured = Literal["strict", "json_schema", "json_object", "tools", "text"]
"""How an answer of a given form is asked for, from the strictest way to the plainest."""


PROVIDER_OF_SCHEME = {"local:": "huggingface", "anthropic:": "anthropic", "google:": "google"}
"""Addresses that are no URLs of the OpenAI protocol, and who serves there, as policies name it."""


@value
class ModelEndpoint:
    """Where a model is served, and what it is called there."""

    base_url: str
    """Of the OpenAI protocol, with its version: ``http://127.0.0.1:8000/v1``."""
    model: str | None = None
    """None: the only model that is served there."""
    api_key: SecretStr | None = None
    """None: a placeholder is sent; servers that need no key ignore it."""


@value
class Dialect:
    """What an endpoint understands. It starts with everything and unlearns what was refused."""

    structured: Structured = "strict"
    temperature: bool = True
    system: bool = True
    """False: what the system message says stands at the beginning of the first user message."""
    limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    stream_usage: bool = True
    tools: bool = True
    """False: it takes no tools, and is not offered any again."""
    one_call: bool = True
    """False: it does not know ``parallel_tool_calls``."""
    must_call: bool = True
    """False: it does not know ``tool_choice: required``."""


@value
class ToolOffer:
    """The tools of a question, and whether one of them has to be called."""

    tools: tuple[Tool, ...]
    choice: ToolChoice = "auto"


@value
class AnswerSchema:
    """The form an answer must have: a JSON Schema and its name."""

    name: str
    json_schema: dict[str, Any]
    strict_schema: dict[str, Any]


@value
class CallDelta:
    """A part of a tool call: what is empty has come already, or comes later."""

    index: int | None = None
    """Which of the answer's calls; None: the endpoint does not number them."""
    id: str = ""
    name: str = ""
    arguments: str = ""


@value
class Delta:
    """A part of an answer. What is None has not come yet."""

    text: str = ""
    reasoning: str = ""
    """What some servers keep apart as thoughts, with the answer in it where their parser is mistaken."""
    calls: tuple[CallDelta, ...] = ()
    finish: str | None = None
    model: str | None = None
    usage: Usage | None = None


class Transport(Protocol):
    """One model at one endpoint."""

    @property
    def name(self) -> str: ...

    def send(
        self,
        messages: Sequence[Message],
        *,
        form: AnswerSchema | None,
        dialect: Dialect,
        settings: ModelSettings,
        offer: ToolOffer | None = None,
    ) -> AsyncGenerator[Delta]:
        """Stream one answer. No retry, no deadline, no parsing: that is the caller's.

        Raises:
            Unavailable, RateLimited, Unreadable: Transient.
            ContextTooLong, Refused: the request is wrong; ``llm_bad_request`` quotes the endpoint's message.
        """
        ...


def wire_messages(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """A conversation as the OpenAI protocol has it."""
    wire: list[dict[str, Any]] = []
    for message in messages:
        turn: dict[str, Any] = {"role": message.role, "content": message.content}
        if message.tool_calls:
            turn["tool_calls"] = [
                {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments_text(call)}}
                for call in message.tool_calls
            ]
        if message.role == "tool":
            turn["tool_call_id"] = message.tool_call_id
        wire.append(turn)
    return wire


def wire_tools(tools: Sequence[Tool]) -> list[dict[str, Any]]:
    """Tools as the OpenAI protocol has them."""
    return [
        {
            "type": "function",
            "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters},
        }
        for tool in tools
    ]


def call_deltas(chunk: Any) -> tuple[CallDelta, ...]:
    """The parts of tool calls in one of langchain's chunks."""
    return tuple(
        CallDelta(index=each["index"], id=each["id"] or "", name=each["name"] or "", arguments=each["args"] or "")
        for each in getattr(chunk, "tool_call_chunks", ())
    )


LINE = 2 << 20
"""Bytes of one line: of a stream each is one piece of an answer, and parsers keep it until it ends."""
WHOLE = 64 << 20
"""Bytes on the wire; a streamed answer has some hundred of them around each word."""


Problem = Callable[[], Exception]


async def limited(body: AsyncIterable[bytes], problem: Problem) -> AsyncGenerator[bytes]:
    """The parts of a body; raises ``problem`` where it, or one line of it, is too long."""
    whole = line = 0
    async for part in body:
        last = part.rfind(b"\n")
        whole, line = whole + len(part), len(part) + (line if last < 0 else -last - 1)
        # Lines, too: a parser of events keeps a line in memory until its end comes.
        if whole > WHOLE or line > LINE:
            raise problem()
        yield part


_AS_PARAMETER = frozenset({"strict", "json_schema", "tools"})
LONGEST_IN_GRAMMAR = 20_000
"""Characters. A longer bound costs a grammar compiler much and binds no answer: the token limit comes first."""
MOST_IN_GRAMMAR = 100
"""Items of a list: a grammar compiler writes each of them out."""

_NOT_ON_THE_WIRE = ("title", "description", "default", "$defs")


@cache
def schema_of(answer: type) -> AnswerSchema:
    """Return the form of an answer: ``plan``, ``code_change``, ``review``, or any other type's name."""
    whole = TypeAdapter(answer).json_schema()
    schema = _inline(whole, whole.get("$defs", {}))
    return AnswerSchema(name=name_of(answer), json_schema=schema, strict_schema=_strict(schema))


def name_of(answer: type) -> str:
    """``CodeChange`` → ``code_change``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", answer.__name__).lower()


def _inline(schema: Any, defs: Mapping[str, Any]) -> Any:
    if isinstance(schema, list):
        return [_inline(part, defs) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inline(defs[schema["$ref"].rsplit("/", 1)[1]], defs)
    out: dict[str, Any] = {
        key: {name: _inline(part, defs) for name, part in value_.items()}
        if key == "properties"
        else _inline(value_, defs)
        for key, value_ in schema.items()
        if key not in _NOT_ON_THE_WIRE
    }
    if out.get("maxLength", 0) > LONGEST_IN_GRAMMAR:
        del out["maxLength"]
    if out.get("maxItems", 0) > MOST_IN_GRAMMAR:
        out["maxItems"] = MOST_IN_GRAMMAR
    if "pattern" in out:
        # Grammar compilers take a pattern or bounds of length, not both (xgrammar: issue 966).
        longest = out.pop("maxLength", None)
        out.pop("minLength", None)
        if longest is not None and out["pattern"].endswith("]+$"):
            out["pattern"] = f"{out['pattern'][:-2]}{{1,{longest}}}$"
    return out


def _strict(schema: Any) -> Any:
    """Every key required, as strict decoding wants it; what may be left out is then said to be empty or null."""
    if isinstance(schema, list):
        return [_strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    out: dict[str, Any] = {
        key: {name: _strict(part) for name, part in value_.items()} if key == "properties" else _strict(value_)
        for key, value_ in schema.items()
    }
    if "properties" in out:
        # OpenAI refuses a strict schema in which a key may be missing.
        out["required"] = list(out["properties"])
    return out


def example_of(schema: dict[str, Any]) -> Any:
    """An answer of this form, as short as it may be: what to write, shown instead of told."""
    if options := [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]:
        return example_of(options[0])
    if "enum" in schema or "const" in schema:
        return schema.get("const", next(iter(schema.get("enum", ())), None))
    match schema.get("type"):
        case "object":
            return {
                name: example_of(part)
                for name, part in schema.get("properties", {}).items()
                if name in schema.get("required", schema.get("properties", {})) and "const" not in part
            }
        case "array":
            return [example_of(schema.get("items", {}))]
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return True
        case _:
            return "1" if "pattern" in schema else "…"


def formatted(messages: Sequence[Message], schema: AnswerSchema | None, dialect: Dialect) -> tuple[Message, ...]:
    """Put the schema into the system message where the endpoint does not take it as a parameter.

    Where its chat template has no system message, that becomes the beginning of the first question.
    """
    turns = _in_turns(messages)
    if schema is not None and dialect.structured not in _AS_PARAMETER:
        rule = _rule(schema)
        if turns and turns[0].role == "system":
            # Behind the rules of the prompt: a prefix cache keeps what all questions of a run have in common.
            turns = (Message(role="system", content=f"{turns[0].content}\n\n{rule}"), *turns[1:])
        else:
            turns = (Message(role="system", content=rule), *turns)
    if dialect.system:
        return turns
    # Joined once more: the rules and the first question are now two turns of the same role.
    return _in_turns([replace(message, role="user") if message.role == "system" else message for message in turns])


def _in_turns(messages: Sequence[Message]) -> tuple[Message, ...]:
    """Join neighbours of the same role: many chat templates refuse two of them in a row."""
    turns: list[Message] = []
    for message in messages:
        last = turns[-1] if turns else None
        # Results of calls stay apart, each names its call; and what follows calls has to be their results.
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
        # Shown, not described: small models copy an example where they misread a schema.
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
