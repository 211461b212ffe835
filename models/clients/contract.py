"""Transport contract: the way to one endpoint, as narrow as a model needs it: messages out, deltas of text in.

``Chat`` is built on it; each protocol has a module of its own (``openai`` over HTTP, ``vendors``, ``huggingface`` in
this process).
"""

from collections.abc import AsyncGenerator, Sequence
from typing import Any, Literal, Protocol

from pydantic import SecretStr

from domain import value
from models.contract import Message, ModelSettings, Usage

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


@value
class AnswerSchema:
    """The form an answer must have: a JSON Schema and its name."""

    name: str
    json_schema: dict[str, Any]
    strict_schema: dict[str, Any]


@value
class Delta:
    """A part of an answer. What is None has not come yet."""

    text: str = ""
    called: bool = False
    """The text is arguments of a tool call."""
    finish: str | None = None
    model: str | None = None
    usage: Usage | None = None


class Transport(Protocol):
    """One model at one endpoint."""

    @property
    def name(self) -> str: ...

    def send(
        self, messages: Sequence[Message], *, form: AnswerSchema | None, dialect: Dialect, settings: ModelSettings
    ) -> AsyncGenerator[Delta]:
        """Stream one answer. No retry, no deadline, no parsing: that is the caller's.

        Raises:
            Unavailable, RateLimited, Unreadable: Transient.
            ContextTooLong, Refused: the request is wrong; ``llm_bad_request`` quotes the endpoint's message.
        """
        ...
