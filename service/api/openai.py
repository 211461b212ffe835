"""OpenAI-compatible chat: clients ask for a change, see the stages, and get the diff or a link to sign.

The same route is a conversation with the chat model where the request names that one.
"""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import uuid4

from fastapi import APIRouter
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from domain import SignoffError, Task
from domain.masking import Echoes, without_echoes, words_of
from models import Message, PartialChanges, Question, Reply, SelectionContext, line_of
from service.api.dependencies import Reader, Runner, TheContext, answer
from service.api.errors import problem
from service.api.runs import finished, location, result
from service.auth.principal import Principal
from service.errors import refuse
from service.runs.event_log import as_json
from service.runs.requests import RunAsk, spoken
from service.runs.streaming import stopped_by_model
from service.runs.submission import Submitted
from service.wiring.server import ServerContext

CODING, CHAT = "signoff-coding", "signoff-chat"
END = b"data: [DONE]\n\n"


def document(
    id_: str, model: str, content: str, about: dict[str, Any], *, usage: dict[str, int] | None = None
) -> dict[str, Any]:
    choice = {
        "index": 0,
        "finish_reason": "stop",
        "logprobs": None,
        "message": {"role": "assistant", "content": content, "refusal": None},
    }
    none = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    return {
        "id": id_,
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [choice],
        "usage": usage or none,
        "signoff": about,
    }


def chunk(
    id_: str,
    delta: dict[str, Any],
    *,
    finish: str | None = None,
    about: dict[str, Any] | None = None,
    model: str = CODING,
) -> bytes:
    event: dict[str, Any] = {
        "id": id_,
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": model,
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }
    return b"data: " + as_json({**event, **({"signoff": about} if about else {})}) + b"\n\n"


def failed(error: SignoffError, **more: str) -> bytes:
    """The last event of a stream that came to no answer; the openai package raises it as an ``APIError``."""
    fields = {
        "message": error.message,
        "type": "server_error" if error.http_status >= 500 else "invalid_request_error",  # noqa: PLR2004
        "code": error.stable_code,
        "hint": error.hint,
        **more,
    }
    about = {name: getattr(error, name) for name in ("retry_after", "max_tokens") if getattr(error, name, None)}
    return b"data: " + as_json({"error": {**fields, **about}}) + b"\n\n"


AGAIN = "\n\n(the model broke off; it begins anew)\n\n"
OPEN, CLOSE = "<think>", "</think>"


async def talk(at: ServerContext, principal: Principal, given: Sequence[dict[str, Any]], *, stream: bool) -> Response:
    """Have the chat model answer. What goes wrong before the first word is an HTTP error, later the last event."""
    board = at.application.board
    if not board.registry.any("chat"):
        raise refuse("assistant_not_found", "No chat model is configured.")
    messages: list[Message] = []
    for message in given:
        role = message.get("role")
        if role not in {"system", "user", "assistant", "developer"}:
            raise refuse("request_invalid", "Messages come from system, user or assistant.")
        kind = "system" if role == "developer" else role
        messages.append(Message(role=kind, content=spoken(message.get("content"))))
    question, id_ = tuple(messages), f"chatcmpl-{uuid4().hex}"
    task = Task(
        text=question[-1].content[:2_000],
        repo="",
        requester=principal.subject,
        standing=principal.standing,
        strategy=at.settings.strategy,
    )
    model = board.model("chat", SelectionContext(run=id_, org=principal.org, task=task))
    systems = [message.content for message in question if message.role == "system"]
    settings = at.application.catalogue.settings("chat", timeout_s=at.settings.model_timeout_s)
    if not stream:
        reply = await model.ask(Question(question, str, settings=settings))
        words, _ = without_echoes(reply.value, systems)
        used = {
            "prompt_tokens": reply.usage.tokens_in,
            "completion_tokens": reply.usage.tokens_out,
            "total_tokens": reply.usage.tokens_in + reply.usage.tokens_out,
        }
        return answer(document(id_, CHAT, words, {}, usage=used))
    pieces: asyncio.Queue[str | None] = asyncio.Queue()

    async def ask() -> Reply[str]:
        try:
            return await model.ask(Question(question, str, settings=settings, listener=pieces.put_nowait))
        finally:
            # Also when it fails: who reads the pieces must not wait for ever.
            pieces.put_nowait(None)

    asking = asyncio.create_task(ask())
    try:
        first = await _first(pieces, asking)
    except BaseException:
        asking.cancel()
        raise
    return StreamingResponse(_told(id_, first, pieces, asking, systems), media_type="text/event-stream")


