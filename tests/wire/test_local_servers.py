"""Ollama, LM Studio and llama.cpp as they answer by their documentation: found out, loaded beforehand, understood."""

import json

import httpx
import pytest

from models import Message, Question, Tool, ToolCall
from models.clients import ModelEndpoint, probe
from models.clients.chat import open_chat
from models.clients.contract import LINE
from models.clients.http import http_client
from models.clients.local_servers import llama_cpp, lm_studio, ollama
from models.contract import Price
from models.routing import ClientOptions
from models.routing.endpoints import open_endpoint
from tests.wire.asking import ASK, QUICK, at
from tests.wire.openai_server import OpenAIServer

OK = [{"answer": "one two three", "repeat": True, "when": "text"}, {"answer": {"ok": True}, "when": "probe"}]
OPEN = Tool(name="open", parameters={"type": "object", "properties": {"path": {"type": "string"}}})

OLLAMA = {
    "GET /v1/models": {
        "object": "list",
        "data": [{"id": "qwen2.5-coder:7b", "object": "model", "created": 1_730_000_000, "owned_by": "library"}],
    },
    "GET /api/version": {"version": "0.12.6"},
    "POST /api/generate": {
        "model": "qwen2.5-coder:7b",
        "created_at": "2026-11-30T06:00:00Z",
        "response": "",
        "done": True,
        "done_reason": "load",
    },
    "GET /api/ps": {
        "models": [
            {
                "name": "qwen2.5-coder:7b",
                "model": "qwen2.5-coder:7b",
                "size": 5_333_539_264,
                "digest": "dae161e27b0e",
                "details": {"format": "gguf", "family": "qwen2"},
                "expires_at": "2026-11-30T06:30:00Z",
                "size_vram": 5_333_539_264,
                "context_length": 4_096,
            }
        ]
    },
}
LM_MODEL = {
    "id": "qwen2.5-coder-7b-instruct",
    "object": "model",
    "type": "llm",
    "publisher": "lmstudio-community",
    "arch": "qwen2",
    "compatibility_type": "gguf",
    "quantization": "Q4_K_M",
    "max_context_length": 32_768,
}
LM_STUDIO = {
    "GET /v1/models": {
        "object": "list",
        "data": [{"id": LM_MODEL["id"], "object": "model", "owned_by": "organization_owner"}],
    },
    "GET /api/v0/models": [
        {"object": "list", "data": [{**LM_MODEL, "state": "not-loaded"}]},
        {"object": "list", "data": [{**LM_MODEL, "state": "loaded", "loaded_context_length": 8_192}]},
    ],
    "POST /api/v1/models/load": {"type": "llm", "instance_id": LM_MODEL["id"], "status": "loaded"},
}
LLAMA_MODEL = {
    "id": "qwen.gguf",
    "object": "model",
    "created": 1_730_000_000,
    "owned_by": "llamacpp",
    "meta": {"vocab_type": 2, "n_vocab": 151_936, "n_ctx_train": 32_768, "n_embd": 1_536},
}
LLAMA_CPP = {
    "GET /v1/models": {"object": "list", "data": [LLAMA_MODEL]},
    "GET /models": {"object": "list", "data": [LLAMA_MODEL]},
    "GET /props": {"default_generation_settings": {"n_ctx": 12_288, "params": {}}, "total_slots": 1, "model_path": "x"},
}
ROUTER_MODEL = {
    "id": "qwen.gguf",
    "object": "model",
    "owned_by": "llamacpp",
    "created": 1,
    "in_cache": True,
    "path": "x",
    "status": {"value": "unloaded", "args": ["llama-server"]},
}
ROUTER = {
    "GET /v1/models": {"object": "list", "data": [ROUTER_MODEL]},
    "GET /models": {"object": "list", "data": [ROUTER_MODEL]},
    "POST /models/load": {"success": True},
}


@pytest.mark.parametrize(
    ("routes", "model", "server", "context", "loaded", "load"),
    [
        (OLLAMA, "qwen2.5-coder:7b", "ollama", 4_096, True, "/api/generate"),
        (LM_STUDIO, LM_MODEL["id"], "lm-studio", 8_192, True, "/api/v1/models/load"),
        (LLAMA_CPP, "qwen.gguf", "llama.cpp", 12_288, True, None),
        (ROUTER, "qwen.gguf", "llama.cpp", None, False, "/models/load"),
    ],
)
async def test_a_local_server_is_known_by_its_ways_and_loads_the_model(routes, model, server, context, loaded, load):
    fresh = json.loads(json.dumps(routes))
    async with OpenAIServer(OK, models=[model], routes=fresh) as endpoint:
        seen = await probe(ModelEndpoint(base_url=endpoint.base_url))
    assert seen.ok
    assert (seen.server, seen.model, seen.context, seen.loaded) == (server, model, context, loaded)
    assert server in seen.line()
    posts = [request for request in endpoint.requests if request.method == "POST" and request.path == load]
    assert [request.body["model"] for request in posts] == ([model] if load else [])


