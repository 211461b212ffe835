"""Route of OpenAI's responses: the same answers in the newer form, whole or as its typed events.

``previous_response_id`` goes on with the thread of a run. Answers of the chat model are not kept: what was said before
is sent again.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel, Field

from domain import Refused, SignoffError
from models import ToolCall
from service.api.dependencies import Runner, TheContext, answer
from service.api.openai.answers import AnswerEnd, AnswerEvent, AnswerPart, AnswerSource, ChoiceEnd, error_fields, whole
from service.api.openai.chat import ChatOptions
from service.api.openai.requests import CommonFields, answer_to, read_format, read_tools
from service.api.openai.streaming import stopped, streamed
from service.errors import refuse
from service.runs.event_log import as_json

router = APIRouter(prefix="/v1", tags=["openai"])
PREFIX = "resp_"


class TextOptions(BaseModel):
    format: dict[str, Any] | None = None


class ResponseAsk(CommonFields):
    """The fields of a response that mean something here."""

    input: str | list[dict[str, Any]]
    instructions: str | None = Field(default=None, max_length=100_000)
    max_output_tokens: int | None = Field(default=None, ge=1)
    previous_response_id: str | None = Field(default=None, max_length=100)
    text: TextOptions | None = None

    def options(self) -> ChatOptions:
        """What it wants of the chat model. Raises ``request_invalid``."""
        tools, required = read_tools(self.tools, self.tool_choice)
        return ChatOptions(
            max_tokens=self.max_output_tokens,
            temperature=self.temperature,
            tools=tools,
            tools_required=required,
            schema=read_format(self.text.format if self.text else None),
        )


def read_items(given: str | Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The items of an input as messages of a chat completion. Raises ``request_invalid``. Pure."""
    if isinstance(given, str):
        return [{"role": "user", "content": given}]
    messages: list[dict[str, Any]] = []
    for item in given:
        match item.get("type", "message"):
            case "message":
                messages.append({"role": item.get("role"), "content": item.get("content")})
            case "function_call":
                function = {"name": item.get("name"), "arguments": item.get("arguments")}
                call = {"id": item.get("call_id"), "type": "function", "function": function}
                messages.append({"role": "assistant", "content": "", "tool_calls": [call]})
            case "function_call_output":
                messages.append(
                    {"role": "tool", "tool_call_id": item.get("call_id"), "content": str(item.get("output") or "")}
                )
            case "reasoning":  # what a model thought is not told to it again
                continue
            case other:
                raise refuse("request_invalid", f"Items are messages and function calls, not {str(other)[:60]!r}.")
    if not messages:
        raise refuse("request_invalid", "The input says nothing.")
    return messages


@router.post("/responses")
async def respond(principal: Runner, at: TheContext, asked: ResponseAsk) -> Response:
    """Work on code runs the graph; questions go to the chat model."""
    messages = read_items(asked.input)
    if asked.instructions:
        messages = [{"role": "system", "content": asked.instructions}, *messages]
    if asked.previous_response_id:
        try:
            turn = await at.turns.get(asked.previous_response_id.removeprefix(PREFIX), principal.org)
            await at.threads.get(turn.thread, principal.org)
        except Refused:
            raise refuse(
                "turn_not_found",
                "There is no such response.",
                hint="Only those of runs are kept; send the conversation itself to the chat model.",
            ) from None
        asked = asked.model_copy(update={"thread_id": turn.thread})
    given = await answer_to(at, principal, asked, messages, asked.options())
    writer = ResponseWriter(given, asked)
    if asked.stream:
        return await streamed(given, writer, "/v1/responses")
    try:
        full = await whole(given)
    except SignoffError as error:
        return stopped(error, given, "/v1/responses")
    writer.text, writer.end = full.contents.get(0, ""), full.ends.get(0, ChoiceEnd())
    return answer(writer.document("completed", full.end))