async def _first(pieces: "asyncio.Queue[str | None]", asking: "asyncio.Task[Reply[str]]") -> str:
    """The first word, or the whole of an answer that nobody heard. Raises as ``Model.ask``."""
    text = ""
    while (piece := await pieces.get()) is not None:
        text += piece
        # It may become the mark of a thought, which ``ReasoningWriter`` has to see whole.
        if text.strip() and not OPEN.startswith(text.lstrip()):
            return text
    pieces.put_nowait(None)
    return text or (await asking).value


async def _told(
    id_: str,
    first: str,
    pieces: "asyncio.Queue[str | None]",
    asking: "asyncio.Task[Reply[str]]",
    systems: Sequence[str],
) -> AsyncGenerator[bytes]:
    """Events of the stream; a long part of a system prompt is cut before anybody reads it (H7)."""
    writer, echoes = ReasoningWriter(), Echoes(told=words_of(systems))
    piece: str | None = first
    try:
        yield chunk(id_, {"role": "assistant", "content": ""}, model=CHAT)
        while piece is not None:
            for where, text in writer.split(echoes.hear(piece) if piece else echoes.flush() + AGAIN):
                yield chunk(id_, {where: text}, model=CHAT)
            piece = await pieces.get()
        for where, text in (*writer.split(echoes.flush()), *writer.rest()):
            yield chunk(id_, {where: text}, model=CHAT)
        reply = await asking
        yield chunk(id_, {}, finish="length" if reply.finish == "length" else "stop", model=CHAT)
        yield END
    except SignoffError as error:
        yield failed(error)
    finally:
        # A client that went away reads no answer, and should not pay for the rest of it.
        asking.cancel()
        with suppress(asyncio.CancelledError, SignoffError):
            await asking


@dataclass(slots=True)
class ReasoningWriter:
    """Tells what a model thinks, at the beginning of its answer, from what it says."""

    _thinking: bool | None = None
    _held: str = ""
    """The end of a thought that may be the beginning of the mark behind it."""

    def split(self, piece: str) -> list[tuple[Literal["content", "reasoning_content"], str]]:
        """The piece as fields of a delta."""
        if self._thinking is None:
            self._thinking = piece.lstrip().startswith(OPEN)
            piece = piece.lstrip().removeprefix(OPEN) if self._thinking else piece
        if not self._thinking:
            return [("content", piece)] if piece else []
        thought, closed, rest = (self._held + piece).partition(CLOSE)
        if closed:
            self._thinking, self._held = False, ""
            return [("reasoning_content", thought), *([("content", rest.lstrip())] if rest.strip() else [])]
        cut = max(0, len(thought) - len(CLOSE))
        self._held = thought[cut:]
        return [("reasoning_content", thought[:cut])] if cut else []

    def rest(self) -> list[tuple[Literal["content", "reasoning_content"], str]]:
        """The end of a thought that was cut off, once nothing comes any more."""
        thought, self._held = self._held, ""
        return [("reasoning_content", thought)] if thought else []


@dataclass(slots=True)
class Stages:
    """Hears frames of a feed."""

    _began: dict[str, float] = field(default_factory=dict[str, float])
    _done: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    _written: PartialChanges = field(default_factory=PartialChanges)

    def hear(self, frame: bytes) -> str:
        """Take one frame in; text for a reader when a stage began, something is written or worth saying."""
        head, _, body = frame.partition(b"data: ")
        if b"event: custom" not in head:
            return ""
        event: dict[str, Any] = json.loads(body)
        kind, node, at = event.get("kind"), str(event.get("node", "")), float(event.get("at_ms", 0))
        if kind == "node_started":
            self._began[node] = at
            return f"▸ {node}\n"
        if kind == "text":
            return "".join(line_of(part) for part in self._written.read(str(event["message"]), event["data"]))
        if kind == "node_ended":
            took = max(0.0, at - self._began.pop(node, at))
            self._done.append({"stage": node, "duration_ms": round(took, 1)})
        message = (
            str(event.get("message", ""))[:200] if kind in {"command_started", "reviewed", "change_applied"} else ""
        )
        return f"{message}\n" if message else ""

    def list(self) -> list[dict[str, Any]]:
        """The stages in the order they ended."""
        return self._done


router = APIRouter(prefix="/v1", tags=["openai"])


class Completion(BaseModel):
    """The fields of OpenAI's request that mean something here, and fields of our tasks."""

    # OpenAI's clients send much that means nothing to a run: temperature, penalties, their own tools.
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


