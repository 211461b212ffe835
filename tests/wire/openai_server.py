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
``calls``      tools that are called beside the words: pairs of a name and arguments (an object, or text as it is)
``finish``     finish reason; ``stop`` unless told
``cut_after``  the connection breaks after so many pieces of the stream
``hang_after`` nothing comes any more after so many pieces (0: not even a first byte of the answer)
``flood_mb``   so many megabytes without the end of a line come first
``drip_s``     seconds before each piece of the stream
``until``      a number and an ``asyncio.Event``: so many pieces come, the others once it is set
``break``      true: the connection closes before there is an answer
``plain``      true: a whole answer although a stream was asked for
``ignores_tools`` true: it answers in words although a tool has to be called
``usage``      token counts to report; false: none
=============  =====================================================================================
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from tests.wire import openai_answers as answers
from tests.wire.openai_answers import Answer, Billed, Received, as_json, completion, error, said, send, tokens_in
from tests.wire.openai_refusals import refused


class OpenAIServer:
    """See the module.

    ``supports``: response formats it takes; ``tokenizer``: it lends one, so much finer than ours; ``routes``: what it
    has beside the protocol.
    """

    def __init__(
        self,
        script: Sequence[dict[str, Any]] = (),
        *,
        models: Sequence[str] = ("fake-model",),
        max_model_len: int = 32_768,
        api_key: str | None = None,
        supports: Sequence[str] = ("json_schema", "json_object"),
        refuses: Sequence[str] = (),
        tokenizer: float | None = None,
        lists: bool = True,
        routes: Mapping[str, Any] | None = None,
        port: int = 0,
    ) -> None:
        self.script = list(script)
        self.models, self.max_model_len, self.api_key = tuple(models), max_model_len, api_key
        self.supports, self.refuses = tuple(supports), tuple(refuses)
        self.tokenizer, self.lists, self.routes = tokenizer, lists, dict(routes or {})
        self.requests: list[Received] = []
        self.billed: list[Billed] = []
        """What it would send a bill for: every answer that it began."""
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
            if (request := await answers.received(reader)) is not None:
                self.requests.append(request)
                await self._answer(request, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            writer.transport.abort()  # what nobody reads any more is not sent
        finally:
            writer.close()
            try:
                await writer.wait_closed()
            except (ConnectionError, asyncio.CancelledError):
                writer.transport.abort()  # before the loop ends: nothing is left open for the next test
            self._open.discard(task)

    async def _answer(self, request: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.api_key is not None and request.key != self.api_key:
            return await send(writer, error(401, f"Incorrect API key provided: {request.key}", "invalid_api_key"))
        if (own := self.routes.get(f"{request.method} {request.path}")) is not None:
            return await send(writer, as_json(200, own.pop(0) if isinstance(own, list) else own))
        if request.method == "GET" and request.path == "/v1/models" and self.lists:
            return await send(writer, as_json(200, self._served()))
        if request.path == "/tokenize" and self.tokenizer is not None:
            told = {"count": self._counted(request), "max_model_len": self.max_model_len, "tokens": []}
            return await send(writer, as_json(200, told))
        if request.method != "POST" or not request.path.endswith("/chat/completions"):
            return await send(writer, error(404, "Not Found", None))
        if (no := refused(request, self, self._counted(request))) is not None:
            return await send(writer, no)
        step = self.next_step(request)
        if step is None:
            return await send(writer, error(418, f"The script has no answer left for {request.form}.", None))
        return await self._play(step, request, reader, writer)

    def _counted(self, request: Received) -> int:
        return int(tokens_in(request.body) * (self.tokenizer or 1.0))

    def _served(self) -> dict[str, Any]:
        entries = [{"id": m, "object": "model", "max_model_len": self.max_model_len} for m in self.models]
        return {"object": "list", "data": entries}

    def next_step(self, request: Received) -> dict[str, Any] | None:
        """The step that answers a request; who decides by the conversation overrides it."""
        for step in self.script:
            if step.get("when", request.form) == request.form:
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
            reply = error(step["status"], step.get("message", "no"), step.get("code"))
            reply.headers.update(step.get("headers", {}))
            return await send(writer, reply)
        if "raw" in step:
            kind = step.get("content_type", "application/json")
            return await send(writer, Answer(headers={"content-type": kind}, body=step["raw"].encode()))
        if not request.body.get("stream") or step.get("plain"):
            self.billed.append(Billed(tokens_in(request.body)))
            if "hang_after" in step:
                await reader.read()  # ends when the client hangs up
                return None
            self.billed[-1].chars = len(said(step))
            return await send(writer, as_json(200, completion(step, request)))
        self.billed.append(Billed(tokens_in(request.body)))
        return await answers.stream(step, request, reader, writer, self.billed[-1])


async def _serve(options: argparse.Namespace) -> None:
    told = json.loads(options.script.read_text(encoding="utf-8"))
    script, rest = (told, {}) if isinstance(told, list) else (told.pop("script"), told)
    async with OpenAIServer(script, **rest) as server:
        partial = options.port_file.with_suffix(".part")
        partial.write_text(str(server.port), encoding="utf-8")
        partial.rename(options.port_file)  # whoever waits for the file never reads half of it
        sys.stdout.write(f"listening on {server.base_url}\n")
        sys.stdout.flush()
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
