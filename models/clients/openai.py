"""OpenAI client: the OpenAI protocol over HTTP, through langchain's ``ChatOpenAI``: vLLM and every compatible endpoint.

Its HTTP client names failures before langchain warns about them, and understands endpoints that do not stream. The
only module that knows the vendor's package: it takes a second to import, so it is imported when the first endpoint is
opened (see ``chat.open_chat``).
"""

import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import urlsplit

import httpx2
import openai
from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk
from langchain_openai import ChatOpenAI
from pydantic import SecretStr
from typing_extensions import override

from domain import Broken, Refused, SignoffError, Unavailable, Unreadable
from domain.text import whole_number
from models.clients.contract import (
    AnswerSchema,
    Delta,
    Dialect,
    ModelEndpoint,
    Problem,
    ToolOffer,
    call_deltas,
    limited,
    wire_messages,
    wire_tools,
)
from models.clients.http import PLAIN
from models.contract import Message, ModelSettings, Usage
from models.errors import (
    LARGEST,
    endless,
    error_text,
    likely_status,
    refusal,
    retry_after,
    served_length,
    too_long,
    unreachable,
)

_FAILED = 400
_READ = 64 << 10
"""Bytes of a refusal that are read."""
_QUOTED = 600
"""Characters of an endpoint's message that we repeat."""


class OpenAIHttpClient(openai.DefaultAsyncHttpxClient):
    """Says what a failure means, and makes a stream of a whole answer where an endpoint does not stream.

    Failures are named here, before langchain warns about them on standard error.
    """

    def __init__(self, endpoint: ModelEndpoint) -> None:
        super().__init__(timeout=None, follow_redirects=True, headers=PLAIN)
        self._endpoint = endpoint

    async def send(self, request: Any, **options: Any) -> Any:
        response = await super().send(request, **options)
        response.stream = _Bounded(response.stream, lambda: endless(where(self._endpoint)))
        if "text/event-stream" in response.headers.get("content-type", ""):
            response.stream = _Events(response.stream)
        if response.status_code >= _FAILED:
            body = (await _beginning(response, _READ))[:_READ]
            wait = retry_after(response.headers.get("retry-after"), now=datetime.now(UTC))
            words = quoted(error_text(body), self._endpoint)
            raise refusal(response.status_code, words, where=where(self._endpoint), retry_after_s=wait)
        # Not asked for: whoever packs it all the same could unfold it to gigabytes.
        if response.headers.get("content-encoding", "identity") != "identity":
            raise no_protocol(self._endpoint)
        if "application/json" not in response.headers.get("content-type", "") or not _asked_to_stream(request):
            return response
        whole = await _beginning(response, LARGEST)
        if len(whole) > LARGEST:
            raise endless(where(self._endpoint))
        headers = {"content-type": "text/event-stream"}
        content = as_stream(whole, self._endpoint)
        return type(response)(status_code=200, headers=headers, content=content, request=request)


class _Bounded(httpx2.AsyncByteStream):
    """A body as long as a model can write."""

    def __init__(self, body: Any, problem: Problem) -> None:
        self._body, self._problem = body, problem

    def __aiter__(self) -> AsyncIterator[bytes]:
        return limited(self._body, self._problem)

    async def aclose(self) -> None:
        """Hang up."""
        await self._body.aclose()


class _Events(httpx2.AsyncByteStream):
    """A stream of events in which arguments of tools are text, as the protocol has them; some servers send objects."""

    def __init__(self, body: Any) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        rest = b""
        async for part in self._body:
            head, line_end, tail = part.rpartition(b"\n")
            # Half a line: it is looked at when the rest of it has come.
            if not line_end:
                rest += tail
                continue
            lines, rest = rest + head + line_end, tail
            if _OBJECT_ARGUMENTS.search(lines):
                lines = b"".join(with_text_arguments(line) for line in lines.splitlines(keepends=True))
            yield lines
        if rest:
            yield rest

    async def aclose(self) -> None:
        """Hang up."""
        await self._body.aclose()


_OBJECT_ARGUMENTS = re.compile(rb'"arguments"\s{0,9}:\s{0,9}[{\[]')


def with_text_arguments(line: bytes) -> bytes:
    """An event whose calls have their arguments as text; every other line as it came."""
    if not _OBJECT_ARGUMENTS.search(line):
        return line
    try:
        event = json.loads(line.removeprefix(b"data:"))
        for choice in event["choices"]:
            for call in choice["delta"]["tool_calls"]:
                _arguments_as_text(call)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return line  # a text that speaks of arguments
    return b"data: " + json.dumps(event).encode() + b"\n"


