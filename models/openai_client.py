"""The HTTP client under ``openai_wire``: names failures, and understands endpoints that do not stream."""

import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import httpx2
import openai

from domain import SignoffError, Unreadable, whole_number
from models.bounded import PLAIN, Problem, limited
from models.refusals import LARGEST, endless, refusal, retry_after, said, served_length, too_long
from models.wire import Endpoint

_FAILED = 400
_UNKNOWN = 500
_READ = 64 << 10
"""Bytes of a refusal that are read."""
_QUOTED = 600
"""Characters of an endpoint's message that we repeat."""


class Client(openai.DefaultAsyncHttpxClient):
    """Says what a failure means, and makes a stream of a whole answer where an endpoint does not stream.

    Failures are named here, before langchain warns about them on standard error.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(timeout=None, follow_redirects=True, headers=PLAIN)
        self._endpoint = endpoint

    async def send(self, request: Any, **options: Any) -> Any:
        response = await super().send(request, **options)
        response.stream = _Bounded(response.stream, lambda: endless(where(self._endpoint)))
        if response.status_code >= _FAILED:
            body = await _begun(response)
            wait = retry_after(response.headers.get("retry-after"), now=datetime.now(UTC))
            words = quoted(said(body), self._endpoint)
            raise refusal(response.status_code, words, where=where(self._endpoint), retry_after_s=wait)
        if response.headers.get("content-encoding", "identity") != "identity":
            raise no_protocol(self._endpoint)
        if "application/json" not in response.headers.get("content-type", "") or not _asked_to_stream(request):
            return response
        content = _as_stream(await _read(response, self._endpoint), self._endpoint)
        headers = {"content-type": "text/event-stream"}
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


async def _read(response: Any, endpoint: Endpoint) -> bytes:
    """An answer of a size that a model can write; one that never ends takes no memory of ours."""
    parts, size = list[bytes](), 0
    async for part in response.aiter_bytes():
        size += len(part)
        if size > LARGEST:
            raise endless(where(endpoint))
        parts.append(part)
    return b"".join(parts)


async def _begun(response: Any) -> bytes:
    """The beginning of what an endpoint says with a refusal."""
    said_so_far = b""
    async with aclosing(response.aiter_bytes()) as parts:
        async for part in parts:
            said_so_far += part
            if len(said_so_far) > _READ:
                break
    await response.aclose()
    return said_so_far[:_READ]


def _asked_to_stream(request: Any) -> bool:
    try:
        return bool(json.loads(request.content).get("stream"))
    except (ValueError, AttributeError, RuntimeError):
        return False


def _as_stream(body: bytes, endpoint: Endpoint) -> bytes:
    try:
        whole = json.loads(body)
        if isinstance(whole, dict) and "choices" not in whole and (error := whole.get("error")):
            raise _said_no(error, body, endpoint)
        for choice in whole["choices"]:
            choice["delta"] = choice.pop("message")
            choice["finish_reason"] = choice.get("finish_reason") or "stop"  # it is whole: nothing broke off
            for number, call in enumerate(choice["delta"].get("tool_calls") or ()):
                call.setdefault("index", number)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise no_protocol(endpoint) from None
    return b"data: " + json.dumps(whole).encode() + b"\n\ndata: [DONE]\n\n"


def _said_no(error: Any, body: bytes, endpoint: Endpoint) -> SignoffError:
    """What proxies mean that send an error with status 200; without a status of its own it may pass."""
    code = str(error.get("code") or "") if isinstance(error, dict) else ""
    words = quoted(said(body), endpoint)
    if not code.isdecimal() and served_length(words) is not None:
        return too_long(words)
    return refusal(whole_number(code) if code.isdecimal() else _UNKNOWN, words, where=where(endpoint))


def where(endpoint: Endpoint) -> str:
    return f"The model endpoint {urlsplit(endpoint.base_url).netloc or endpoint.base_url}"


def no_protocol(endpoint: Endpoint) -> Unreadable:
    return Unreadable(
        f"{where(endpoint)} does not answer in the OpenAI protocol.",
        hint="Check that SIGNOFF_MODEL_BASE_URL is an OpenAI-compatible address; it usually ends with /v1.",
    )


def quoted(words: str, endpoint: Endpoint) -> str:
    """As much as we repeat of what an endpoint says: without the key, which some of them quote."""
    key = endpoint.api_key.get_secret_value() if endpoint.api_key is not None else ""
    return (words.replace(key, "***") if key else words)[:_QUOTED]