async def test_a_quick_look_loads_nothing_and_vllm_is_asked_no_more():
    async with OpenAIServer(OK, models=["qwen2.5-coder:7b"], routes=OLLAMA) as endpoint:
        await probe(ModelEndpoint(base_url=endpoint.base_url), quick=True)
    assert [request.path for request in endpoint.requests] == ["/v1/models"]
    async with OpenAIServer(OK) as endpoint:
        seen = await probe(ModelEndpoint(base_url=endpoint.base_url))
    assert seen.server == ""
    assert not [request for request in endpoint.requests if not request.path.startswith("/v1/")]


def sse(*deltas, finish):
    common = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    parts = [*((delta, None) for delta in deltas), ({"role": "assistant", "content": ""}, finish)]
    events = [{**common, "choices": [{"index": 0, "delta": d, "finish_reason": end}]} for d, end in parts]
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
    return {"raw": body, "content_type": "text/event-stream"}


def calls(arguments, **more):
    return {
        "tool_calls": [{"index": 0, "type": "function", "function": {"name": "open", "arguments": arguments}, **more}]
    }


def more(arguments, **function):
    return {"tool_calls": [{"index": 0, "function": {**function, "arguments": arguments}}]}


WHOLE = '{"path":"a.py"}'


@pytest.mark.parametrize(
    "step",
    [
        sse({"role": "assistant", "content": "", **calls(WHOLE, id="call_oxvz")}, finish="tool_calls"),
        sse({"content": "", "reasoning": "I look."}, {"content": "", **calls(WHOLE, id="call_1")}, finish="stop"),
        sse(calls("", id="365174485"), more('{"path":', name=None), more('"a.py"}', name=None), finish="tool_calls"),
        sse({"role": "assistant", "content": None}, calls("{", id="Ab1"), more('"path":"a.py"}'), finish="tool_calls"),
    ],
    ids=["ollama", "ollama, thinking", "lm studio", "llama.cpp"],
)
async def test_calls_as_local_servers_stream_them(step):
    async with OpenAIServer([step], supports=("tools",)) as server, open_chat(at(server)) as chat:
        reply = await chat.ask(Question(ASK, str, settings=QUICK, tools=(OPEN,)))
    (call,) = reply.tool_calls
    assert call == ToolCall(id=call.id, name="open", arguments={"path": "a.py"})
    assert reply.value == ""


async def test_a_prompt_is_kept_within_what_ollama_serves_which_cuts_without_a_word():
    options = ClientOptions(price=lambda _: Price())
    long = (Message(role="system", content="You code."), Message(role="user", content="word " * 9_000))
    async with OpenAIServer([{"answer": "so"}] * 2, models=["qwen2.5-coder:7b"], routes=OLLAMA) as server:
        endpoint = ModelEndpoint(base_url=server.base_url, model="qwen2.5-coder:7b")
        async with open_endpoint(endpoint, options, price=Price()) as (model, _):
            for _ in range(2):
                await model.ask(Question(long, str, settings=QUICK))
    sent = server.asked[-1].body["messages"][-1]["content"]
    assert len(sent) < 4 * 4_096
    assert "characters left out" in sent
    assert len([request for request in server.requests if request.path == "/api/ps"]) == 1, "it is asked once"


@pytest.mark.parametrize("own", [OLLAMA, LM_STUDIO, LLAMA_CPP], ids=["ollama", "lm-studio", "llama.cpp"])
async def test_each_server_is_known_by_its_own_addresses_alone(own):
    looks = {"ollama": ollama, "lm-studio": lm_studio, "llama.cpp": llama_cpp}
    models = {"ollama": "qwen2.5-coder:7b", "lm-studio": LM_MODEL["id"], "llama.cpp": "qwen.gguf"}
    async with OpenAIServer(OK, models=["m"], routes=json.loads(json.dumps(own))) as endpoint:
        where = ModelEndpoint(base_url=endpoint.base_url)
        async with http_client(where, timeout_s=10) as client:
            root = endpoint.base_url.removesuffix("/v1")
            seen = {name: await look(client, root, models[name], load=False) for name, look in looks.items()}
    assert [each.server for each in seen.values() if each is not None] == [
        name for name, each in seen.items() if each is not None
    ]
    assert sum(each is not None for each in seen.values()) == 1


async def test_a_response_without_an_end_is_an_error_of_the_client():
    async with (
        OpenAIServer(OK, routes={"GET /v1/models": "x" * (LINE + 1)}) as endpoint,
        http_client(ModelEndpoint(base_url=endpoint.base_url), timeout_s=10) as client,
    ):
        with pytest.raises(httpx.DecodingError):
            await client.get("models")