@dataclass(slots=True)
class ResponseWriter:
    """Writes an answer as a response: one message, then the calls."""

    given: AnswerSource
    asked: ResponseAsk
    created: float = field(default_factory=time.time)
    text: str = ""
    end: ChoiceEnd = field(default_factory=ChoiceEnd)
    begun: bool = False
    _number: int = 0

    @property
    def message(self) -> str:
        """Id of the message."""
        return f"msg_{self.given.id}"

    def document(self, status: str, end: AnswerEnd | None = None, error: Any = None) -> dict[str, Any]:
        """The response as it stands."""
        is_cut = status == "completed" and self.end.finish == "length"
        usage = None
        if end is not None:
            usage = {
                "input_tokens": end.tokens_in,
                "input_tokens_details": {"cached_tokens": end.tokens_cached},
                "output_tokens": end.tokens_out,
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": end.tokens_in + end.tokens_out,
            }
        return {
            "id": f"{PREFIX}{self.given.id}",
            "object": "response",
            "created_at": self.created,
            "status": "incomplete" if is_cut else status,
            "error": error,
            "incomplete_details": {"reason": "max_output_tokens"} if is_cut else None,
            "instructions": self.asked.instructions,
            "max_output_tokens": self.asked.max_output_tokens,
            "metadata": self.asked.metadata or {},
            "model": self.given.model,
            "output": self._output() if end is not None else [],
            "parallel_tool_calls": True,
            "previous_response_id": self.asked.previous_response_id,
            "temperature": self.asked.temperature,
            "tool_choice": self.asked.tool_choice or "auto",
            "tools": self.asked.tools or [],
            "usage": usage,
            **({"signoff": end.about} if end is not None and end.about else {}),
        }

    def _output(self) -> list[dict[str, Any]]:
        calls = [_item(call) for call in self.end.tool_calls]
        return [*([self._message("completed")] if self.text or not calls else []), *calls]

    def _message(self, status: str) -> dict[str, Any]:
        content = [self._part()] if status == "completed" else []
        return {"id": self.message, "type": "message", "status": status, "role": "assistant", "content": content}

    def _part(self) -> dict[str, Any]:
        return {"type": "output_text", "text": self.text, "annotations": [], "logprobs": []}

    def start(self) -> list[bytes]:
        """The first events, once."""
        if self.begun:
            return []
        self.begun = True
        return [self._event(f"response.{name}", response=self.document("in_progress")) for name in STARTS]

    def write(self, event: AnswerEvent) -> list[bytes]:
        """The events of one part. What is thought before an answer comes is told as a summary of reasoning."""
        match event:
            case AnswerPart(kind="reasoning_content"):
                where = {"item_id": f"rs_{self.given.id}", "output_index": 0, "summary_index": 0}
                return [*self.start(), self._event("response.reasoning_summary_text.delta", delta=event.text, **where)]
            case AnswerPart():
                opening = [] if self.text else self._open_message()
                self.text += event.text
                where = {"item_id": self.message, "output_index": 0, "content_index": 0, "logprobs": []}
                return [*self.start(), *opening, self._event("response.output_text.delta", delta=event.text, **where)]
            case ChoiceEnd():
                self.end = event
                return [*self.start(), *(self._close_message() if self.text else []), *self._calls()]
            case AnswerEnd():
                done = self.document("completed", event)
                return [self._event(f"response.{done['status']}", response=done)]

    def failed(self, error: SignoffError) -> list[bytes]:
        """The last event of a stream that came to nothing."""
        fields = error_fields(error, self.given.going_on)
        return [self._event("error", **fields)]

    def _open_message(self) -> list[bytes]:
        where = {"item_id": self.message, "output_index": 0, "content_index": 0}
        return [
            self._event("response.output_item.added", output_index=0, item=self._message("in_progress")),
            self._event("response.content_part.added", part={**self._part(), "text": ""}, **where),
        ]

    def _close_message(self) -> list[bytes]:
        where = {"item_id": self.message, "output_index": 0, "content_index": 0}
        return [
            self._event("response.output_text.done", text=self.text, logprobs=[], **where),
            self._event("response.content_part.done", part=self._part(), **where),
            self._event("response.output_item.done", output_index=0, item=self._message("completed")),
        ]

    def _calls(self) -> list[bytes]:
        frames: list[bytes] = []
        for index, call in enumerate(self.end.tool_calls, bool(self.text)):
            item = _item(call)
            where = {"item_id": item["id"], "output_index": index}
            name, arguments = "response.function_call_arguments", item["arguments"]
            frames += [
                self._event("response.output_item.added", output_index=index, item={**item, "arguments": ""}),
                self._event(f"{name}.delta", delta=arguments, **where),
                self._event(f"{name}.done", name=call.name, arguments=arguments, **where),
                self._event("response.output_item.done", output_index=index, item=item),
            ]
        return frames

    def _event(self, kind: str, **fields: Any) -> bytes:
        body = as_json({"type": kind, "sequence_number": self._number, **fields})
        self._number += 1
        return f"event: {kind}\ndata: ".encode() + body + b"\n\n"


STARTS = ("created", "in_progress")


def _item(call: ToolCall) -> dict[str, Any]:
    arguments = call.raw if call.wrong else as_json(call.arguments).decode()
    item = {"id": f"fc_{call.id}", "type": "function_call", "status": "completed"}
    return {**item, "call_id": call.id, "name": call.name, "arguments": arguments}
