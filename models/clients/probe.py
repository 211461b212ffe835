"""Capability probe: what an endpoint can do, before a run relies on it."""

import asyncio
import json
import time
from dataclasses import replace
from importlib.util import find_spec
from typing import Annotated, Any
from urllib.parse import urlsplit

import httpx
from pydantic import Field

from domain import value
from domain.errors import extra_command
from models.clients.contract import ModelEndpoint
from models.clients.http import http_client
from models.clients.huggingface import DEFAULT, SCHEME
from models.clients.local_servers import loaded
from models.clients.vendors import vendor_of
from models.contract import DialectName
from models.errors import error_text, refusal, way_there

_OBJECT = {
    "type": "object",
    "properties": {"ok": {"type": "boolean"}},
    "required": ["ok"],
    "additionalProperties": False,
}
_FORM = {"type": "json_schema", "json_schema": {"name": "probe", "strict": True, "schema": _OBJECT}}
_TOOL = {
    "type": "function",
    "function": {"name": "report", "description": "Report the result.", "parameters": _OBJECT, "strict": True},
}
_FAILED = 400
_NO_COUNT = 1_000_000
"""Tokens of an answer that had at most 64: an endpoint that says so does not count."""
_QUOTED = 300


_NO_LIST = frozenset({404, 405, 501})
"""Statuses of endpoints that have no ``GET /models``; the protocol does not ask it of them."""


@value
class Dialogue:
    """How a model did in one dialect."""

    dialect: DialectName
    passed: bool = False
    turns: int = 0
    problem: str = ""
    """Why it did not pass."""
    error: str = ""
    """Code of the error that ended it, where it was one."""
    faults: Annotated[tuple[str, ...], Field(max_length=20)] = ()
    """What was wrong with answers that could not be used."""
    tokens: int = 0
    seconds: float = 0.0
    context: int | None = None
    """Tokens that are served, where a refusal said so."""

    def line(self) -> str:
        """In a few words, for a person."""
        if self.passed and self.dialect == "single":
            return "single: it answers once with the whole change, since it holds no dialogue"
        cost = f"{self.turns} answers, {self.tokens} tokens, {self.seconds:.0f} s"
        if self.passed:
            slips = f", {len(self.faults)} of them after a correction" if self.faults else ""
            return f"{self.dialect}: holds a dialogue ({cost}{slips})"
        return f"{self.dialect}: {self.problem} ({cost})"


@value
class Probe:
    """What a look at an endpoint showed. ``problem`` says why a run cannot work; then ``hint`` says what to do."""

    base_url: str
    model: str | None = None
    reachable: bool = False
    models: tuple[str, ...] = ()
    """What is served there."""
    context: int | None = None
    """Tokens that are really served (vLLM: ``max_model_len``); None: the endpoint does not say."""
    server: str = ""
    """A local server that has ways of its own: ``ollama``, ``lm-studio``, ``llama.cpp``."""
    loaded: bool | None = None
    """Whether it has the model in memory already; None: it does not say."""
    structured: bool = False
    """Answers of a given JSON Schema."""
    objects: bool = False
    """Answers that are JSON objects, whose form is told in words."""
    tools: bool = False
    """Calls of a tool that has to be called."""
    tokens_per_s: float | None = None
    """Of one request with a short answer: a rough figure."""
    dialogues: tuple[Dialogue, ...] = ()
    """How it did in each dialect that was tried; the last one is the one it works in."""
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

    @property
    def dialect(self) -> DialectName | None:
        """In which dialect the coder works with it; None: that was not tried, or the endpoint failed meanwhile."""
        return next((each.dialect for each in self.dialogues if each.passed), None)

    def line(self) -> str:
        """All of it in one line, for a person."""
        if self.problem:
            return f"{self.base_url}: {self.problem}"
        parts = [
            f"{self.model} at {self.base_url}",
            f"context {self.context}" if self.context else "context unknown",
            *((f"{self.server}, {'loaded' if self.loaded else 'not loaded yet'}",) if self.server else ()),
            self.way,
            "tool calls" if self.tools else "no tool calls",
        ]
        return ", ".join([*parts, f"{self.tokens_per_s:.0f} tokens/s"] if self.tokens_per_s else parts)


async def probe(endpoint: ModelEndpoint, *, timeout_s: float = 60.0, quick: bool = False) -> Probe:
    """Look at an endpoint; never raises for what it finds there.

    ``quick`` asks only which models are served, and costs no tokens.
    """
    result = Probe(base_url=endpoint.base_url, model=endpoint.model)
    if endpoint.base_url.startswith(SCHEME):
        return _installed(result, "langchain_huggingface", "local", result.model or DEFAULT)
    if (vendor := vendor_of(endpoint.base_url)) is not None:
        return _installed(result, vendor.package, vendor.provider, result.model or "")
    if urlsplit(endpoint.base_url).scheme not in {"http", "https"}:
        return replace(result, problem="this is not an address", hint="Use something like http://127.0.0.1:8000/v1.")
    try:
        async with asyncio.timeout(timeout_s), http_client(endpoint, timeout_s=timeout_s) as client:
            result = await _served(client, result)
            if result.problem or quick:
                return result
            # Who lists the context has no need of a local server's own addresses.
            if result.context is None and result.models:
                root = result.base_url.rstrip("/").removesuffix("/v1")
                local = await loaded(client, root, result.model or "", load=True)
                result = replace(result, server=local.server, context=local.context, loaded=local.loaded)
            return await with_capabilities(client, result)
    except TimeoutError:
        return replace(
            result, problem=f"no answer within {timeout_s:g} s", hint="Is the model still loading? See its log."
        )
    except httpx.HTTPError as error:
        return replace(
            result, problem=f"cannot be reached: {error or type(error).__name__}", hint=way_there(str(error))
        )


