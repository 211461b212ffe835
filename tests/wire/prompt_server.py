"""A small server on loopback that speaks Langfuse's prompt API, and fails as it is told."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

PUBLIC, SECRET = "pk-lf-1", "sk-lf-0000"
PATH = "/api/public/v2/prompts/"


@dataclass
class PromptServer:
    """Prompts by name and label; ``status`` for everybody when it is not 200, ``body`` instead of every answer."""

    url: str = ""
    prompts: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    status: int = 200
    body: bytes | None = None
    hangs: threading.Event | None = None
    asked: list[tuple[str, str]] = field(default_factory=list)

    def label(self, name: str, label: str, prompt: object, version: int = 1) -> None:
        """Give a prompt this label, as somebody would on Langfuse's page."""
        kind = "text" if isinstance(prompt, str) else "chat"
        self.prompts[name, label] = {
            "name": name,
            "version": version,
            "type": kind,
            "prompt": prompt,
            "labels": [label],
            "tags": [],
            "config": {},
        }

    def answer(self, path: str, authorization: str) -> tuple[int, bytes]:
        if self.hangs is not None:
            self.hangs.wait()
        split = urlsplit(path)
        name, label = unquote(split.path.removeprefix(PATH)), parse_qs(split.query).get("label", ["production"])[0]
        self.asked.append((name, label))
        if authorization != "Basic " + base64.b64encode(f"{PUBLIC}:{SECRET}".encode()).decode():
            return 401, b'{"message": "Invalid credentials"}'
        if self.status != 200 or self.body is not None:
            return self.status, self.body or b'{"message": "no"}'
        found = self.prompts.get((name, label))
        if found is None:
            return 404, b'{"message": "Prompt not found", "error": "LangfuseNotFoundError"}'
        return 200, json.dumps(found).encode()


@contextmanager
def prompt_server() -> Iterator[PromptServer]:
    told = PromptServer()

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = told.answer(self.path, self.headers.get("authorization", ""))
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    told.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield told
    finally:
        if told.hangs is not None:
            told.hangs.set()
        server.shutdown()
        server.server_close()
        thread.join()