def _arguments_as_text(call: dict[str, Any]) -> None:
    if not isinstance(arguments := call["function"].get("arguments"), str | None):
        call["function"]["arguments"] = json.dumps(arguments)


async def _beginning(response: Any, most: int) -> bytes:
    """A body, or a little more than ``most`` of it: one that never ends takes no memory of ours."""
    body = bytearray()
    async with aclosing(response.aiter_bytes()) as parts:
        async for part in parts:
            body += part
            if len(body) > most:
                break
    await response.aclose()
    return bytes(body)


def _asked_to_stream(request: Any) -> bool:
    try:
        return bool(json.loads(request.content).get("stream"))
    except (ValueError, AttributeError, RuntimeError):
        return False


def as_stream(body: bytes, endpoint: ModelEndpoint) -> bytes:
    """The events of a stream that says what a whole answer says.

    Raises:
        Unreadable: it is no answer of the protocol.
        Refused, Transient: it is an error. Proxies send it with status 200; without a status of its own it may pass.
    """
    try:
        whole = json.loads(body)
        if isinstance(whole, dict) and "choices" not in whole and (error := whole.get("error")):
            code = str(error.get("code") or "") if isinstance(error, dict) else ""
            words = quoted(error_text(body), endpoint)
            if not code.isdecimal() and served_length(words) is not None:
                raise too_long(words)
            status = whole_number(code) if code.isdecimal() else likely_status(words)
            raise refusal(status, words, where=where(endpoint))
        for choice in whole["choices"]:
            choice["delta"] = choice.pop("message")
            choice["finish_reason"] = choice.get("finish_reason") or "stop"  # it is whole: nothing broke off
            for number, call in enumerate(choice["delta"].get("tool_calls") or ()):
                call.setdefault("index", number)
                _arguments_as_text(call)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise no_protocol(endpoint) from None
    return b"data: " + json.dumps(whole).encode() + b"\n\ndata: [DONE]\n\n"


def where(endpoint: ModelEndpoint) -> str:
    return f"The model endpoint {urlsplit(endpoint.base_url).netloc or endpoint.base_url}"


def no_protocol(endpoint: ModelEndpoint) -> Unreadable:
    return Unreadable(
        f"{where(endpoint)} does not answer in the OpenAI protocol.",
        hint="Check that SIGNOFF_MODEL_BASE_URL is an OpenAI-compatible address; it usually ends with /v1.",
    )


def quoted(words: str, endpoint: ModelEndpoint) -> str:
    """As much as we repeat of what an endpoint says: without the key, which some of them quote."""
    key = endpoint.api_key.get_secret_value() if endpoint.api_key is not None else ""
    return (words.replace(key, "***") if key else words)[:_QUOTED]


class _ReasoningChat(ChatOpenAI):
    """Keeps what servers send as thoughts beside the answer; langchain's own drops it, as OpenAI has no word for it."""

    @override
    def _convert_chunk_to_generation_chunk(
        self, chunk: dict[str, Any], default_chunk_class: type, base_generation_info: dict[str, Any] | None
    ) -> ChatGenerationChunk | None:
        generation = super()._convert_chunk_to_generation_chunk(chunk, default_chunk_class, base_generation_info)
        delta = (chunk.get("choices") or [{}])[0].get("delta") or {}
        thoughts = delta.get("reasoning_content") or delta.get("reasoning")
        if generation is not None and isinstance(thoughts, str):
            generation.message.additional_kwargs[_REASONING] = thoughts
        return generation


