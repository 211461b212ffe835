"""What becomes of everything that can go wrong on the wire: a result or an error with a name, never a hang."""

import pytest

from domain import ContextTooLong, Plan, RateLimited, Refused, Unavailable, Unreadable
from models import ModelSettings, Question
from models.clients import ModelEndpoint
from models.clients.chat import open_chat
from tests.wire.asking import ASK, PLAN, QUICK, ask
from tests.wire.openai_server import OpenAIServer


@pytest.mark.parametrize(
    ("step", "error", "code"),
    [
        ({"status": 401}, Refused, "llm_unauthorized"),
        ({"status": 403}, Refused, "llm_unauthorized"),
        ({"status": 404}, Refused, "llm_unknown_model"),
        ({"status": 400, "message": "bad"}, Refused, "llm_bad_request"),
        ({"status": 422, "message": "bad"}, Refused, "llm_bad_request"),
        ({"status": 413}, ContextTooLong, "context_too_long"),
        ({"status": 429}, RateLimited, "rate_limit_exceeded"),
        ({"status": 429, "message": "You exceeded your current quota"}, Refused, "llm_no_credit"),
        ({"status": 402, "message": "Insufficient credits"}, Refused, "llm_no_credit"),
        ({"status": 500}, Unavailable, "llm_unavailable"),
        ({"status": 503}, Unavailable, "llm_unavailable"),
        ({"break": True}, Unavailable, "llm_unavailable"),
        ({"answer": PLAN, "cut_after": 0}, Unavailable, "llm_unavailable"),
        ({"answer": PLAN, "cut_after": 3}, Unavailable, "llm_unavailable"),
        ({"answer": "x", "finish": "content_filter"}, Refused, "llm_content_filter"),
        ({"raw": "<html>hello</html>", "content_type": "text/html"}, Unreadable, "llm_unreadable"),
        ({"raw": '{"ok": true}'}, Unreadable, "llm_unreadable"),
        ({"raw": '{"error": "Unexpected endpoint or method. (POST /chat/completions)"}'}, Refused, "llm_unknown_model"),
        ({"raw": '{"error": {"message": "You exceeded your current quota"}}'}, Refused, "llm_no_credit"),
        ({"raw": '{"error": {"message": "the cat sat on the cable"}}'}, Unavailable, "llm_unavailable"),
        ({"raw": "data: {oops\n\n", "content_type": "text/event-stream"}, Unreadable, "llm_unreadable"),
        (
            {"raw": 'data: {"error": {"message": "no slots", "code": 503}}\n\n', "content_type": "text/event-stream"},
            Unavailable,
            "llm_unavailable",
        ),
    ],
)
async def test_every_failure_has_a_name(step, error, code):
    async with OpenAIServer([{**step, "repeat": True}]) as server:
        with pytest.raises(error) as caught:
            await ask(server)
    assert type(caught.value) is error
    assert caught.value.stable_code == code
    assert caught.value.hint


@pytest.mark.parametrize(
    ("header", "low", "high"),
    [
        ("7", 7, 7),
        ("0.5", 0.5, 0.5),
        ("Fri, 31 Dec 2999 23:59:59 GMT", 1e9, 1e11),
        ("Mon, 01 Jan 2001 00:00:00 GMT", 0, 0),
    ],
)
async def test_retry_after_in_seconds_or_as_a_date(header, low, high):
    async with OpenAIServer([{"status": 429, "headers": {"retry-after": header}}]) as server:
        with pytest.raises(RateLimited) as caught:
            await ask(server)
    assert caught.value.retry_after is not None
    assert low <= caught.value.retry_after <= high


async def test_a_context_that_is_too_long_says_how_long_it_may_be():
    async with OpenAIServer([{"answer": PLAN}], max_model_len=3) as server:
        with pytest.raises(ContextTooLong) as caught:
            await ask(server)
    assert caught.value.max_tokens == 3


async def test_an_unknown_model():
    async with OpenAIServer([{"answer": PLAN}], models=["another"]) as server:
        with pytest.raises(Refused) as caught:
            await ask(server)
    assert caught.value.stable_code == "llm_unknown_model"


@pytest.mark.parametrize("after", [0, 3])
async def test_silence_ends_at_the_deadline(after):
    async with OpenAIServer([{"answer": PLAN, "hang_after": after}]) as server:
        with pytest.raises(Unavailable, match=r"within 0\.3 s"):
            await ask(server, settings=ModelSettings(timeout_s=0.3))


async def test_a_stream_that_drips_ends_at_the_deadline():
    async with OpenAIServer([{"answer": "word " * 1_000, "drip_s": 0.05}]) as server:
        with pytest.raises(Unavailable, match=r"within 0\.4 s"):
            await ask(server, str, settings=ModelSettings(timeout_s=0.4))


async def test_nobody_listens():
    async with OpenAIServer() as server:
        pass
    with pytest.raises(Unavailable, match="cannot be reached"):
        await ask(server)


async def test_a_name_that_does_not_exist():
    endpoint = ModelEndpoint(base_url="http://nobody.invalid/v1", model="m")
    async with open_chat(endpoint) as chat:
        with pytest.raises(Unavailable, match="cannot be reached"):
            await chat.ask(Question(ASK, Plan, settings=QUICK))


async def test_an_address_that_is_none():
    with pytest.raises(Refused) as caught:
        async with open_chat(ModelEndpoint(base_url="localhost:8000", model="m")):
            pass
    assert caught.value.stable_code == "llm_bad_address"
