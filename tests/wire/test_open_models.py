"""The models of a process, over the wire: retried, rested, falling back, found out about."""

import pytest

from domain import Plan, RateLimited, Refused, Step, Unavailable
from models import Message, ModelSettings, Question
from models.clients import ModelEndpoint
from models.routing import load_catalogue
from tests.wire.openai_server import OpenAIServer
from tests.worlds.role_models import open_models

PLAN = Plan(goal="Fix it", steps=(Step(id="1", title="Look"),))
ASK = (Message(role="user", content="Please."),)
QUICK = ModelSettings(timeout_s=10)


async def test_every_role_shares_one_model_at_one_endpoint():
    async with open_models(
        ModelEndpoint(base_url="http://127.0.0.1:1/v1", model="m"), catalogue=load_catalogue()
    ) as models:
        assert set(models) == {"planner", "coder", "reviewer", "chat"}
        assert len({id(model) for model in models.values()}) == 1


async def test_without_an_endpoint_there_is_no_model():
    async with open_models(None, catalogue=load_catalogue()) as models:
        assert models == {}


async def test_it_tries_again_when_told_to_slow_down():
    script = [{"status": 429, "headers": {"retry-after": "0.01"}}] * 2 + [{"answer": PLAN}]
    async with OpenAIServer(script) as server:
        endpoint = ModelEndpoint(base_url=server.base_url, model="fake-model")
        async with open_models(endpoint, catalogue=load_catalogue()) as models:
            assert (await models["planner"].ask(Question(ASK, Plan, settings=QUICK))).value == PLAN
    assert len(server.asked) == 3


async def test_a_storm_of_refusals_ends():
    async with OpenAIServer([{"status": 429, "repeat": True, "headers": {"retry-after": "0"}}]) as server:
        endpoint = ModelEndpoint(base_url=server.base_url, model="fake-model")
        async with open_models(endpoint, catalogue=load_catalogue()) as models:
            with pytest.raises(RateLimited):
                await models["planner"].ask(Question(ASK, Plan, settings=QUICK))
    assert len(server.asked) == 4


async def test_a_server_that_wants_to_be_left_alone_for_long_is():
    """Nobody waits an hour: the error says when to come back."""
    async with OpenAIServer([{"status": 429, "headers": {"retry-after": "3600"}}]) as server:
        endpoint = ModelEndpoint(base_url=server.base_url, model="fake-model")
        async with open_models(endpoint, catalogue=load_catalogue()) as models:
            with pytest.raises(RateLimited) as caught:
                await models["planner"].ask(Question(ASK, Plan, settings=QUICK))
    assert caught.value.retry_after == 3_600
    assert len(server.asked) == 1


async def test_a_role_of_its_own_falls_back_to_the_default():
    async with OpenAIServer([{"answer": PLAN}]) as server:
        default = ModelEndpoint(base_url=server.base_url, model="fake-model")
        wrong = ModelEndpoint(base_url=server.base_url, model="gone")
        async with open_models(default, roles={"planner": wrong}, catalogue=load_catalogue()) as models:
            assert models["planner"].name == "gone"
            assert models["coder"].name == "fake-model"
            reply = await models["planner"].ask(Question(ASK, Plan, settings=QUICK))
    assert (reply.value, reply.model) == (PLAN, "fake-model")


async def test_the_only_model_served_needs_no_name():
    async with (
        OpenAIServer([{"answer": PLAN}, {"answer": PLAN}], models=["only-one"]) as server,
        open_models(ModelEndpoint(base_url=server.base_url), catalogue=load_catalogue()) as models,
    ):
        coder = models["coder"]
        assert coder.name == "default"
        for _ in range(2):
            assert (await coder.ask(Question(ASK, Plan, settings=QUICK))).model == "only-one"
        assert coder.name == "only-one"
    assert [r.path for r in server.requests].count("/v1/models") == 1


async def test_with_several_models_one_must_be_named():
    async with (
        OpenAIServer(models=["one", "two"]) as server,
        open_models(ModelEndpoint(base_url=server.base_url), catalogue=load_catalogue()) as models,
    ):
        with pytest.raises(Refused, match="several") as caught:
            await models["coder"].ask(Question(ASK, Plan, settings=QUICK))
    assert caught.value.stable_code == "llm_which_model"
    assert "one, two" in caught.value.hint


async def test_a_dead_endpoint_is_left_alone_after_a_while():
    async with OpenAIServer() as server:
        pass
    async with open_models(ModelEndpoint(base_url=server.base_url, model="m"), catalogue=load_catalogue()) as models:
        for _ in range(2):
            with pytest.raises(Unavailable):
                await models["coder"].ask(Question(ASK, Plan, settings=ModelSettings(timeout_s=5)))
        with pytest.raises(Unavailable, match="left alone"):
            await models["coder"].ask(Question(ASK, Plan, settings=ModelSettings(timeout_s=0.2)))