def _installed(result: Probe, package: str, extra: str, name: str) -> Probe:
    """A model in this process is loaded, and a vendor asked, when a run starts and not for a look."""
    if find_spec(package) is None:
        return replace(result, problem=f"it needs the extra `{extra}`", hint=extra_command(extra))
    return replace(result, model=name or None, models=(name,) if name else (), reachable=True)


async def _served(client: httpx.AsyncClient, result: Probe) -> Probe:
    response = await client.get("models")
    entries = _entries(response) if response.status_code < _FAILED else []
    ids = tuple(str(entry["id"]) for entry in entries)
    result = replace(result, reachable=True, models=ids)
    if not ids:
        return await _unlisted(client, response, result)
    if result.model is None and len(ids) > 1:
        return replace(result, problem="it serves several models", hint=f"Set SIGNOFF_MODEL to one of: {_some(ids)}")
    model = result.model or next(iter(ids))
    if model not in ids:
        return replace(result, problem=f"it does not serve {model}", hint=f"Set SIGNOFF_MODEL to one of: {_some(ids)}")
    entry = entries[ids.index(model)]
    length = next((entry[key] for key in ("max_model_len", "context_length", "context_window") if entry.get(key)), None)
    return replace(result, model=model, context=length if isinstance(length, int) else None)


async def _unlisted(client: httpx.AsyncClient, response: httpx.Response, result: Probe) -> Probe:
    """It does not say what it serves: a model that is named may be there all the same, or ``/v1`` is missing."""
    status = response.status_code
    # A refused key, say: that would be the answer to every question, too.
    if status >= _FAILED and status not in _NO_LIST:
        error = refusal(status, response.reason_phrase or "no", where="it")
        return replace(result, problem=error.message, hint=error.hint)
    with_version = f"{result.base_url.rstrip('/')}/v1"
    if not result.base_url.rstrip("/").endswith("/v1") and _entries(await client.get(f"{with_version}/models")):
        return replace(
            result, problem="its address ends with /v1", hint=f"Set SIGNOFF_MODEL_BASE_URL to {with_version}"
        )
    if result.model is not None:
        return result
    return replace(
        result,
        problem="it serves no models, or does not say which",
        hint="Set SIGNOFF_MODEL to the model's name there. The address usually ends with /v1.",
    )


def _entries(response: httpx.Response) -> list[dict[str, Any]]:
    data = _at(response, "data")
    return [entry for entry in data if isinstance(entry, dict) and "id" in entry] if isinstance(data, list) else []


async def with_capabilities(client: httpx.AsyncClient, result: Probe) -> Probe:
    """What it can do, by trying: text, an object of a given form, a tool call; any object where no form is kept."""

    async def ask(text: str, **options: Any) -> httpx.Response:
        messages = [{"role": "user", "content": text}]
        body = {"model": result.model or "", "messages": messages, "temperature": 0, **options}
        return await client.post("chat/completions", json=body)

    started = time.monotonic()
    plain = await ask("Count from one to twenty in words.", max_tokens=64)
    seconds = time.monotonic() - started
    if plain.status_code >= _FAILED:
        error = refusal(plain.status_code, error_text(plain.content)[:_QUOTED], where="it")
        return replace(result, problem=error.message, hint=error.hint)
    shaped = await ask("Answer with ok true.", max_tokens=32, response_format=_FORM)
    choice = {"type": "function", "function": {"name": "report"}}
    called = await ask("Report ok true.", max_tokens=64, tools=[_TOOL], tool_choice=choice)
    structured, objects = _is_form(_at(shaped, *_MESSAGE, "content")), False
    if not structured:
        words = 'Answer with the JSON object {"ok": true} and nothing else.'
        answer = await ask(words, max_tokens=32, response_format={"type": "json_object"})
        objects = answer.status_code < _FAILED and bool(_at(answer, *_MESSAGE))
    tokens = _at(plain, "usage", "completion_tokens")
    counted = isinstance(tokens, int | float) and 0 < tokens < _NO_COUNT and seconds > 0
    return replace(
        result,
        structured=structured,
        objects=objects,
        tools=_is_form(_at(called, *_MESSAGE, "tool_calls", 0, "function", "arguments")),
        tokens_per_s=round(tokens / seconds, 1) if counted else None,
    )


_MESSAGE = ("choices", 0, "message")
"""Where the first answer stands in a response."""


def _at(response: httpx.Response, *place: str | int) -> Any:
    """What stands at a place of a response's JSON; None: nothing does."""
    try:
        part: Any = response.json()
        for step in place:
            part = part[step]
    # Whatever stands in the way of it: endpoints send pages of HTML, null, and JSON that is nested without an end.
    except (ValueError, KeyError, TypeError, IndexError, RecursionError):
        return None
    return part


def _is_form(text: object) -> bool:
    try:
        return isinstance(json.loads(str(text or ""))["ok"], bool)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return False


def _some(ids: tuple[str, ...]) -> str:
    return ", ".join(ids[:10])
