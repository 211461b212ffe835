"""Transport contract: the way to one endpoint, as narrow as a model needs it: messages out, deltas of text in.

``Chat`` is built on it; each protocol has a module of its own (``openai`` over HTTP, ``vendors``, ``huggingface`` in
this process).
"""

from collections.abc import AsyncGenerator, Sequence
from typing import Any, Literal, Protocol

from pydantic import SecretStr

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
