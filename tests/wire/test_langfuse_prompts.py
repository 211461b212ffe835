"""Prompts of a Langfuse project, fetched by its own SDK; whatever it answers, a run has words to say."""

import threading

import pytest

from domain import Refused
from models import Prompt
from models.prompts import PromptFiles
from models.prompts_langfuse import LangfusePrompts
from tests.wire.prompt_server import PUBLIC, SECRET, prompt_server

LOCAL = PromptFiles(prompts=(Prompt.parse("<!-- system -->\nOur own, {{ expert }}.", name="plan"),), staging_share=0.5)
THEIRS = "<!-- system -->\nTheirs, {{ expert }}.\n<!-- user -->\nGo."
CHAT = [{"role": "system", "content": "A chat, {{ expert }}."}, {"role": "user", "content": "Go."}]
STAGED, NOT_STAGED = "run-2", "run-1"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def server():
    with prompt_server() as told:
        yield told


def source(server, **given) -> LangfusePrompts:
    fields = {"name": "plan", "local": LOCAL, "host": server.url, "public_key": PUBLIC, "secret_key": SECRET}
    return LangfusePrompts(**{**fields, **given})


async def said(prompts: LangfusePrompts, key: str = NOT_STAGED) -> tuple[str, str]:
    first = (await prompts.render(key, expert="Ada"))[0]
    return first.content, first.prompt


@pytest.mark.parametrize(("prompt", "words"), [(THEIRS, "Theirs, Ada."), (CHAT, "A chat, Ada.")])
async def test_a_text_prompt_and_a_chat_prompt_are_spoken(server, prompt, words):
    server.label("signoff-plan", "production", prompt, version=7)
    told = await source(server).render(NOT_STAGED, expert="Ada")
    assert [(m.role, m.content) for m in told] == [("system", words), ("user", "Go.")]
    assert {m.prompt for m in told} == {"plan@langfuse-7"}


async def test_a_stable_share_of_the_runs_gets_what_is_staged(server):
    server.label("signoff-plan", "production", THEIRS, version=7)
    server.label("signoff-plan", "staging", CHAT, version=8)
    prompts = source(server)
    versions = {key: (await said(prompts, key))[1] for key in [f"run-{n}" for n in range(40)] * 2}
    assert {"plan@langfuse-7", "plan@langfuse-8"} == set(versions.values())
    assert len(server.asked) == 2, "each label once: the answers are kept for a minute"


async def test_a_new_version_is_spoken_after_a_minute_and_a_withdrawn_one_no_more(server):
    clock = Clock()
    server.label("signoff-plan", "production", THEIRS, version=1)
    prompts = source(server, clock=clock)
    assert (await said(prompts))[1] == "plan@langfuse-1"
    server.label("signoff-plan", "production", CHAT, version=2)
    assert (await said(prompts))[1] == "plan@langfuse-1"
    clock.now = 61
    assert (await said(prompts))[1] == "plan@langfuse-2"
    server.prompts.clear()
    clock.now = 122
    assert (await said(prompts))[0] == "Our own, Ada."


async def test_while_it_is_away_the_last_good_one_is_spoken(server):
    clock = Clock()
    server.label("signoff-plan", "production", THEIRS)
    prompts = source(server, clock=clock)
    await said(prompts)
    server.status, clock.now = 503, 61
    assert (await said(prompts))[0] == "Theirs, Ada."


@pytest.mark.parametrize(
    ("status", "body"),
    [(401, None), (429, None), (500, None), (200, b"no json"), (200, b"[]"), (200, b'{"type": "chat"}')],
)
async def test_whatever_it_answers_our_own_is_spoken(server, status, body):
    server.status, server.body = status, body
    assert (await said(source(server)))[0] == "Our own, Ada."


@pytest.mark.parametrize(
    "prompt",
    [
        "no part",
        "<!-- system -->\n{% if %}",
        "<!-- system -->\n{{ unknown }}",
        [],
        [{"role": "tool", "content": "x"}],
        "<!-- system -->\n{{ ''.__class__.__mro__ }}",
    ],
)
async def test_a_prompt_that_cannot_be_spoken_is_not(server, prompt):
    server.label("signoff-plan", "production", prompt)
    assert (await said(source(server)))[0] == "Our own, Ada."


async def test_a_langfuse_that_hangs_keeps_nobody_waiting(server):
    server.hangs = threading.Event()
    assert (await said(source(server, timeout_s=0.2)))[0] == "Our own, Ada."


async def test_nobody_listens(server):
    assert (await said(source(server, host="http://127.0.0.1:1")))[0] == "Our own, Ada."


async def test_without_the_sdk_it_is_said_what_to_install(server):
    def missing(name: str) -> None:
        raise ImportError(name)

    with pytest.raises(Refused) as caught:
        await said(source(server, load=missing))
    assert caught.value.stable_code == "langfuse_missing"
