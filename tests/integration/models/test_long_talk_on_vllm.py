"""A conversation far longer than what a real vLLM serves: counted exactly, compacted rarely, never refused (B9)."""

import pytest

from domain import CodeChange
from models import Message, ModelSettings, Question
from models.clients import ModelEndpoint
from models.clients.chat import open_chat
from models.routing import load_catalogue
from models.routing.endpoints import ClientOptions, open_endpoint
from models.wrappers.context_window import open_tokenizer
from tests.integration.models.turns import Talk
from tests.integration.models.vllm_server import CONTEXT, MODEL, Vllm

pytestmark = [pytest.mark.vllm, pytest.mark.slow, pytest.mark.timeout(900)]

STEPS = 60
ANSWER = 300


def at(server: Vllm) -> ModelEndpoint:
    return ModelEndpoint(base_url=server.base_url, model=MODEL)


@pytest.mark.parametrize("content", ["The sum is wrong.", "Ünïcödé — 你好 🙂 " * 40, "x = {'a': [1, 2]}\n" * 200])
async def test_tokens_are_counted_as_the_server_counts_them(server: Vllm, content: str):
    """The chat template's own tokens are in it: what a prompt is said to take is what it is billed."""
    said = (Message(role="system", content="You plan."), Message(role="user", content=content))
    async with open_tokenizer(at(server)) as words, open_chat(at(server)) as chat:
        assert words is not None
        counted = await words.count(said)
        reply = await chat.ask(Question(said, str, settings=ModelSettings(max_tokens=1)))
    assert counted is not None
    assert (counted.tokens, counted.served) == (reply.usage.tokens_in, CONTEXT)


async def test_sixty_turns_fit_into_what_is_served(server: Vllm):
    """Every question is answered at once, also long after the conversation has outgrown the context."""
    talk, catalogue = await Talk.opened(), load_catalogue()
    read: list[int] = []
    async with open_endpoint(at(server), ClientOptions(price=catalogue.price), price=catalogue.price(None)) as (
        model,
        _,
    ):
        for _ in range(STEPS):
            reply = await model.ask(
                Question(talk.said, CodeChange, settings=ModelSettings(temperature=0.2, max_tokens=ANSWER))
            )
            read.append(reply.usage.tokens_in)
            await talk.seen(reply.value)
        async with open_tokenizer(at(server)) as words:
            assert words is not None
            whole = await words.count(talk.said)
    assert whole is not None
    assert whole.tokens > CONTEXT, "it would not have fitted"
    assert max(read) + ANSWER <= CONTEXT
    shortened = [n for n in range(1, STEPS) if read[n] < read[n - 1]]
    assert 1 <= len(shortened) <= STEPS // 5, "compacted rarely, and by a good piece"
