"""A model endpoint on loopback that speaks the OpenAI protocol and says what a script tells it to.

In a test::

    async with OpenAIServer([{"answer": PLAN}, {"status": 429, "headers": {"retry-after": "1"}}]) as server:
        ...  # server.base_url, server.requests

As a process, for tests of the command line (the port is written to FILE once it listens)::

    python -m tests.wire.openai_server --script script.json --port-file FILE

A step of the script is a dict:

=============  =====================================================================================
``answer``     text, a JSON object or a value of the domain: what the model says
``when``       only for this form: ``plan``, ``code_change``, ``review`` or ``text`` (no form)
``repeat``     true: the step is never used up
``status``     an HTTP error, with ``message``, ``headers`` and ``code``
``raw``        this body with status 200, as it is; ``content_type`` beside it
``finish``     finish reason; ``stop`` unless told
``cut_after``  the connection breaks after so many pieces of the stream
``hang_after`` nothing comes any more after so many pieces (0: not even a first byte of the answer)
``break``      true: the connection closes before there is an answer
``plain``      true: a whole answer although a stream was asked for
``usage``      token counts to report; false: none
=============  =====================================================================================
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, is_dataclass
from pathlib import Path
from typing import Any, Self

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


@dataclass(slots=True, kw_only=True)
class _Reply:
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class OpenAIServer:
    """See the module. ``supports`` are the response formats it does not refuse."""

    def __init__(
        self,
        script: Sequence[dict[str, Any]] = (),
        *,
        models: Sequence[str] = ("fake-model",),
        max_model_len: int = 32_768,
        api_key: str | None = None,
        supports: Sequence[str] = ("json_schema", "json_object"),
        refuses: Sequence[str] = (),
        port: int = 0,
    ) -> None:
        self.script = list(script)
        self.models, self.max_model_len, self.api_key = tuple(models), max_model_len, api_key
        self.supports, self.refuses = tuple(supports), tuple(refuses)
        self.requests: list[Received] = []
        self._port, self._server = port, None
        self._open: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in tuple(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def port(self) -> int:
        return self._port

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1"

    @property
    def asked(self) -> list[Received]:
        """The requests for a completion; probes are left out."""
        return [request for request in self.requests if request.path.endswith("/chat/completions")]

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            if (request := await _received(reader)) is not None:
                self.requests.append(request)
                await self._answer(request, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._open.discard(task)
            writer.close()

    async def _answer(self, request: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.api_key is not None and request.key != self.api_key:
            return await _send(writer, _error(401, f"Incorrect API key provided: {request.key}", "invalid_api_key"))
        if request.method == "GET" and request.path.endswith("/models"):
            return await _send(writer, _json(200, self._served()))
        if request.method != "POST" or not request.path.endswith("/chat/completions"):
            return await _send(writer, _error(404, "Not Found", None))
        if (refused := self._refused(request)) is not None:
            return await _send(writer, refused)
        step = self._next(request.form)
        if step is None:
            return await _send(writer, _error(418, f"The script has no answer left for {request.form}.", None))
        return await self._play(step, request, reader, writer)

    def _served(self) -> dict[str, Any]:
        entries = [{"id": m, "object": "model", "max_model_len": self.max_model_len} for m in self.models]
        return {"object": "list", "data": entries}

    def _refused(self, request: Received) -> _Reply | None:
        """What any real endpoint would say no to."""
        body = request.body
        if body.get("model") not in self.models:
            return _error(404, f"The model `{body.get('model')}` does not exist.", "model_not_found")
        kind = (body.get("response_format") or {}).get("type", "text")
        if kind not in {"text", *self.supports}:
            return _error(400, f"'response_format' of type '{kind}' is not supported with this model.", None)
        for name in self.refuses:
            if name in body:
                return _error(400, f"Unrecognized request argument supplied: {name}", None)
        tokens = _tokens_in(body)
        if tokens > self.max_model_len:
            said = f"This model's maximum context length is {self.max_model_len} tokens. However, your request has {tokens} input tokens."  # noqa: E501
            return _error(400, said, None)
        return None

    def _next(self, form: str) -> dict[str, Any] | None:
        for step in self.script:
            if step.get("when", form) == form:
                if not step.get("repeat"):
                    self.script.remove(step)
                return step
        return None

    async def _play(
        self, step: dict[str, Any], request: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if step.get("break"):
            return None
        if "status" in step:
            reply = _error(step["status"], step.get("message", "no"), step.get("code"))
            reply.headers.update(step.get("headers", {}))
            return await _send(writer, reply)
        if "raw" in step:
            kind = step.get("content_type", "application/json")
            return await _send(writer, _Reply(headers={"content-type": kind}, body=step["raw"].encode()))
        if not request.body.get("stream") or step.get("plain"):
            if "hang_after" in step:
                await reader.read()  # ends when the client hangs up
                return None
            return await _send(writer, _json(200, _completion(step, request)))
        return await _stream(step, request, reader, writer)


async def _received(reader: asyncio.StreamReader) -> Received | None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, path, _ = head[0].split(" ", 2)
    headers = {k.strip().lower(): v.strip() for k, v in (line.split(":", 1) for line in head[1:] if ":" in line)}
    data = await reader.readexactly(int(headers.get("content-length", "0")))
    return Received(method, path.split("?", 1)[0], headers, json.loads(data) if data else {})


async def _send(writer: asyncio.StreamWriter, reply: _Reply) -> None:
    headers = {**reply.headers, "content-length": str(len(reply.body)), "connection": "close"}
    lines = "".join(f"{name}: {text}\r\n" for name, text in headers.items())
    writer.write(f"HTTP/1.1 {reply.status} x\r\n{lines}\r\n".encode() + reply.body)
    await writer.drain()


async def _stream(
    step: dict[str, Any], request: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    head = (
        "HTTP/1.1 200 x\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    )
    writer.write(head.encode())
    for number, event in enumerate(_events(step, request)):
        if number == step.get("hang_after"):
            await writer.drain()
            await reader.read()  # ends when the client hangs up
            return
        if number == step.get("cut_after"):
            await writer.drain()
            return
        data = f"data: {event}\n\n".encode()
        writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        await writer.drain()
    writer.write(b"0\r\n\r\n")
    await writer.drain()


def _events(step: dict[str, Any], request: Received) -> list[str]:
    common = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": request.body["model"]}
    text = _text(step)
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": text[i : i + PIECE]} for i in range(0, len(text), PIECE)]
    out = [{**common, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    end = {"index": 0, "delta": {}, "finish_reason": step.get("finish", "stop")}
    out.append({**common, "choices": [end]})
    if (request.body.get("stream_options") or {}).get("include_usage") and step.get("usage") is not False:
        out.append({**common, "choices": [], "usage": _usage(step, request)})
    return [*(json.dumps(event) for event in out), "[DONE]"]


def _completion(step: dict[str, Any], request: Received) -> dict[str, Any]:
    message = {"role": "assistant", "content": _text(step)}
    choice = {"index": 0, "message": message, "finish_reason": step.get("finish", "stop")}
    whole = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": request.body["model"]}
    usage = {} if step.get("usage") is False else {"usage": _usage(step, request)}
    return {**whole, "choices": [choice], **usage}


def _text(step: dict[str, Any]) -> str:
    said = step.get("answer", "")
    if is_dataclass(said) and not isinstance(said, type):
        return TypeAdapter(type(said)).dump_json(said).decode()
    return said if isinstance(said, str) else json.dumps(said)


def _usage(step: dict[str, Any], request: Received) -> dict[str, Any]:
    tokens_in, tokens_out = _tokens_in(request.body), len(_text(step)) // CHARS_PER_TOKEN
    counted = {"prompt_tokens": tokens_in, "completion_tokens": tokens_out, "total_tokens": tokens_in + tokens_out}
    return step.get("usage") or counted


def _tokens_in(body: dict[str, Any]) -> int:
    return sum(len(message.get("content") or "") for message in body.get("messages", ())) // CHARS_PER_TOKEN


def _error(status: int, message: str, code: str | None) -> _Reply:
    return _json(status, {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}})


def _json(status: int, body: dict[str, Any]) -> _Reply:
    return _Reply(status=status, headers={"content-type": "application/json"}, body=json.dumps(body).encode())


async def _serve(options: argparse.Namespace) -> None:
    told = json.loads(options.script.read_text(encoding="utf-8"))
    script, rest = (told, {}) if isinstance(told, list) else (told.pop("script"), told)
    async with OpenAIServer(script, **rest) as server:
        partial = options.port_file.with_suffix(".part")
        partial.write_text(str(server.port), encoding="utf-8")
        partial.rename(options.port_file)  # whoever waits for the file never reads half of it
        await asyncio.Event().wait()


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until the process is ended. The file is a list of steps, or an object: ``script`` and options."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--script", type=Path, required=True)
    parser.add_argument("--port-file", type=Path, required=True)
    try:
        asyncio.run(_serve(parser.parse_args(arguments)))
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
