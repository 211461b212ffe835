"""An OpenAI-compatible door: chat clients ask for a change, see the stages, and get the diff or a link to sign."""

import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any
from uuid import uuid4

from fastapi import APIRouter
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from approvals import Ballot
from domain import ContextTooLong, RateLimited, SignoffError, Task, Unavailable, Unreadable
from models import Errand, Message
from service.api.caller import Reader, Runner, TheOffice, answer
from service.api.following import finished, result
from service.api.stages import Stages
from service.asking import RunAsk, spoken
from service.office import Office
from service.reception import Taken
from service.refusals import refuse
from service.streams import as_json
from service.who import Who

router = APIRouter(prefix="/v1", tags=["openai"])
CODING, CHAT = "signoff-coding", "signoff-chat"


class Completion(BaseModel):
    """The fields of OpenAI's request that mean something here, and fields of our tasks."""

    model_config = ConfigDict(extra="ignore")

    model: str = Field(default=CODING, max_length=200)
    messages: list[dict[str, Any]] = Field(min_length=1, max_length=1_000)
    stream: bool = False
    metadata: dict[str, Any] | None = None
    repo: str | None = Field(default=None, max_length=2_000)
    accept: str | None = Field(default=None, max_length=2_000)
    deliver: str | None = Field(default=None, max_length=20)
    strategy: str | None = Field(default=None, max_length=100)
    expert: str | None = Field(default=None, max_length=100)
    pipeline: bool | None = None
    """False: one coder, no planner, no reviewer."""


OURS = ("repo", "accept", "deliver", "strategy", "expert", "pipeline")
"""Fields of a task that stand beside ``messages``, or in ``metadata`` where a client sends no other fields."""
MODEL_ERRORS: Mapping[str, type[SignoffError]] = {
    error.code: error for error in (Unavailable, RateLimited, Unreadable, ContextTooLong)
}


@router.get("/models")
async def models(_: Reader, at: TheOffice) -> dict[str, Any]:
    """What can be asked."""
    names = [CODING, *([CHAT] if at.house.board.seats.any("chat") else [])]
    created = int(at.started_at.timestamp())
    return {"object": "list", "data": [
        {"id": name, "object": "model", "created": created, "owned_by": "signoff"} for name in names]}  # fmt: skip


@router.post("/chat/completions")
async def complete(who: Runner, at: TheOffice, asked: Completion) -> Response:
    """Coding requests run the graph; others go to the chat model."""
    if asked.model == CHAT:
        return await _talk(at, who, asked)
    if asked.model not in {CODING, "coding"}:
        raise refuse("assistant_not_found", f"There is no model {asked.model[:100]!r}.")
    taken = await _started(at, who, asked)
    if asked.stream:
        return StreamingResponse(_told(at, taken), media_type="text/event-stream")
    stages = Stages()
    if taken.feed is not None:
        async for each in taken.feed.listen():
            stages.hear(each)
    await finished(at, taken)
    await _ensure_answered(at, taken)
    content, about = await _answer(at, taken)
    return answer(_document(taken.turn.id, CODING, content, {**about, "stages": stages.list()}))


async def _started(at: Office, who: Who, asked: Completion) -> Taken:
    about = asked.metadata or {}
    fields = {name: about.get(name) if (said := getattr(asked, name)) is None else said for name in OURS}
    given: dict[str, Any] = {"messages": asked.messages, **{k: v for k, v in fields.items() if v is not None}}
    ask = RunAsk(input=given, stream_mode=["custom"], if_not_exists="create")
    thread = about.get("thread_id")
    return await at.reception.take(who, ask, str(thread) if thread else None)


async def _told(at: Office, taken: Taken) -> AsyncGenerator[bytes]:
    """Stages as they pass, for clients that show reasoning; then the answer."""
    stages = Stages()
    yield _chunk(taken.turn.id, {"role": "assistant", "content": ""})
    if taken.feed is not None:
        async for each in taken.feed.listen():
            if line := stages.hear(each):
                yield _chunk(taken.turn.id, {"reasoning_content": f"{line}\n"})
    await finished(at, taken)
    content, about = await _answer(at, taken)
    yield _chunk(taken.turn.id, {"content": content})
    yield _chunk(taken.turn.id, {}, finish="stop", about={**about, "stages": stages.list()})
    yield b"data: [DONE]\n\n"


async def _ensure_answered(at: Office, taken: Taken) -> None:
    """Raise what a model refused as an HTTP error, as its own API would; the thread can go on later."""
    ending = (await at.reception.of(taken.turn.org).standing(taken.turn.thread)).run.ending
    if ending and (kind := MODEL_ERRORS.get(ending.code)):
        raise kind(ending.message, hint=f'Go on with it later: "metadata": {{"thread_id": "{taken.turn.thread}"}}.')


