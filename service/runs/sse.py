"""Server-sent events, as bytes."""

from typing import Any

from pydantic_core import to_json

HEARTBEAT_S = 15.0


def frame(event: str, body: bytes, id_: str = "") -> bytes:
    """One server-sent event (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""
    head = f"id: {id_}\n" if id_ else ""
    return f"{head}event: {event}\ndata: ".encode() + body + b"\n\n"


def as_json(data: Any) -> bytes:
    """JSON of anything a state may hold: our values, LangChain's messages, bytes."""
    return to_json(data, bytes_mode="base64", serialize_unknown=True, inf_nan_mode="null")
