"""A conversation with the chat model, in OpenAI's form: the answer streams while it is written."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal
from uuid import uuid4

from fastapi.responses import Response, StreamingResponse

from domain import SignoffError, Task
from domain.masking import Echoes, without_echoes, words_of
from models import Message, Question, Reply, SelectionContext
from service.api.caller import answer
from service.api.completions import CHAT, END, chunk, document, failed
from service.asking import spoken
from service.office import Office
from service.refusals import refuse
from service.who import Who

AGAIN = "\n\n(the model broke off; it begins anew)\n\n"
OPEN, CLOSE = "<think>", "</think>"


async def talk(at: Office, who: Who, given: Sequence[dict[str, Any]], *, stream: bool) -> Response:
    """Have the chat model answer. What goes wrong before the first word is an HTTP error, later the last event."""
    board = at.house.board
    if not board.registry.any("chat"):
        raise refuse("assistant_not_found", "No chat model is configured.")
    said, id_ = _messages(given), f"chatcmpl-{uuid4().hex}"
    task = Task(text=said[-1].content[:2_000], repo="", requester=who.subject, standing=who.standing,
                strategy=at.settings.strategy)  # fmt: skip
    model = board.model("chat", SelectionContext(run=id_, org=who.org, task=task))
    systems = [message.content for message in said if message.role == "system"]
    settings = at.house.catalogue.settings("chat", timeout_s=at.settings.model_timeout_s)
    if not stream:
        reply = await model.ask(Question(said, str, settings=settings))
        words, _ = without_echoes(reply.value, systems)
        used = {"prompt_tokens": reply.usage.tokens_in, "completion_tokens": reply.usage.tokens_out,
                "total_tokens": reply.usage.tokens_in + reply.usage.tokens_out}  # fmt: skip
        return answer(document(id_, CHAT, words, {}, usage=used))
    pieces: asyncio.Queue[str | None] = asyncio.Queue()

    async def ask() -> Reply[str]:
        try:
            return await model.ask(Question(said, str, settings=settings, listener=pieces.put_nowait))
        finally:
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
    aloud, echoes = Aloud(), Echoes(told=words_of(systems))
    piece: str | None = first
    try:
        yield chunk(id_, {"role": "assistant", "content": ""}, model=CHAT)
        while piece is not None:
            for where, text in aloud.split(echoes.hear(piece) if piece else echoes.flush() + AGAIN):
                yield chunk(id_, {where: text}, model=CHAT)
            piece = await pieces.get()
        for where, text in aloud.split(echoes.flush()):
            yield chunk(id_, {where: text}, model=CHAT)
        reply = await asking
        yield chunk(id_, {}, finish="length" if reply.finish == "length" else "stop", model=CHAT)
        yield END
    except SignoffError as error:
        yield failed(error)
    finally:
        asking.cancel()
        with suppress(asyncio.CancelledError, SignoffError):
            await asking


@dataclass(slots=True)
class Aloud:
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


def _messages(given: Sequence[dict[str, Any]]) -> tuple[Message, ...]:
    found: list[Message] = []
    for message in given:
        role = message.get("role")
        if role not in {"system", "user", "assistant", "developer"}:
            raise refuse("request_invalid", "Messages come from system, user or assistant.")
        kind = "system" if role == "developer" else role
        found.append(Message(role=kind, content=spoken(message.get("content"))))
    return tuple(found)
