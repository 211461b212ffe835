"""The wire behaviour of a real vLLM. Its answers are nonsense; that they parse, and how it fails, is not."""

import json
import re
import subprocess
from pathlib import Path

import httpx
import pytest
import yaml

from domain import CodeChange, ContextTooLong, Plan, Refused, Review, Unavailable, Unreadable
from domain.errors import CutOff
from models import Message, ModelSettings, Question
from models.clients import ModelEndpoint, probe
from models.clients.chat import open_chat
from models.clients.contract import Dialect
from models.routing import load_catalogue
from tests.integration.models.turns import prefix_cache_share
from tests.integration.models.vllm_server import CONTEXT, MODEL, PYTHON, ROOT, Vllm
from tests.worlds.role_models import open_models

pytestmark = [pytest.mark.vllm, pytest.mark.slow, pytest.mark.timeout(900)]

ASK = (Message(role="system", content="You plan changes."), Message(role="user", content="The sum is wrong."))
SHORT = ModelSettings(temperature=0.3, max_tokens=1_024, timeout_s=120)


def at(server: Vllm, model: str = MODEL) -> ModelEndpoint:
    return ModelEndpoint(base_url=server.base_url, model=model)


@pytest.mark.parametrize("answer", [Plan, CodeChange, Review])
async def test_every_artefact_parses(server, answer):
    """Guided decoding keeps to our schemas as they are, with all their bounds."""
    async with open_chat(at(server)) as chat:
        reply = await chat.ask(Question(ASK, answer, settings=SHORT))
    assert isinstance(reply.value, answer)
    assert reply.usage.calls == 1, "no round of repair"
    assert chat.learned.dialect.structured == "strict", "nothing had to be unlearned"


@pytest.mark.parametrize("answer", [Plan, CodeChange, Review])
async def test_every_artefact_parses_as_the_arguments_of_a_tool_call(server, answer):
    """What an endpoint without response formats gets: one tool that has to be called, streamed as it is written."""
    heard: list[str] = []
    async with open_chat(at(server)) as chat:
        chat.learned.dialect = Dialect(structured="tools")
        reply = await chat.ask(Question(ASK, answer, settings=SHORT, listener=heard.append))
    assert isinstance(reply.value, answer)
    assert reply.usage.calls == 1, "no round of repair"
    assert chat.learned.dialect.structured == "tools"
    assert len(heard) > 3


async def test_it_streams_and_counts(server):
    heard: list[str] = []
    async with open_chat(at(server)) as chat:
        reply = await chat.ask(Question(ASK, str, settings=ModelSettings(max_tokens=40), listener=heard.append))
    assert len(heard) > 3
    assert 0 < reply.usage.tokens_out <= 40
    assert reply.first_token_ms is not None
    assert reply.first_token_ms < reply.latency_ms


async def test_a_probe_sees_what_is_served(server):
    seen = await probe(at(server))
    assert (seen.model, seen.context, seen.structured, seen.tools) == (MODEL, CONTEXT, True, True)
    assert seen.ok
    assert seen.tokens_per_s is not None


async def test_an_unknown_model(server):
    async with open_chat(at(server, "unknown")) as chat:
        with pytest.raises(Refused) as caught:
            await chat.ask(Question(ASK, str, settings=SHORT))
    assert caught.value.stable_code == "llm_unknown_model"


@pytest.mark.parametrize(("words", "max_tokens"), [(CONTEXT * 3, 100), (10, CONTEXT + 1)])
async def test_what_does_not_fit_says_what_is_served(server, words, max_tokens):
    asked = (Message(role="user", content="word " * words),)
    async with open_chat(at(server)) as chat:
        with pytest.raises(ContextTooLong) as caught:
            await chat.ask(Question(asked, str, settings=ModelSettings(max_tokens=max_tokens)))
    assert caught.value.max_tokens == CONTEXT


async def test_the_prefix_cache_serves_what_was_sent_before(server):
    """Ten turns of our own coder's conversation: nearly all of each prompt was there before."""
    assert await prefix_cache_share(server.base_url, MODEL) >= 0.85


