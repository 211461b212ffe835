"""The bytes of the OpenAI protocol, as ``openai_server`` sends and receives them."""

import asyncio
import json
from dataclasses import dataclass, field, is_dataclass
from typing import Any

from pydantic import TypeAdapter

CHARS_PER_TOKEN = 4
PIECE = 16
"""Characters in one piece of a stream."""


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def form(self) -> str:
        """Name of the form that was asked for: ``plan``, ``code_change``, ``review``, else ``text``."""
        asked = (self.body.get("response_format") or {}).get("json_schema") or {}
        return asked.get("name") or self.headers.get("x-signoff-answer") or "text"

    @property
    def key(self) -> str:
        return self.headers.get("authorization", "").removeprefix("Bearer ")


@dataclass(slots=True)
class Billed:
    """What one answer costs its endpoint: the prompt, and what was sent of the answer."""

    tokens_in: int
    chars: int = 0

    @property
    def tokens(self) -> int:
        return self.tokens_in + self.chars // CHARS_PER_TOKEN


@dataclass(slots=True, kw_only=True)
class Answer:
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


async def received(reader: asyncio.StreamReader) -> Received | None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, path, _ = head[0].split(" ", 2)
    headers = {k.strip().lower(): v.strip() for k, v in (line.split(":", 1) for line in head[1:] if ":" in line)}
    data = await reader.readexactly(int(headers.get("content-length", "0")))
    return Received(method, path.split("?", 1)[0], headers, json.loads(data) if data else {})


async def send(writer: asyncio.StreamWriter, reply: Answer) -> None:
    headers = {**reply.headers, "content-length": str(len(reply.body)), "connection": "close"}
    lines = "".join(f"{name}: {text}\r\n" for name, text in headers.items())
    writer.write(f"HTTP/1.1 {reply.status} x\r\n{lines}\r\n".encode() + reply.body)
    await writer.drain()


async def stream(
    step: dict[str, Any], request: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, billed: Billed
) -> None:
    head = (
        "HTTP/1.1 200 x\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    )
    writer.write(head.encode())
    for _ in range(step.get("flood_mb", 0)):  # one piece of the stream, and it never ends
        writer.write(b"%x\r\n%s\r\n" % (1 << 20, b"x" * (1 << 20)))
        await writer.drain()
    for number, event in enumerate(events(step, request)):
        if number == step.get("hang_after"):
            await writer.drain()
            await reader.read()  # ends when the client hangs up
            return
        if number == step.get("cut_after"):
            await writer.drain()
            return
        if "until" in step and number == step["until"][0]:
            await step["until"][1].wait()
        if pause := step.get("drip_s"):
            await asyncio.sleep(pause)
        data = f"data: {event}\n\n".encode()
        writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        await writer.drain()
        billed.chars = min(len(said(step)), number * PIECE)
    writer.write(b"0\r\n\r\n")
    await writer.drain()


def events(step: dict[str, Any], request: Received) -> list[str]:
    common = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": request.body["model"]}
    text = said(step)
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": text[i : i + PIECE]} for i in range(0, len(text), PIECE)]
    for number, (name, arguments) in enumerate(step.get("calls", ())):
        written = arguments if isinstance(arguments, str) else json.dumps(arguments)
        deltas.append({"tool_calls": [{**calling(name, "", number), "index": number}]})
        deltas += [
            {"tool_calls": [{"index": number, "function": {"arguments": written[i : i + PIECE]}}]}
            for i in range(0, len(written), PIECE)
        ]
    if tool := called(step, request):
        deltas = [{"role": "assistant", "content": None, "tool_calls": [{**calling(tool, ""), "index": 0}]}]
        deltas += [
            {"tool_calls": [{"index": 0, "function": {"arguments": text[i : i + PIECE]}}]}
            for i in range(0, len(text), PIECE)
        ]
    out = [{**common, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    end = {"index": 0, "delta": {}, "finish_reason": finished(step)}
    out.append({**common, "choices": [end]})
    if (request.body.get("stream_options") or {}).get("include_usage") and step.get("usage") is not False:
        out.append({**common, "choices": [], "usage": counted(step, request)})
    return [*(json.dumps(event) for event in out), "[DONE]"]


def completion(step: dict[str, Any], request: Received) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": said(step)}
    if tool := called(step, request):
        message = {"role": "assistant", "content": None, "tool_calls": [calling(tool, said(step))]}
    if calls := step.get("calls"):
        written = [(name, a if isinstance(a, str) else json.dumps(a)) for name, a in calls]
        message["tool_calls"] = [calling(name, text, number) for number, (name, text) in enumerate(written)]
    choice = {"index": 0, "message": message, "finish_reason": finished(step)}
    whole = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": request.body["model"]}
    usage = {} if step.get("usage") is False else {"usage": counted(step, request)}
    return {**whole, "choices": [choice], **usage}


def called(step: dict[str, Any], request: Received) -> str | None:
    """The tool that has to be called."""
    if step.get("ignores_tools"):
        return None
    wanted = request.body.get("tool_choice")
    return wanted["function"]["name"] if isinstance(wanted, dict) else None


def calling(tool: str, arguments: str, number: int = 0) -> dict[str, Any]:
    return {"id": f"call_{number + 1}", "type": "function", "function": {"name": tool, "arguments": arguments}}


def finished(step: dict[str, Any]) -> str:
    return step.get("finish") or ("tool_calls" if step.get("calls") else "stop")


def said(step: dict[str, Any]) -> str:
    answer = step.get("answer", "")
    if is_dataclass(answer) and not isinstance(answer, type):
        return TypeAdapter(type(answer)).dump_json(answer).decode()
    return answer if isinstance(answer, str) else json.dumps(answer)


def counted(step: dict[str, Any], request: Received) -> dict[str, Any]:
    read, wrote = tokens_in(request.body), len(said(step)) // CHARS_PER_TOKEN
    tokens = {"prompt_tokens": read, "completion_tokens": wrote, "total_tokens": read + wrote}
    return step.get("usage") or tokens


def tokens_in(body: dict[str, Any]) -> int:
    words = sum(len(message.get("content") or "") for message in body.get("messages", ()))
    calls = [call for message in body.get("messages", ()) for call in message.get("tool_calls") or ()]
    return (words + sum(len(call["function"]["arguments"]) for call in calls)) // CHARS_PER_TOKEN


def error(status: int, message: str, code: str | None) -> Answer:
    return as_json(
        status, {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}
    )


def as_json(status: int, body: dict[str, Any]) -> Answer:
    return Answer(status=status, headers={"content-type": "application/json"}, body=json.dumps(body).encode())
