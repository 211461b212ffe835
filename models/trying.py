"""What an endpoint can do, found out with small questions. None of them is streamed."""

import json
import time
from typing import Any

import httpx

from domain import SignoffError, value
from models.refusals import refusal, said

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
_QUOTED = 300


@value
class Tried:
    """What came of it. See ``Probe``."""

    structured: bool
    objects: bool
    tools: bool
    tokens_per_s: float | None


async def tried(client: httpx.AsyncClient, model: str) -> Tried | SignoffError:
    """Ask for some text, an object of a given form, a tool call; and for any object, where no form can be given."""
    started = time.monotonic()
    plain = await _ask(client, model, "Count from one to twenty in words.", max_tokens=64)
    seconds = time.monotonic() - started
    if plain.status_code >= _FAILED:
        return refusal(plain.status_code, said(plain.content)[:_QUOTED], where="it")
    shaped = await _ask(client, model, "Answer with ok true.", max_tokens=32, response_format=_FORM)
    called = await _ask(client, model, "Report ok true.", max_tokens=64, tools=[_TOOL],
                        tool_choice={"type": "function", "function": {"name": "report"}})  # fmt: skip
    structured, tokens = _is_form(_message(shaped).get("content")), _tokens(plain)
    objects = not structured and await _objects(client, model)
    return Tried(
        structured=structured, objects=objects, tools=_is_form(_called(called)),
        tokens_per_s=round(tokens / seconds, 1) if tokens and seconds > 0 else None,
    )  # fmt: skip


async def _objects(client: httpx.AsyncClient, model: str) -> bool:
    words = 'Answer with the JSON object {"ok": true} and nothing else.'
    answer = await _ask(client, model, words, max_tokens=32, response_format={"type": "json_object"})
    return answer.status_code < _FAILED and bool(_message(answer))


async def _ask(client: httpx.AsyncClient, model: str, text: str, **options: Any) -> httpx.Response:
    body = {"model": model, "messages": [{"role": "user", "content": text}], "temperature": 0, **options}
    return await client.post("chat/completions", json=body)


def _message(response: httpx.Response) -> dict[str, Any]:
    try:
        return response.json()["choices"][0]["message"]
    except (ValueError, KeyError, TypeError, IndexError, RecursionError):
        return {}


def _called(response: httpx.Response) -> object:
    try:
        return _message(response)["tool_calls"][0]["function"]["arguments"]
    except (KeyError, TypeError, IndexError):
        return None


def _is_form(text: object) -> bool:
    try:
        return isinstance(json.loads(str(text or ""))["ok"], bool)
    except (ValueError, KeyError, TypeError, RecursionError):
        return False


def _tokens(response: httpx.Response) -> int:
    try:
        return int(response.json()["usage"]["completion_tokens"])
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return 0