async def test_an_adapter_is_loaded_while_it_runs(server):
    await server.load_adapter("tiny-python")
    assert "tiny-python" in (await probe(at(server, "tiny-python"), quick=True)).models
    async with open_chat(at(server, "tiny-python")) as adapted:
        expert = await adapted.ask(Question(ASK, str, settings=ModelSettings(temperature=0, max_tokens=12)))
    assert expert.model == "tiny-python"
    async with httpx.AsyncClient(timeout=120) as http:
        asked = {"prompt": "The sum", "max_tokens": 1, "logprobs": 1, "temperature": 0}
        chances = [
            (await http.post(f"{server.base_url}/completions", json={**asked, "model": model})).json()["choices"][0]
            for model in (MODEL, "tiny-python")
        ]
    base, other = (chance["logprobs"]["token_logprobs"][0] for chance in chances)
    assert abs(base - other) > 1e-6, "the adapter has a say in the answer"


@pytest.mark.parametrize("dialect", [Dialect(structured="text"), Dialect(structured="json_object")])
async def test_without_guided_decoding_nonsense_is_unreadable(server, dialect):
    """Random weights write no plan of their own: after one round of repair that is said, with what would help."""
    async with open_chat(at(server)) as chat:
        chat.learned.dialect = dialect
        with pytest.raises((Unreadable, CutOff)) as caught:
            await chat.ask(Question(ASK, Plan, settings=ModelSettings(max_tokens=64)))
    assert caught.value.hint


async def test_an_answer_cut_off_by_its_length_says_so(server):
    async with open_chat(at(server)) as chat:
        with pytest.raises(CutOff):
            await chat.ask(Question(ASK, Plan, settings=ModelSettings(max_tokens=2)))


async def test_an_answer_that_takes_too_long_ends_at_its_deadline(server):
    async with open_chat(at(server)) as chat:
        with pytest.raises(Unavailable):
            await chat.ask(Question(ASK, str, settings=ModelSettings(max_tokens=6_000, timeout_s=0.05)))


async def test_metrics_are_scraped(server):
    async with open_chat(at(server)) as chat:
        await chat.ask(Question(ASK, str, settings=ModelSettings(max_tokens=4)))
    async with httpx.AsyncClient(timeout=60) as http:
        text = (await http.get(f"{server.root}/metrics")).text
    for name in ("vllm:num_requests_running", "vllm:prefix_cache_hits", "vllm:kv_cache_usage_perc"):
        assert name in text


def command_line(values: Path) -> str:
    """What the compose service runs with these values."""
    lines = [line for line in values.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    given = dict(line.split("=", 1) for line in lines)
    compose = yaml.safe_load((values.parent / "compose.yaml").read_text(encoding="utf-8"))

    def filled(place: re.Match[str]) -> str:
        return given.get(place[1], (place[2] or "").removeprefix("-"))

    return re.sub(r"\$\{(\w+):?([^}]*)\}", filled, compose["services"]["vllm"]["command"])


def test_vllm_s_own_parser_takes_what_we_deploy_with():
    files = sorted((ROOT / "deploy" / "vllm").glob("*.env"))
    lines = [command_line(path) for path in files]
    run = [PYTHON, "-m", "tests.integration.models.flags"]
    done = subprocess.run(run, input="\n".join(lines), capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-2_000:]
    told = [json.loads(line.removeprefix("parsed ")) for line in done.stdout.splitlines() if line.startswith("parsed ")]
    assert [(t["model"], t["max_model_len"]) for t in told] == [
        (card.id, card.context) for line in lines for card in load_catalogue().models if f"--model {card.id} " in line
    ]


async def test_the_models_of_a_process(server):
    async with open_models(at(server), catalogue=load_catalogue()) as models:
        reply = await models["reviewer"].ask(Question(ASK, Review, settings=SHORT))
    assert reply.model == MODEL
    assert json.dumps(reply.value.status)
