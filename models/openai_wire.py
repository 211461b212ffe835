"""The OpenAI protocol over HTTP, through langchain's ``ChatOpenAI``: vLLM and every compatible endpoint.

The only module that knows the vendor's package. It takes a second to import, so it is imported when
the first endpoint is opened (see ``chat.opened``).
"""

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import urlsplit

import openai
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from domain import Broken, Refused, SignoffError, Unavailable, Unreadable
from models.contract import Message, Settings, Usage
from models.refusals import refusal, retry_after, served_length, too_long, unreachable
from models.wire import Dialect, Endpoint, Form, Piece

ANSWER_HEADER = "X-Signoff-Answer"
"""Names the form that is asked for, also where the endpoint cannot be told by ``response_format``."""

_FAILED = 400
_QUOTED = 600
"""Characters of an endpoint's message that we repeat."""


class _Client(openai.DefaultAsyncHttpxClient):
    """Says what a failure means, and makes a stream of a whole answer where an endpoint does not stream.

    Failures are named here, before langchain warns about them on standard error.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(timeout=None, follow_redirects=True)
        self._endpoint = endpoint

    async def send(self, request: Any, **options: Any) -> Any:
        response = await super().send(request, **options)
        if response.status_code >= _FAILED:
            body = await response.aread()
            wait = retry_after(response.headers.get("retry-after"), now=datetime.now(UTC))
            said = _quoted(_message(body), self._endpoint)
            raise refusal(response.status_code, said, where=_where(self._endpoint), retry_after_s=wait)
        if "application/json" not in response.headers.get("content-type", "") or not _asked_to_stream(request):
            return response
        content = _as_stream(await response.aread(), self._endpoint)
        headers = {"content-type": "text/event-stream"}
        return type(response)(status_code=200, headers=headers, content=content, request=request)


def _asked_to_stream(request: Any) -> bool:
    try:
        return bool(json.loads(request.content).get("stream"))
    except (ValueError, AttributeError, RuntimeError):
        return False


def _as_stream(body: bytes, endpoint: Endpoint) -> bytes:
    try:
        whole = json.loads(body)
        for choice in whole["choices"]:
            choice["delta"] = choice.pop("message")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _no_protocol(endpoint) from None
    return b"data: " + json.dumps(whole).encode() + b"\n\ndata: [DONE]\n\n"


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
            raise _no_protocol(self.endpoint) from error

    def _meaning(self, error: openai.APIError) -> SignoffError:
        """Every failure of the client as an error of the house, without the key."""
        where, cause, said = _where(self.endpoint), _cause(error), _quoted(error.message, self.endpoint)
        match error:
            case _ if isinstance(cause, SignoffError):
                return cause
            case openai.APIStatusError():
                return refusal(error.status_code, said, where=where)
            case openai.APITimeoutError():
                return Unavailable(f"{where} did not answer in time.", hint="Raise SIGNOFF_MODEL_TIMEOUT_S.")
            case openai.APIConnectionError():
                return unreachable(where, str(cause) or type(cause).__name__)
            case _ if error.code and error.code.isdecimal():
                return refusal(int(error.code), said, where=where)
            case _ if served_length(said) is not None:
                return too_long(said)
            case _:
                return Unavailable(f"{where} broke off: {said}", hint="See the log of the model server.")


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
        raise Broken("An endpoint is opened with a model id.", code="llm_no_model")
    # A pool of our own: langchain shares one between event loops, and it outlives the loop that made it.
    async with _Client(endpoint) as http:
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
        if dialect.structured != "text":
            body["response_format"] = _response_format(form, dialect)
    return options


def _response_format(form: Form, dialect: Dialect) -> Mapping[str, Any]:
    if dialect.structured == "json_object":
        return {"type": "json_object"}
    strict = dialect.structured == "strict"
    schema = form.strict_schema if strict else form.json_schema
    return {"type": "json_schema", "json_schema": {"name": form.name, "strict": strict, "schema": schema}}


def _piece(chunk: BaseMessage) -> Piece:
    said = chunk.response_metadata
    used = chunk.usage_metadata if isinstance(chunk, AIMessageChunk) else None
    return Piece(
        text=str(chunk.text),
        finish=said.get("finish_reason"),
        model=said.get("model_name"),
        usage=_usage(used) if used else None,
    )


def _usage(used: UsageMetadata) -> Usage:
    cached = used.get("input_token_details", {}).get("cache_read") or 0
    return Usage(tokens_in=used["input_tokens"], tokens_out=used["output_tokens"], tokens_cached=cached)


def _cause(error: BaseException) -> BaseException:
    """The innermost reason: ``Connection refused`` says more than ``Connection error``."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _where(endpoint: Endpoint) -> str:
    return f"The model endpoint {urlsplit(endpoint.base_url).netloc or endpoint.base_url}"


def _no_protocol(endpoint: Endpoint) -> Unreadable:
    return Unreadable(
        f"{_where(endpoint)} does not answer in the OpenAI protocol.",
        hint="Check that SIGNOFF_MODEL_BASE_URL is an OpenAI-compatible address; it usually ends with /v1.",
    )


def _message(body: bytes) -> str:
    """What an error's body says, in the forms that servers use."""
    text = body.decode(errors="replace").strip()
    try:
        whole = json.loads(text)
    except ValueError:
        return text or "no reason given"
    error = whole.get("error", whole) if isinstance(whole, dict) else whole
    said = (error.get("message") or error.get("detail") or error) if isinstance(error, dict) else error
    code = error.get("code") if isinstance(error, dict) else None
    return f"{said} ({code})" if isinstance(code, str) else str(said)


def _quoted(said: str, endpoint: Endpoint) -> str:
    """As much as we repeat of what an endpoint says: without the key, which some of them quote."""
    key = endpoint.api_key.get_secret_value() if endpoint.api_key is not None else ""
    return (said.replace(key, "***") if key else said)[:_QUOTED]
