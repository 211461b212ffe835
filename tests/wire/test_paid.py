"""What one answer used is booked, whatever came of it: the sum over the wire is the sum on the tab."""

import asyncio
from datetime import UTC, datetime

import pytest

from domain import Plan, RateLimited, Refused, SignoffError, Unavailable, Unreadable
from models import Message, ModelSettings, Question, metered
from models.clients.chat import open_chat
from models.contract import Price
from models.wrappers import CallReason, MemoryDecisions, UsageLogged
from tests.wire.asking import ASK, PLAN, at
from tests.wire.openai_server import OpenAIServer

NOW = datetime(2026, 11, 1, tzinfo=UTC)
LONG = "word " * 200
SHORT = ModelSettings(temperature=0.3, max_tokens=1_024, timeout_s=1)
FAILURES = {
    "twice garbage": ([{"answer": LONG}, {"answer": LONG}], Unreadable),
    "garbage, then cut": ([{"answer": LONG}, {"answer": LONG, "cut_after": 5}], Unavailable),
    "cut": ([{"answer": LONG, "cut_after": 9}], Unavailable),
    "silent": ([{"answer": LONG, "hang_after": 0}], Unavailable),
    "hangs": ([{"answer": LONG, "hang_after": 9}], Unavailable),
    "withheld": ([{"answer": LONG, "finish": "content_filter"}], Refused),
    "no bill, cut": ([{"answer": LONG, "cut_after": 9, "usage": False}], Unavailable),
    "asks to slow down": ([{"status": 429}], RateLimited),
    "fails": ([{"status": 500}], Unavailable),
    "hangs up": ([{"break": True}], Unavailable),
    "no key": ([{"status": 401}], Refused),
}


@pytest.mark.parametrize("failure", FAILURES)
async def test_an_answer_that_failed_is_paid_for(failure: str) -> None:
    script, error = FAILURES[failure]
    async with OpenAIServer(script) as server, open_chat(at(server)) as chat:
        with metered() as tab, pytest.raises(error):
            await chat.ask(Question(ASK, Plan, settings=SHORT))
    billed = sum(each.tokens for each in server.billed)
    assert abs(tab.usage.tokens_in + tab.usage.tokens_out - billed) <= 2 * len(server.billed)
    assert tab.usage.calls == len(server.billed)
    assert bool(tab.usage.estimated) == (failure in {"cut", "silent", "hangs", "no bill, cut", "garbage, then cut"})


async def test_a_question_that_nobody_waits_for_is_paid_and_recorded() -> None:
    decisions = MemoryDecisions()
    async with (
        OpenAIServer([{"answer": LONG, "hang_after": 9}]) as server,
        open_chat(at(server), price=Price()) as chat,
    ):
        begun = asyncio.Event()
        model = UsageLogged(
            model=chat,
            decisions=decisions,
            why=lambda: CallReason(org="a", choice="m", reason="It is there."),
            clock=lambda: NOW,
        )
        with metered() as tab:
            asking = asyncio.create_task(
                model.ask(Question(ASK, Plan, settings=SHORT, listener=lambda text: text and begun.set()))
            )
            await begun.wait()
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
    (row,) = decisions.rows
    assert row.outcome == "stopped"
    assert (row.tokens_in, row.tokens_out) == (tab.usage.tokens_in, tab.usage.tokens_out)
    assert row.tokens_in == server.billed[0].tokens_in
    assert 0 < row.tokens_out <= server.billed[0].chars // 4
    assert "an estimate" in row.reason
    (used,) = await decisions.usage("a")
    assert used.failed == 0, "it is no failure of the model"


async def test_an_estimate_is_never_longer_than_what_was_asked_for() -> None:
    endless = [{"answer": "x" * 40_000, "cut_after": 2_000}]
    async with OpenAIServer(endless) as server, open_chat(at(server)) as chat:
        with metered() as tab, pytest.raises(SignoffError):
            await chat.ask(Question(ASK, Plan, settings=SHORT))
    assert tab.usage.tokens_out == SHORT.max_tokens


async def test_where_nobody_counts_the_endpoints_own_tokenizer_decides() -> None:
    asked = (*ASK, Message(role="user", content="many words " * 100))
    fine = {"prompt_tokens": 600, "completion_tokens": 5, "total_tokens": 605}
    script = [{"answer": PLAN, "usage": fine}, {"answer": PLAN, "usage": False}]
    async with OpenAIServer(script) as server, open_chat(at(server)) as chat:
        counted = (await chat.ask(Question(asked, Plan, settings=SHORT))).usage
        guessed = (await chat.ask(Question(asked, Plan, settings=SHORT))).usage
    assert (counted.tokens_in, counted.estimated) == (600, 0)
    assert abs(guessed.tokens_in - 600) <= 1
    assert guessed.estimated == guessed.tokens_in + guessed.tokens_out
