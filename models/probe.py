"""Ask an endpoint what it can do, before a run relies on it."""

import asyncio
from dataclasses import replace
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

import httpx

from domain import SignoffError, value
from models.bounded import PLAIN, bounding
from models.huggingface import DEFAULT, SCHEME
from models.refusals import refusal, way_there
from models.trying import tried
from models.vendors import vendor_of
from models.wire import Endpoint

_FAILED = 400
_NO_LIST = frozenset({404, 405, 501})
"""Statuses of endpoints that have no ``GET /models``; the protocol does not ask it of them."""


@value
class Probe:
    """What was found out. ``problem`` says why a run cannot work; then ``hint`` says what to do."""

    base_url: str
    model: str | None = None
    reachable: bool = False
    models: tuple[str, ...] = ()
    """What is served there."""
    context: int | None = None
    """Tokens that are really served (vLLM: ``max_model_len``); None: the endpoint does not say."""
    structured: bool = False
    """Answers of a given JSON Schema."""
    objects: bool = False
    """Answers that are JSON objects, whose form is told in words."""
    tools: bool = False
    """Calls of a tool that has to be called."""
    tokens_per_s: float | None = None
    """Of one request with a short answer: a rough figure."""
    problem: str = ""
    hint: str = ""

    @property
    def ok(self) -> bool:
        """True when a run can work with it."""
        return not self.problem

    @property
    def way(self) -> str:
        """How answers of a given form will be asked for."""
        if self.structured:
            return "structured output"
        how = "JSON objects are" if self.objects else "a tool call is" if self.tools else "plain JSON is"
        return f"no structured output ({how} asked for)"

    def line(self) -> str:
        """All of it in one line, for a person."""
        if self.problem:
            return f"{self.base_url}: {self.problem}"
        parts = [
            f"{self.model} at {self.base_url}",
            f"context {self.context}" if self.context else "context unknown",
            self.way,
            "tool calls" if self.tools else "no tool calls",
        ]
        return ", ".join([*parts, f"{self.tokens_per_s:.0f} tokens/s"] if self.tokens_per_s else parts)


async def probe(endpoint: Endpoint, *, timeout_s: float = 60.0, quick: bool = False) -> Probe:
    """Look at an endpoint; never raises for what it finds there.

    ``quick`` asks only which models are served, and costs no tokens.
    """
    found = Probe(base_url=endpoint.base_url, model=endpoint.model)
    if endpoint.base_url.startswith(SCHEME):
        return _installed(found, "langchain_huggingface", "local", found.model or DEFAULT)
    if (vendor := vendor_of(endpoint.base_url)) is not None:
        return _installed(found, vendor.package, vendor.provider, found.model or "")
    if urlsplit(endpoint.base_url).scheme not in {"http", "https"}:
        return replace(found, problem="this is not an address", hint="Use something like http://127.0.0.1:8000/v1.")
    try:
        async with asyncio.timeout(timeout_s), _client(endpoint, timeout_s) as client:
            found = await _served(client, found)
            return found if found.problem or quick else await _shown(client, found)
    except TimeoutError:
        return replace(
            found, problem=f"no answer within {timeout_s:g} s", hint="Is the model still loading? See its log."
        )
    except httpx.HTTPError as error:
        return replace(found, problem=f"cannot be reached: {error or type(error).__name__}", hint=way_there(str(error)))


def _installed(found: Probe, package: str, extra: str, name: str) -> Probe:
    """A model in this process is loaded, and a vendor asked, when a run starts and not for a look."""
    if find_spec(package) is None:
        return replace(found, problem=f"it needs the extra `{extra}`", hint=f".venv/bin/pip install -e '.[{extra}]'")
    return replace(found, model=name or None, models=(name,) if name else (), reachable=True)


def _client(endpoint: Endpoint, timeout_s: float) -> httpx.AsyncClient:
    key = endpoint.api_key.get_secret_value() if endpoint.api_key else "none"
    headers, base = {**PLAIN, "authorization": f"Bearer {key}"}, endpoint.base_url.rstrip("/") + "/"
    return httpx.AsyncClient(base_url=base, headers=headers, timeout=timeout_s, event_hooks=bounding())


async def _served(client: httpx.AsyncClient, found: Probe) -> Probe:
    response = await client.get("models")
    entries = _entries(response) if response.status_code < _FAILED else []
    ids = tuple(str(entry["id"]) for entry in entries)
    found = replace(found, reachable=True, models=ids)
    if not ids:
        return await _unlisted(client, response, found)
    if found.model is None and len(ids) > 1:
        return replace(found, problem="it serves several models", hint=f"Set SIGNOFF_MODEL to one of: {_some(ids)}")
    model = found.model or next(iter(ids))
    if model not in ids:
        return replace(found, problem=f"it does not serve {model}", hint=f"Set SIGNOFF_MODEL to one of: {_some(ids)}")
    entry = entries[ids.index(model)]
    length = next((entry[key] for key in ("max_model_len", "context_length", "context_window") if entry.get(key)), None)
    return replace(found, model=model, context=length if isinstance(length, int) else None)


async def _unlisted(client: httpx.AsyncClient, response: httpx.Response, found: Probe) -> Probe:
    """It does not say what it serves: a model that is named may be there all the same, or ``/v1`` is missing."""
    status = response.status_code
    if status >= _FAILED and status not in _NO_LIST:
        error = refusal(status, response.reason_phrase or "no", where="it")
        return replace(found, problem=error.message, hint=error.hint)
    whole = f"{found.base_url.rstrip('/')}/v1"
    if not found.base_url.rstrip("/").endswith("/v1") and _entries(await client.get(f"{whole}/models")):
        return replace(found, problem="its address ends with /v1", hint=f"Set SIGNOFF_MODEL_BASE_URL to {whole}")
    if found.model is not None:
        return found
    return replace(found, problem="it serves no models, or does not say which",
                   hint="Set SIGNOFF_MODEL to the model's name there. The address usually ends with /v1.")  # fmt: skip


def _entries(response: httpx.Response) -> list[dict[str, Any]]:
    try:
        data = response.json()["data"]
        return [entry for entry in data if isinstance(entry, dict) and "id" in entry]
    except (ValueError, KeyError, TypeError, RecursionError):
        return []


async def _shown(client: httpx.AsyncClient, found: Probe) -> Probe:
    """What it can do, by trying."""
    shown = await tried(client, found.model or "")
    if isinstance(shown, SignoffError):
        return replace(found, problem=shown.message, hint=shown.hint)
    return replace(
        found, structured=shown.structured, objects=shown.objects, tools=shown.tools, tokens_per_s=shown.tokens_per_s
    )


def _some(ids: tuple[str, ...]) -> str:
    return ", ".join(ids[:10])
