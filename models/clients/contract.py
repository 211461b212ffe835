"""The way to one endpoint, as narrow as a model needs it: messages out, pieces of text in.

``Chat`` is built on this seam; who speaks which vendor's protocol is told by the module that
implements it (``openai`` over HTTP, ``huggingface`` in this process).
"""

from collections.abc import AsyncGenerator, Sequence
from typing import Any, Literal, Protocol

from pydantic import SecretStr

from domain import value
from models.contract import Message, Settings, Usage

Structured = Literal["strict", "json_schema", "json_object", "tools", "text"]
"""How an answer of a given form is asked for, from the strictest way to the plainest."""


@value
class Endpoint:
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
class Form:
    """The form an answer must have: a JSON Schema and its name."""

    name: str
    json_schema: dict[str, Any]
    strict_schema: dict[str, Any]


@value
class Piece:
    """A part of an answer. What is None has not been said yet."""

    text: str = ""
    called: bool = False
    """The text is arguments of a tool call."""
    finish: str | None = None
    model: str | None = None
    usage: Usage | None = None


class Wire(Protocol):
    """One model at one endpoint."""

    @property
    def name(self) -> str: ...

    def send(
        self, messages: Sequence[Message], *, form: Form | None, dialect: Dialect, settings: Settings
    ) -> AsyncGenerator[Piece]:
        """Stream one answer. No retry, no deadline, no parsing: that is the caller's.

        Raises:
            Unavailable, RateLimited, Unreadable: Transient.
            ContextTooLong, Refused: the request is wrong; ``llm_bad_request`` quotes what the endpoint said.
        """
        ...
