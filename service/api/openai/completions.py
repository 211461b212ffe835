"""Routes of OpenAI's API: models, and chat completions, whole or as a stream."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel, Field

from domain import SignoffError
from models import ToolCall
from service.api.dependencies import Reader, Runner, TheContext, answer
from service.api.openai.answers import AnswerEnd, AnswerEvent, AnswerPart, AnswerSource, ChoiceEnd, error_fields, whole
from service.api.openai.chat import ChatOptions
from service.api.openai.requests import CHAT, CODING, CommonFields, answer_to, read_format, read_tools
from service.api.openai.streaming import stopped, streamed
from service.errors import refuse
from service.runs.event_log import as_json
from service.wiring.server import ServerContext

router = APIRouter(prefix="/v1", tags=["openai"])
END = b"data: [DONE]\n\n"


class StreamOptions(BaseModel):
    include_usage: bool = False


class Completion(CommonFields):
    """The fields of a chat completion that mean something here."""

    messages: list[dict[str, Any]] = Field(min_length=1, max_length=1_000)
    n: int | None = Field(default=None, ge=1, le=8)
    stop: str | list[str] | None = None
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    response_format: dict[str, Any] | None = None
    stream_options: StreamOptions | None = None

    def options(self) -> ChatOptions:
        """What it wants of the chat model. Raises ``request_invalid``."""
        tools, required = read_tools(self.tools, self.tool_choice)
        return ChatOptions(
            choices=self.n or 1,
            stops=read_stops(self.stop),
            max_tokens=self.max_completion_tokens or self.max_tokens,
            temperature=self.temperature,
            tools=tools,
            tools_required=required,
            schema=read_format(self.response_format),
        )


def read_stops(given: str | list[str] | None) -> tuple[str, ...]:
    """The words that end an answer. Raises ``request_invalid`` for more than four, or an empty one."""
    stops = (given,) if isinstance(given, str) else tuple(given or ())
    if len(stops) > 4 or not all(stops):  # noqa: PLR2004  as many as OpenAI takes
        raise refuse("request_invalid", "There are four stop words at most, and none is empty.")
    return stops


def _model(at: ServerContext, name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": int(at.started_at.timestamp()), "owned_by": "signoff"}


def _names(at: ServerContext) -> list[str]:
    return [CODING, *([CHAT] if at.application.board.registry.any("chat") else [])]


@router.get("/models")
async def models(_: Reader, at: TheContext) -> dict[str, Any]:
    """What can be asked."""
    return {"object": "list", "data": [_model(at, name) for name in _names(at)]}


@router.get("/models/{model_id}")
async def model(_: Reader, at: TheContext, model_id: str) -> dict[str, Any]:
    """One of them."""
    if model_id not in _names(at):
        raise refuse("assistant_not_found", f"There is no model {model_id[:100]!r}.", hint="List them: GET /v1/models")
    return _model(at, model_id)


@router.post("/chat/completions")
async def complete(principal: Runner, at: TheContext, asked: Completion) -> Response:
    """Work on code runs the graph; questions go to the chat model."""
    given = await answer_to(at, principal, asked, asked.messages, asked.options())
    if asked.stream:
        include_usage = bool(asked.stream_options and asked.stream_options.include_usage)
        return await streamed(given, ChunkWriter(given, include_usage), "/v1/chat/completions")
    try:
        full = await whole(given)
    except SignoffError as error:
        return stopped(error, given, "/v1/chat/completions")
    choices = [
        {
            "index": choice,
            "finish_reason": end.finish,
            "logprobs": None,
            "message": {
                "role": "assistant",
                "content": full.contents.get(choice) if end.tool_calls else full.contents.get(choice, ""),
                "refusal": None,
                **({"tool_calls": [call_document(call) for call in end.tool_calls]} if end.tool_calls else {}),
            },
        }
        for choice, end in sorted(full.ends.items())
    ]
    document = {
        "id": f"chatcmpl-{given.id}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": given.model,
        "choices": choices,
        "usage": usage_document(full.end),
        "signoff": full.end.about,
    }
    return answer(document)


@dataclass(slots=True)
class ChunkWriter:
    """Writes an answer as chunks of a chat completion."""

    given: AnswerSource
    include_usage: bool
    created: int = field(default_factory=lambda: int(time.time()))
    begun: set[int] = field(default_factory=set[int])
    _ends: list[ChoiceEnd] = field(default_factory=list[ChoiceEnd])

    def write(self, event: AnswerEvent) -> list[bytes]:
        """The chunks of one event."""
        match event:
            case AnswerPart():
                return [*self.begin(event.choice), self._chunk(event.choice, {event.kind: event.text})]
            case ChoiceEnd():
                self._ends.append(event)
                calls = [{"index": index, **call_document(call)} for index, call in enumerate(event.tool_calls)]
                frames = [self._chunk(event.choice, {"tool_calls": [call]}) for call in calls]
                return [*self.begin(event.choice), *frames]
            case AnswerEnd():
                about = {"signoff": event.about} if event.about else {}
                frames = [self._chunk(end.choice, {}, finish=end.finish, **about) for end in self._ends]
                usage = self._head() | {"choices": [], "usage": usage_document(event)}
                return [*frames, *([_frame(usage)] if self.include_usage else []), END]

    def start(self) -> list[bytes]:
        """The first chunk of the first choice, once."""
        return self.begin(0)

    def failed(self, error: SignoffError) -> list[bytes]:
        """The last chunk of a stream that came to nothing."""
        return [_frame({"error": error_fields(error, self.given.going_on)})]

    def begin(self, choice: int) -> list[bytes]:
        """The first chunk of a choice."""
        if choice in self.begun:
            return []
        self.begun.add(choice)
        return [self._chunk(choice, {"role": "assistant", "content": ""})]

    def _chunk(self, choice: int, delta: dict[str, Any], *, finish: str | None = None, **more: Any) -> bytes:
        return _frame(self._head() | {"choices": [{"index": choice, "delta": delta, "finish_reason": finish}], **more})

    def _head(self) -> dict[str, Any]:
        return {
            "id": f"chatcmpl-{self.given.id}",
            "object": "chat.completion.chunk",
            "created": self.created,
            "model": self.given.model,
            # With it, every chunk but the last says that its usage is not known yet.
            **({"usage": None} if self.include_usage else {}),
        }


def _frame(document: Mapping[str, Any]) -> bytes:
    return b"data: " + as_json(document) + b"\n\n"


def call_document(call: ToolCall) -> dict[str, Any]:
    """A call of a tool, as chat completions have it. Pure."""
    arguments = call.raw if call.wrong else as_json(call.arguments).decode()
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def usage_document(end: AnswerEnd) -> dict[str, Any]:
    """What an answer cost, as chat completions have it. Pure."""
    return {
        "prompt_tokens": end.tokens_in,
        "completion_tokens": end.tokens_out,
        "total_tokens": end.tokens_in + end.tokens_out,
        "prompt_tokens_details": {"cached_tokens": end.tokens_cached},
    }