_REASONING = "reasoning_content"
ANSWER_HEADER = "X-Signoff-Answer"
"""Names the form that is asked for, also where the endpoint cannot be told by ``response_format``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAITransport:
    """One model at one endpoint."""

    endpoint: ModelEndpoint
    client: ChatOpenAI

    @property
    def name(self) -> str:
        return self.endpoint.model or "default"

    async def send(
        self,
        messages: Sequence[Message],
        *,
        form: AnswerSchema | None,
        dialect: Dialect,
        settings: ModelSettings,
        offer: ToolOffer | None = None,
    ) -> AsyncGenerator[Delta]:
        """See ``Transport.send``."""
        stream = self.client.astream(wire_messages(messages), **request_options(form, dialect, settings, offer))
        try:
            async with aclosing(cast("AsyncGenerator[AIMessageChunk]", stream)) as chunks:
                async for chunk in chunks:
                    metadata, used = chunk.response_metadata, chunk.usage_metadata
                    usage = None
                    # Nothing was read for no prompt at all: an endpoint that says so does not count.
                    if used and used["input_tokens"]:
                        cached = used.get("input_token_details", {}).get("cache_read") or 0
                        usage = Usage(
                            tokens_in=used["input_tokens"], tokens_out=used["output_tokens"], tokens_cached=cached
                        )
                    yield Delta(
                        text=str(chunk.text),
                        reasoning=chunk.additional_kwargs.get(_REASONING) or "",
                        calls=call_deltas(chunk),
                        finish=metadata.get("finish_reason"),
                        model=metadata.get("model_name"),
                        usage=usage,
                    )
        except openai.APIError as error:
            raise self._meaning(error) from None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise no_protocol(self.endpoint) from error

    def _meaning(self, error: openai.APIError) -> SignoffError:
        """Every failure of the client as an error of ``domain.errors``, without the key."""
        there, text = where(self.endpoint), quoted(error.message, self.endpoint)
        # The innermost reason: "Connection refused" says more than "Connection error".
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        match error:
            case _ if isinstance(cause, SignoffError):
                return cause
            case openai.APIStatusError():
                return refusal(error.status_code, text, where=there)
            case openai.APITimeoutError():
                return Unavailable(f"{there} did not answer in time.", hint="Raise SIGNOFF_MODEL_TIMEOUT_S.")
            case openai.APIConnectionError():
                return unreachable(there, str(cause) or type(cause).__name__)
            case _ if error.code and error.code.isdecimal():
                return refusal(whole_number(error.code), text, where=there)
            case _ if served_length(text) is not None:
                return too_long(text)
            case _:
                return Unavailable(f"{there} broke off: {text}", hint="See the log of the model server.")


@asynccontextmanager
async def open_transport(endpoint: ModelEndpoint) -> AsyncGenerator[OpenAITransport]:
    """Open connections to an endpoint for as long as the block runs.

    Raises:
        Refused: ``llm_bad_address``.
    """
    if urlsplit(endpoint.base_url).scheme not in {"http", "https"}:
        raise Refused(
            f"{endpoint.base_url!r} is not an address.",
            code="llm_bad_address",
            hint="Set SIGNOFF_MODEL_BASE_URL to something like http://127.0.0.1:8000/v1.",
        )
    if endpoint.model is None:
        raise Broken("An endpoint is opened with a model id.", code="llm_no_model", hint="Report it.")
    # A pool of our own: langchain shares one between event loops, and it outlives the loop that made it.
    async with OpenAIHttpClient(endpoint) as http:
        client = _ReasoningChat(
            model=endpoint.model,
            base_url=endpoint.base_url,
            api_key=endpoint.api_key or SecretStr("none"),
            http_async_client=http,
            # Retries are a wrapper's, within deadline, quota and budget; the client would do its own unseen.
            max_retries=0,
            # The deadline is the question's: a large model thinks for minutes before its first token.
            stream_chunk_timeout=None,
            use_responses_api=False,
        )
        yield OpenAITransport(endpoint=endpoint, client=client)


def request_options(
    form: AnswerSchema | None, dialect: Dialect, settings: ModelSettings, offer: ToolOffer | None
) -> dict[str, Any]:
    """What is sent beside the messages. See docs/model-protocol.md, which is the promise."""
    # The client would check a response_format of its own; ours goes through as it is.
    body: dict[str, Any] = {dialect.limit: settings.max_tokens}
    options: dict[str, Any] = {"stream_usage": dialect.stream_usage, "extra_body": body}
    if dialect.temperature:
        options["temperature"] = settings.temperature
    if offer is not None:
        body["tools"] = wire_tools(offer.tools)
        body["tool_choice"] = offer.choice if dialect.must_call else "auto"
        if dialect.one_call:
            body["parallel_tool_calls"] = False
    if form is not None:
        options["extra_headers"] = {ANSWER_HEADER: form.name}
        if dialect.structured == "tools":
            # The answer as the arguments of the only tool there is, which has to be called.
            function = {"name": form.name, "description": "Takes your whole answer.", "parameters": form.strict_schema}
            body["tools"] = [{"type": "function", "function": {**function, "strict": True}}]
            body["tool_choice"] = {"type": "function", "function": {"name": form.name}}
        elif dialect.structured == "json_object":
            body["response_format"] = {"type": "json_object"}
        elif dialect.structured != "text":
            strict = dialect.structured == "strict"
            schema = form.strict_schema if strict else form.json_schema
            body["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": form.name, "strict": strict, "schema": schema},
            }
    return options
