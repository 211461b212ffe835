"""The OpenAI protocol over HTTP, through langchain's ``ChatOpenAI``: vLLM and every compatible endpoint.

The only module that knows the vendor's package. It takes a second to import, so it is imported when
the first endpoint is opened (see ``chat.opened``).
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

import openai
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from domain import Broken, Refused, SignoffError, Unavailable, whole_number
from models.contract import Message, Settings, Usage
from models.openai_client import Client, no_protocol, quoted, where
from models.refusals import refusal, served_length, too_long, unreachable
from models.wire import Dialect, Endpoint, Form, Piece

ANSWER_HEADER = "X-Signoff-Answer"
"""Names the form that is asked for, also where the endpoint cannot be told by ``response_format``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAIWire:
    """One model at one endpoint."""

    endpoint: Endpoint
    client: ChatOpenAI

    @property
    def name(self) -> str:
        return self.endpoint.model or "default"

    async def send(
        self, messages: Sequence[Message], *, form: Form | None, dialect: Dialect, settings: Settings
    ) -> AsyncGenerator[Piece]:
        """See ``Wire.send``."""
        stream = self.client.astream(_spoken(messages), **_options(form, dialect, settings))
        try:
            async with aclosing(cast("AsyncGenerator[AIMessageChunk]", stream)) as chunks:
                async for chunk in chunks:
                    yield _piece(chunk)
        except openai.APIError as error:
            raise self._meaning(error) from None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise no_protocol(self.endpoint) from error

    def _meaning(self, error: openai.APIError) -> SignoffError:
        """Every failure of the client as an error of the house, without the key."""
        there, cause, said = where(self.endpoint), _cause(error), quoted(error.message, self.endpoint)
        match error:
            case _ if isinstance(cause, SignoffError):
                return cause
            case openai.APIStatusError():
                return refusal(error.status_code, said, where=there)
            case openai.APITimeoutError():
                return Unavailable(f"{there} did not answer in time.", hint="Raise SIGNOFF_MODEL_TIMEOUT_S.")
            case openai.APIConnectionError():
                return unreachable(there, str(cause) or type(cause).__name__)
            case _ if error.code and error.code.isdecimal():
                return refusal(whole_number(error.code), said, where=there)
            case _ if served_length(said) is not None:
                return too_long(said)
            case _:
                return Unavailable(f"{there} broke off: {said}", hint="See the log of the model server.")


@asynccontextmanager
async def opened(endpoint: Endpoint) -> AsyncGenerator[OpenAIWire]:
    """Open connections to an endpoint for as long as the block runs.

    Raises:
        Refused: ``llm_bad_address``.
    """
    if urlsplit(endpoint.base_url).scheme not in {"http", "https"}:
        raise Refused(f"{endpoint.base_url!r} is not an address.", code="llm_bad_address",
                      hint="Set SIGNOFF_MODEL_BASE_URL to something like http://127.0.0.1:8000/v1.")  # fmt: skip
    if endpoint.model is None:
        raise Broken("An endpoint is opened with a model id.", code="llm_no_model", hint="Report it.")
    # A pool of our own: langchain shares one between event loops, and it outlives the loop that made it.
    async with Client(endpoint) as http:
        client = ChatOpenAI(
            model=endpoint.model,
            base_url=endpoint.base_url,
            api_key=endpoint.api_key or SecretStr("none"),
            http_async_client=http,
            max_retries=0,
            stream_chunk_timeout=None,
            use_responses_api=False,
        )
        yield OpenAIWire(endpoint=endpoint, client=client)


def _spoken(messages: Sequence[Message]) -> list[dict[str, str]]:
    return [{"role": message.role, "content": message.content} for message in messages]


def _options(form: Form | None, dialect: Dialect, settings: Settings) -> dict[str, Any]:
    """What is sent beside the messages. See docs/model-protocol.md, which is the promise."""
    # The client would check a response_format of its own; ours goes through as it is.
    body: dict[str, Any] = {dialect.limit: settings.max_tokens}
    options: dict[str, Any] = {"stream_usage": dialect.stream_usage, "extra_body": body}
    if dialect.temperature:
        options["temperature"] = settings.temperature
    if form is not None:
        options["extra_headers"] = {ANSWER_HEADER: form.name}
        if dialect.structured == "tools":
            body |= _tool(form)
        elif dialect.structured != "text":
            body["response_format"] = _response_format(form, dialect)
    return options


def _response_format(form: Form, dialect: Dialect) -> Mapping[str, Any]:
    if dialect.structured == "json_object":
        return {"type": "json_object"}
    strict = dialect.structured == "strict"
    schema = form.strict_schema if strict else form.json_schema
    return {"type": "json_schema", "json_schema": {"name": form.name, "strict": strict, "schema": schema}}


def _tool(form: Form) -> dict[str, Any]:
    """The answer as the arguments of the only tool there is, which has to be called."""
    function = {"name": form.name, "description": "Takes your whole answer.", "parameters": form.strict_schema}
    return {
        "tools": [{"type": "function", "function": {**function, "strict": True}}],
        "tool_choice": {"type": "function", "function": {"name": form.name}},
    }


def _piece(chunk: BaseMessage) -> Piece:
    said = chunk.response_metadata
    called = _called(chunk)
    used = chunk.usage_metadata if isinstance(chunk, AIMessageChunk) else None
    return Piece(
        text=str(chunk.text) or called,
        called=not chunk.text and bool(called),
        finish=said.get("finish_reason"),
        model=said.get("model_name"),
        # Nothing was read for no prompt at all: an endpoint that says so does not count.
        usage=_usage(used) if used and used["input_tokens"] else None,
    )


def _called(chunk: BaseMessage) -> str:
    """The arguments of tool calls: some models answer in no other way, although no tool was offered."""
    calls = chunk.tool_call_chunks if isinstance(chunk, AIMessageChunk) else ()
    return "".join(call["args"] or "" for call in calls)


def _usage(used: UsageMetadata) -> Usage:
    cached = used.get("input_token_details", {}).get("cache_read") or 0
    return Usage(tokens_in=used["input_tokens"], tokens_out=used["output_tokens"], tokens_cached=cached)


def _cause(error: BaseException) -> BaseException:
    """The innermost reason: ``Connection refused`` says more than ``Connection error``."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error
