"""A probe says what an endpoint can do, or why a run cannot work with it and what to do."""

import pytest
from pydantic import SecretStr

from models.clients import ModelEndpoint, probe
from tests.wire.openai_server import OpenAIServer

OK = [{"answer": "one two three", "repeat": True, "when": "text"}, {"answer": {"ok": True}, "when": "probe"}]


async def test_what_an_endpoint_can_do():
    async with OpenAIServer(OK, max_model_len=4_096) as server:
        seen = await probe(ModelEndpoint(base_url=server.base_url))
    assert seen.ok
    assert (seen.model, seen.context, seen.structured, seen.tools) == ("fake-model", 4_096, True, False)
    assert seen.tokens_per_s is not None
    assert "context 4096" in seen.line()


async def test_an_endpoint_without_structured_output_can_be_used():
    async with OpenAIServer(OK, supports=()) as server:
        seen = await probe(ModelEndpoint(base_url=server.base_url))
    assert seen.ok
    assert not seen.structured
    assert "plain JSON is asked for" in seen.line()


@pytest.mark.parametrize(
    ("supports", "said"),
    [
        (("json_object",), "JSON objects are asked for"),
        (("json_object", "tools"), "JSON objects are asked for"),
        (("tools",), "a tool call is asked for"),
    ],
)
async def test_how_answers_will_be_asked_for_is_said(supports, said):
    script = [{"answer": {"ok": True}, "repeat": True}]
    async with OpenAIServer(script, supports=supports) as server:
        seen = await probe(ModelEndpoint(base_url=server.base_url))
    assert (seen.structured, seen.tools) == (False, "tools" in supports)
    assert said in seen.line()


async def test_a_quick_look_costs_nothing():
    async with OpenAIServer() as server:
        assert (await probe(ModelEndpoint(base_url=server.base_url), quick=True)).models == ("fake-model",)
    assert server.asked == []


@pytest.mark.parametrize(
    ("options", "model", "problem"),
    [
        ({"models": ["a", "b"]}, None, "several models"),
        ({"models": ["a", "b"]}, "c", "does not serve c"),
        ({"models": []}, None, "no models"),
        ({"lists": False}, None, "no models"),
        ({"api_key": "secret"}, None, "key"),
    ],
)
async def test_what_cannot_work_is_said(options, model, problem):
    async with OpenAIServer(**options) as server:
        seen = await probe(ModelEndpoint(base_url=server.base_url, model=model, api_key=SecretStr("wrong-key")))
    assert seen.reachable
    assert not seen.ok
    assert problem in seen.problem
    assert seen.hint
    assert "wrong-key" not in repr(seen)


async def test_a_model_that_is_named_need_not_be_listed():
    async with OpenAIServer(OK, lists=False) as server:
        seen = await probe(ModelEndpoint(base_url=server.base_url, model="fake-model"))
        lost = await probe(ModelEndpoint(base_url=server.base_url, model="gone"))
    assert seen.ok
    assert seen.structured
    assert "does not know this model" in lost.problem


async def test_an_address_without_its_version_is_completed_by_the_hint():
    async with OpenAIServer(OK) as server:
        root = server.base_url.removesuffix("/v1")
        for address in (root, f"{root}/"):
            seen = await probe(ModelEndpoint(base_url=address, model="fake-model"))
            assert not seen.ok
            assert seen.hint.endswith(server.base_url)


async def test_a_refusal_is_repeated_in_words():
    async with OpenAIServer([{"status": 400, "message": "not today"}]) as server:
        seen = await probe(ModelEndpoint(base_url=server.base_url))
    assert seen.problem.endswith(": not today")


async def test_nobody_there():
    async with OpenAIServer() as server:
        pass
    seen = await probe(ModelEndpoint(base_url=server.base_url))
    assert not seen.reachable
    assert "cannot be reached" in seen.line()


async def test_no_address():
    assert not (await probe(ModelEndpoint(base_url="localhost"))).ok


async def test_a_model_in_this_process_needs_its_extra():
    seen = await probe(ModelEndpoint(base_url="local:"))
    assert seen.ok or "local" in seen.hint
    assert seen.ok == bool(seen.model)


async def test_silence():
    async with OpenAIServer([{"hang_after": 0}]) as server:
        seen = await probe(ModelEndpoint(base_url=server.base_url), timeout_s=0.3)
    assert "no answer within" in seen.problem