@router.get("/models")
async def models(_: Reader, at: TheContext) -> dict[str, Any]:
    """What can be asked."""
    names = [CODING, *([CHAT] if at.application.board.registry.any("chat") else [])]
    created = int(at.started_at.timestamp())
    return {
        "object": "list",
        "data": [{"id": name, "object": "model", "created": created, "owned_by": "signoff"} for name in names],
    }


@router.post("/chat/completions")
async def complete(principal: Runner, at: TheContext, asked: Completion) -> Response:
    """Coding requests run the graph; others go to the chat model."""
    if asked.model == CHAT:
        return await talk(at, principal, asked.messages, stream=asked.stream)
    if asked.model not in {CODING, "coding"}:
        raise refuse("assistant_not_found", f"There is no model {asked.model[:100]!r}.")
    about = asked.metadata or {}
    fields = {name: about.get(name) if (entry := getattr(asked, name)) is None else entry for name in OURS}
    task_input: dict[str, Any] = {"messages": asked.messages, **{k: v for k, v in fields.items() if v is not None}}
    ask = RunAsk(input=task_input, stream_mode=["custom"], if_not_exists="create")
    thread = about.get("thread_id")
    taken = await at.submission.take(principal, ask, str(thread) if thread else None)
    if asked.stream:
        return StreamingResponse(_chat_told(at, taken), media_type="text/event-stream")
    stages = Stages()
    if taken.feed is not None:
        async for each in taken.feed.listen():
            stages.hear(each)
    await finished(at, taken)
    if (error := stopped_by_model(await _values(at, taken))) is not None:
        response = problem(error, instance="/v1/chat/completions", **_going_on(taken))
        response.headers.update(location(taken.turn, "join"))
        return response
    content, about = await _answer(at, taken)
    return answer(document(taken.turn.id, CODING, content, {**about, "stages": stages.list()}))


async def _chat_told(at: ServerContext, taken: Submitted) -> AsyncGenerator[bytes]:
    """Stages as they pass and what the coder writes, for clients that show reasoning; then the answer."""
    stages = Stages()
    yield chunk(taken.turn.id, {"role": "assistant", "content": ""})
    if taken.feed is not None:
        async for each in taken.feed.listen():
            if line := stages.hear(each):
                yield chunk(taken.turn.id, {"reasoning_content": line})
    await finished(at, taken)
    if (error := stopped_by_model(await _values(at, taken))) is not None:
        yield failed(error, **_going_on(taken))
        return
    content, about = await _answer(at, taken)
    yield chunk(taken.turn.id, {"content": content})
    yield chunk(taken.turn.id, {}, finish="stop", about={**about, "stages": stages.list()})
    yield END


async def _values(at: ServerContext, taken: Submitted) -> Mapping[str, Any]:
    known = taken.feed.result if taken.feed else None
    return known if known is not None else await result(at, taken.turn)


def _going_on(taken: Submitted) -> dict[str, str]:
    """What a client needs to go on later with what was stopped now."""
    return {"thread_id": taken.turn.thread, "run_id": taken.turn.id}


async def _answer(at: ServerContext, taken: Submitted) -> tuple[str, dict[str, Any]]:
    """The words of the answer, and what programs want to know beside them."""
    values = await result(at, taken.turn)
    about: dict[str, Any] = {"thread_id": taken.turn.thread, "run_id": taken.turn.id}
    standing = await at.submission.of(taken.turn.org).standing(taken.turn.thread)
    about["status"] = standing.run.status
    if standing.ballot is not None:
        ballot = await at.application.ballots.get(standing.ballot, taken.turn.org)
        token = at.links.issue(
            ballot=ballot.id, org=ballot.org, action_digest=ballot.action_digest, until=ballot.expires_at
        )
        link = f"{at.settings.home_url}/a/{token}"
        changes = f"\n\n```diff\n{ballot.diff.rstrip()}\n```" if ballot.diff else ""
        needs = f"{ballot.requirement.humans} signature{'s' * (ballot.requirement.humans != 1)}"
        what = f"This needs {needs} before it happens ({ballot.tier}: {ballot.action.tool})."
        return f"{what} Read and decide: {link}{changes}", {**about, "approval_id": ballot.id, "approval_link": link}
    if error := values.get("__error__"):
        return f"This did not work: {error['message']} (`{error['error']}`)", about
    ending = standing.run.ending
    words = [ending.answer_markdown or ending.message] if ending else []
    if ending and ending.hint and standing.run.status != "delivered":
        words.append(ending.hint)
    diff = str(values.get("diff") or "")
    shown = str(values.get("readable") or diff)
    return "\n\n".join([*words, *([f"```diff\n{shown.rstrip()}\n```"] if diff else [])]), {**about, "diff": diff}
