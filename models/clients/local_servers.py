"""Local servers beside vLLM: what Ollama, LM Studio and llama.cpp say about a model, and how each loads it beforehand.

All of them speak the OpenAI protocol. What that has no word for is asked of their own: the context that is served
(Ollama cuts longer prompts off without a word), whether the model is loaded, and that it be. A server that knows none
of these addresses is asked nothing more.
"""

from collections.abc import Callable, Mapping
from typing import Any

import httpx

from domain import value

KEEP_ALIVE = "30m"
"""How long Ollama keeps a model that is not asked; its own default is five minutes, less than a person may take."""


@value
class ServedModel:
    """What a local server says about one model."""

    server: str = ""
    """``ollama``, ``lm-studio``, ``llama.cpp``; empty: none of them."""
    context: int | None = None
    loaded: bool | None = None
    """None: it does not say."""


async def loaded(client: httpx.AsyncClient, root: str, model: str, *, load: bool) -> ServedModel:
    """Look at a model, and with ``load`` have it loaded. Never raises for what it finds there.

    Args:
        client: with the endpoint's key.
        root: its address without ``/v1``.
        model: as the server calls it.
        load: whether it may be loaded now, which can take minutes.
    """
    # llama.cpp comes last: its addresses are the least its own.
    for look in (ollama, lm_studio, llama_cpp):
        if (seen := await look(client, root, model, load)) is not None:
            return seen
    return ServedModel()


async def ollama(client: httpx.AsyncClient, root: str, model: str, load: bool) -> ServedModel | None:
    """``/api/ps`` lists what is loaded, with the context that it has; a request without a prompt loads."""
    if not isinstance((await _json(client, "GET", f"{root}/api/version")).get("version"), str):
        return None
    if load:
        await _json(client, "POST", f"{root}/api/generate", {"model": model, "keep_alive": KEEP_ALIVE})
    running = (await _json(client, "GET", f"{root}/api/ps")).get("models")
    # Ollama serves a name without a tag as the one with this tag, and lists it so.
    names = {model, f"{model}:latest"}
    mine = _first(running, lambda entry: bool({entry.get("name"), entry.get("model")} & names))
    return ServedModel(server="ollama", context=_tokens(mine, "context_length"), loaded=bool(mine))


async def lm_studio(client: httpx.AsyncClient, root: str, model: str, load: bool) -> ServedModel | None:
    """``/api/v0/models`` has the state of each; ``/api/v1/models/load`` loads, else the first question does."""
    listed = await _json(client, "GET", f"{root}/api/v0/models")
    mine = _first(listed.get("data"), lambda entry: entry.get("id") == model)
    # Other servers have a list at this address, too; the state is LM Studio's own.
    if "state" not in mine:
        return None
    if load and mine["state"] != "loaded":
        await _json(client, "POST", f"{root}/api/v1/models/load", {"model": model})
        listed = await _json(client, "GET", f"{root}/api/v0/models")
        mine = _first(listed.get("data"), lambda entry: entry.get("id") == model)
    context = _tokens(mine, "loaded_context_length")
    return ServedModel(server="lm-studio", context=context, loaded=mine.get("state") == "loaded")


async def llama_cpp(client: httpx.AsyncClient, root: str, model: str, load: bool) -> ServedModel | None:
    """``/props`` has the context of one slot; a router lists the state of its models and loads them on request."""
    routed = await _json(client, "GET", f"{root}/models")
    mine = _first(routed.get("data"), lambda entry: entry.get("id") == model)
    status = mine.get("status")
    state = status.get("value") if isinstance(status, dict) else None
    if load and state == "unloaded":
        answer = await _json(client, "POST", f"{root}/models/load", {"model": model})
        # It answers before it has loaded: the first question waits for that.
        state = "loading" if answer.get("success") else state
    props = await _json(client, "GET", f"{root}/props", params={"model": model} if state else {})
    settings = props.get("default_generation_settings")
    if state is None and not isinstance(settings, dict):
        return None
    context = _tokens(settings if isinstance(settings, dict) else {}, "n_ctx")
    return ServedModel(server="llama.cpp", context=context, loaded=state in {None, "loaded"})


async def _json(
    client: httpx.AsyncClient, method: str, url: str, body: Any = None, *, params: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The object that a server answers with; empty where it has none to give."""
    try:
        response = await client.request(method, url, json=body, params=params)
        answer = response.json() if response.is_success else None
    except (httpx.HTTPError, ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _first(entries: Any, fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    listed = entries if isinstance(entries, list) else []
    return next((entry for entry in listed if isinstance(entry, dict) and fits(entry)), {})


def _tokens(entry: Mapping[str, Any], key: str) -> int | None:
    tokens = entry.get(key)
    return tokens if isinstance(tokens, int) and tokens > 0 else None