async def _answer(at: Office, taken: Taken) -> tuple[str, dict[str, Any]]:
    """The words of the answer, and what programs want to know beside them."""
    values = await result(at, taken.turn)
    about: dict[str, Any] = {"thread_id": taken.turn.thread, "run_id": taken.turn.id}
    standing = await at.reception.of(taken.turn.org).standing(taken.turn.thread)
    about["status"] = standing.run.status
    if standing.ballot is not None:
        ballot = await at.house.ballots.get(standing.ballot, taken.turn.org)
        link = _link(at, ballot)
        return _asks(ballot, link), {**about, "approval_id": ballot.id, "approval_link": link}
    if error := values.get("__error__"):
        return f"This did not work: {error['message']} (`{error['error']}`)", about
    ending = standing.run.ending
    words = [ending.answer_markdown or ending.message] if ending else []
    if ending and ending.hint and standing.run.status != "delivered":
        words.append(ending.hint)
    diff = str(values.get("diff") or "")
    return "\n\n".join([*words, *([f"```diff\n{diff.rstrip()}\n```"] if diff else [])]), {**about, "diff": diff}


def _link(at: Office, ballot: Ballot) -> str:
    token = at.links.issue(
        ballot=ballot.id, org=ballot.org, action_digest=ballot.action_digest, until=ballot.expires_at
    )
    return f"{at.settings.home_url}/a/{token}"


def _asks(ballot: Ballot, link: str) -> str:
    diff = f"\n\n```diff\n{ballot.diff.rstrip()}\n```" if ballot.diff else ""
    needs = f"{ballot.requirement.humans} signature{'s' * (ballot.requirement.humans != 1)}"
    return f"This needs {needs} before it happens ({ballot.tier}: {ballot.action.tool}). Read and decide: {link}{diff}"


async def _talk(at: Office, who: Who, asked: Completion) -> Response:
    board = at.house.board
    if not board.seats.any("chat"):
        raise refuse("assistant_not_found", "No chat model is configured.")
    said, id_ = _messages(asked.messages), f"chatcmpl-{uuid4().hex}"
    task = Task(text=said[-1].content[:2_000], repo="", requester=who.subject, standing=who.standing,
                strategy=at.settings.strategy)  # fmt: skip
    model = board.model("chat", Errand(run=id_, org=who.org, task=task))
    settings = at.house.catalogue.settings("chat", timeout_s=at.settings.model_timeout_s)
    if not asked.stream:
        reply = await model.ask(said, str, settings=settings)
        used = {"prompt_tokens": reply.usage.tokens_in, "completion_tokens": reply.usage.tokens_out,
                "total_tokens": reply.usage.tokens_in + reply.usage.tokens_out}  # fmt: skip
        return answer(_document(id_, CHAT, reply.value, {}, usage=used))
    reply = await model.ask(said, str, settings=settings)

    async def told() -> AsyncGenerator[bytes]:
        yield _chunk(id_, {"role": "assistant", "content": reply.value}, model=CHAT)
        yield _chunk(id_, {}, finish="stop", model=CHAT)
        yield b"data: [DONE]\n\n"

    return StreamingResponse(told(), media_type="text/event-stream")


def _messages(given: Sequence[dict[str, Any]]) -> tuple[Message, ...]:
    found: list[Message] = []
    for message in given:
        role = message.get("role")
        if role not in {"system", "user", "assistant", "developer"}:
            raise refuse("request_invalid", "Messages come from system, user or assistant.")
        kind = "system" if role == "developer" else role
        found.append(Message(role=kind, content=spoken(message.get("content"))))
    return tuple(found)


def _document(
    id_: str, model: str, content: str, about: dict[str, Any], *, usage: dict[str, int] | None = None
) -> dict[str, Any]:
    choice = {"index": 0, "finish_reason": "stop", "logprobs": None,
              "message": {"role": "assistant", "content": content, "refusal": None}}  # fmt: skip
    none = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    return {"id": id_, "object": "chat.completion", "created": int(time.time()), "model": model, "choices": [choice],
            "usage": usage or none, "signoff": about}  # fmt: skip


def _chunk(
    id_: str, delta: dict[str, Any], *, finish: str | None = None, about: dict[str, Any] | None = None,
    model: str = CODING,
) -> bytes:  # fmt: skip
    told: dict[str, Any] = {
        "id": id_, "object": "chat.completion.chunk", "created": int(time.time()), "model": model,
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }  # fmt: skip
    return b"data: " + as_json({**told, **({"signoff": about} if about else {})}) + b"\n\n"
