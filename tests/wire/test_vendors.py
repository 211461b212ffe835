"""Vendors with a protocol of their own, through langchain's chat models: sent, heard, and gone wrong."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult

from domain import ContextTooLong, Plan, RateLimited, Refused, Unavailable
from models import Message, ModelSettings, Question
from models.clients import ModelEndpoint, probe
from models.clients.chat import Chat, learned
from models.clients.contract import Dialect
from models.clients.vendors import VENDORS, VendorTransport, open_vendor, vendor_of
from models.routing.endpoints import provider_of
from tests.unit.models.flaky import PLAN

ASK = (Message(role="system", content="You plan."), Message(role="user", content="Plan it."))
TEXT = '{"goal": "g", "steps": [{"id": "1", "title": "t"}]}'


class VendorError(Exception):
    """As vendors' packages have them: a status, a message, perhaps a response."""

    def __init__(self, message: str, code: int | None = None, **headers: str) -> None:
        super().__init__(message)
        self.message, self.code = message, code
        self.response = httpx.Response(code or 200, headers=headers)


class Vendors(BaseChatModel):
    """A chat model of langchain that streams blocks, as vendors' models do, or fails."""

    max_tokens: int = 1
    temperature: float = 0.0
    says: list[Any] = []  # noqa: RUF012  pydantic copies it
    heard: list[Any] = []  # noqa: RUF012

    @property
    def _llm_type(self) -> str:
        return "vendors"

    def _generate(self, *given: Any, **more: Any) -> ChatResult:
        raise NotImplementedError

    async def _astream(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **more: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        self.heard.append((self.max_tokens, self.temperature, [(m.type, m.content) for m in messages]))
        for said in self.says:
            if isinstance(said, Exception):
                raise said
            yield ChatGenerationChunk(message=said)


def chunk(text: str, **about: Any) -> AIMessageChunk:
    used = about.pop("used", None)
    content = [{"type": "text", "text": text, "index": 0}] if text else []
    return AIMessageChunk(content=content, response_metadata=about, usage_metadata=used)


def chat(*says: Any) -> tuple[Chat, Vendors]:
    client = Vendors(says=list(says))
    wire = VendorTransport(model="big", vendor=VENDORS["anthropic:"], client=client, errors=(VendorError,))
    return Chat(transport=wire, learned=learned(Dialect(structured="text"))), client


async def test_an_answer_is_streamed_counted_and_read():
    read = {"input_tokens": 7, "output_tokens": 0, "total_tokens": 7, "input_token_details": {"cache_read": 3}}
    written = {"input_tokens": 0, "output_tokens": 9, "total_tokens": 9}
    model, client = chat(chunk(TEXT[:20], used=read), chunk(TEXT[20:]), chunk("", stop_reason="end_turn", used=written))
    heard: list[str] = []
    reply = await model.ask(
        Question(ASK, Plan, settings=ModelSettings(temperature=0.3, max_tokens=50), listener=heard.append)
    )
    assert (reply.value, reply.model, reply.finish) == (PLAN, "big", "stop")
    assert heard == ["", TEXT[:20], TEXT[20:]]
    assert (reply.usage.tokens_in, reply.usage.tokens_out, reply.usage.tokens_cached) == (7, 9, 3)
    ((limit, temperature, said),) = client.heard
    assert (limit, temperature) == (50, 0.3)
    assert [kind for kind, _ in said] == ["system", "human"]
    assert "JSON Schema `plan`" in said[0][1], "the form is told in words"


@pytest.mark.parametrize(("told", "finish"), [("max_tokens", "length"), ("MAX_TOKENS", "length"), ("STOP", "stop")])
async def test_how_an_answer_ended(told: str, finish: str):
    model, _ = chat(chunk("Hello."), chunk("", finish_reason=told))
    assert (await model.ask(Question(ASK, str, settings=ModelSettings()))).finish == finish


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (VendorError("slow down", 429, **{"retry-after": "9"}), RateLimited, "rate_limit_exceeded"),
        (VendorError("overloaded", 529), Unavailable, "llm_unavailable"),
        (VendorError("bad key", 401), Refused, "llm_unauthorized"),
        (VendorError("no such model", 404), Refused, "llm_unknown_model"),
        (VendorError("prompt is too long: 300000 tokens", 400), ContextTooLong, "context_too_long"),
        (VendorError("something else"), Unavailable, "llm_unavailable"),
        (httpx.ConnectError("refused"), Unavailable, "llm_unavailable"),
    ],
)
async def test_a_vendor_s_failures_are_errors_of_the_house(error: Exception, kind: type, code: str):
    model, _ = chat(chunk("Hel"), error)
    with pytest.raises(kind) as caught:
        await model.ask(Question(ASK, str, settings=ModelSettings()))
    assert caught.value.stable_code == code
    if code == "rate_limit_exceeded":
        assert caught.value.retry_after == 9


def test_addresses_name_vendors():
    assert [provider_of(url) for url in ("anthropic:", "google:", "anthropic:https://gate.example")] == [
        "anthropic",
        "google",
        "anthropic",
    ]
    assert vendor_of("https://anthropic.example/v1") is None


async def test_without_its_package_it_is_said_what_to_install():
    """None of the vendors' packages is part of an installation that nobody asked it for."""
    place = ModelEndpoint(base_url="google:", model="big")
    with pytest.raises(Refused) as caught:
        async with open_vendor(place):
            pass
    assert (caught.value.stable_code, "[google]" in caught.value.hint) == ("llm_not_installed", True)
    seen = await probe(place)
    assert (seen.ok, "google" in seen.hint) == (False, True)
