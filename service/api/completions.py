"""The documents of OpenAI's chat API."""

import time
from typing import Any

from domain import SignoffError
from service.streams import as_json

CODING, CHAT = "signoff-coding", "signoff-chat"
END = b"data: [DONE]\n\n"


def document(
    id_: str, model: str, content: str, about: dict[str, Any], *, usage: dict[str, int] | None = None
) -> dict[str, Any]:
    choice = {"index": 0, "finish_reason": "stop", "logprobs": None,
              "message": {"role": "assistant", "content": content, "refusal": None}}  # fmt: skip
    none = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    return {"id": id_, "object": "chat.completion", "created": int(time.time()), "model": model, "choices": [choice],
            "usage": usage or none, "signoff": about}  # fmt: skip


def chunk(
    id_: str, delta: dict[str, Any], *, finish: str | None = None, about: dict[str, Any] | None = None,
    model: str = CODING,
) -> bytes:  # fmt: skip
    told: dict[str, Any] = {
        "id": id_, "object": "chat.completion.chunk", "created": int(time.time()), "model": model,
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }  # fmt: skip
    return b"data: " + as_json({**told, **({"signoff": about} if about else {})}) + b"\n\n"


def failed(error: SignoffError, **more: str) -> bytes:
    """The last event of a stream that came to no answer; the openai package raises it as an ``APIError``."""
    told = {"message": error.message, "type": "server_error" if error.http_status >= 500 else "invalid_request_error",  # noqa: PLR2004
            "code": error.stable_code, "hint": error.hint, **more}  # fmt: skip
    about = {name: getattr(error, name) for name in ("retry_after", "max_tokens") if getattr(error, name, None)}
    return b"data: " + as_json({"error": {**told, **about}}) + b"\n\n"
