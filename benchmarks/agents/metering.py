"""Proxy before an endpoint that counts the calls and tokens of each trial, whoever makes them."""

import asyncio
import json
import socket
from collections import defaultdict
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route


@dataclass(slots=True)
class Meter:
    """What one trial used."""

    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    most: int = 0
    """Calls that it may make; what is over is refused."""

    def count(self, document: object) -> None:
        """Add the usage of an answer, or of the last piece of a streamed one."""
        usage = document.get("usage") if isinstance(document, dict) else None
        if isinstance(usage, dict):
            self.tokens_in += int(usage.get("prompt_tokens") or 0)
            self.tokens_out += int(usage.get("completion_tokens") or 0)


@dataclass(frozen=True, slots=True)
class Proxy:
    """Where trials send their questions: ``url(trial)`` is an OpenAI-compatible endpoint of its own."""

    port: int
    meters: dict[str, Meter]

    def url(self, trial: str) -> str:
        return f"http://127.0.0.1:{self.port}/{trial}/v1"


@asynccontextmanager
async def metered(endpoint: str, *, calls: int) -> AsyncGenerator[Proxy]:
    """A proxy on loopback for as long as it is needed; each trial may make ``calls`` calls."""
    meters: dict[str, Meter] = defaultdict(lambda: Meter(most=calls))
    async with httpx.AsyncClient(base_url=endpoint.rstrip("/"), timeout=1_800) as client:

        async def forward(request: Request) -> Response:
            meter, path = meters[request.path_params["trial"]], request.path_params["path"]
            if request.method == "GET":
                answer = await client.get(f"/{path}")
                return Response(answer.content, answer.status_code, media_type="application/json")
            if not path.endswith("completions"):
                # What only counts or probes is no question of the task.
                answer = await client.post(f"/{path}", json=await request.json())
                return Response(answer.content, answer.status_code, media_type="application/json")
            meter.calls += 1
            if meter.calls > meter.most:
                return Response('{"error": {"message": "no calls left for this trial"}}', 400)
            question = await request.json()
            question.pop("seed", None)  # vLLM on the CPU dies of it.
            if not question.get("stream"):
                answer = await client.post(f"/{path}", json=question)
                if answer.is_success:
                    meter.count(answer.json())
                return Response(answer.content, answer.status_code, media_type="application/json")
            question["stream_options"] = {"include_usage": True}
            return StreamingResponse(_pieces(client, path, question, meter), media_type="text/event-stream")

        # Listening from here on: a question that comes before the server runs waits in the socket.
        listener = socket.socket(proto=socket.IPPROTO_TCP)  # asyncio sends at once only where it is named
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        app = Starlette(routes=[Route("/{trial}/v1/{path:path}", forward, methods=["GET", "POST"])])
        server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield Proxy(listener.getsockname()[1], meters)
        finally:
            server.should_exit = True
            await serving


async def _pieces(client: httpx.AsyncClient, path: str, question: object, meter: Meter) -> AsyncGenerator[bytes]:
    async with client.stream("POST", f"/{path}", json=question) as answer:
        async for line in answer.aiter_lines():
            data = line.removeprefix("data: ")
            if data.startswith("{") and '"usage"' in data:
                meter.count(json.loads(data))
            yield f"{line}\n".encode()
