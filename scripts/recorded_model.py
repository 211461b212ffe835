"""A stand-in for a model: answers every question with the one change that is recorded for an example.

``scripts/recorded_model.py EXAMPLE -- COMMAND …`` runs a command with it as its model. It shows what Signoff does
around a model, on a machine that has none; it thinks nothing.
"""

import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CHANGES = {
    "shipping": {
        "files_to_update": [
            {
                "path": "arrival.js",
                "search": "ordered.getUTCHours() > CUT_OFF",
                "replace": "ordered.getUTCHours() >= CUT_OFF",
            }
        ],
        "commit_message": "What is ordered in the hour of the cut-off leaves on the next day",
    }
}
NAME = "recorded-answer"


class Answers(BaseHTTPRequestHandler):
    """OpenAI's chat completions, whole or streamed, as far as Signoff asks for them."""

    answer = ""

    def do_GET(self) -> None:
        self._send({"object": "list", "data": [{"id": NAME, "object": "model", "max_model_len": 32_768}]})

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers.get("Content-Length", "0"))) or b"{}")
        whole: dict[str, Any] = {"id": "recorded", "created": 0, "model": NAME}
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        said = {"role": "assistant", "content": self.answer}
        if not asked.get("stream"):
            choice = {"index": 0, "message": said, "finish_reason": "stop"}
            self._send({**whole, "object": "chat.completion", "choices": [choice], "usage": usage})
            return
        piece = {"index": 0, "delta": said, "finish_reason": "stop"}
        lines = [
            {**whole, "object": "chat.completion.chunk", "choices": [piece]},
            {**whole, "object": "chat.completion.chunk", "choices": [], "usage": usage},
        ]
        body = "".join(f"data: {json.dumps(line)}\n\n" for line in lines) + "data: [DONE]\n\n"
        self._send_bytes(body.encode(), "text/event-stream")

    def _send(self, value: dict[str, Any]) -> None:
        self._send_bytes(json.dumps(value).encode(), "application/json")

    def _send_bytes(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  as it is called above
        pass


def main(example: str, command: list[str]) -> int:
    """Run a command with the recorded answer as its model; return its exit status."""
    Answers.answer = json.dumps(CHANGES[example])
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        told = {
            "SIGNOFF_MODEL_BASE_URL": f"http://127.0.0.1:{server.server_address[1]}/v1",
            "SIGNOFF_MODEL": NAME,
            "SIGNOFF_CODER_DIALECT": "single",
            "SIGNOFF_STRATEGY": "single",
        }
        try:
            words = ["env", *(f"{name}={text}" for name, text in told.items()), *command]
            return subprocess.run(words, check=False).returncode
        finally:
            server.shutdown()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1], sys.argv[3:]))
