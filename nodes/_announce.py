"""Tell whoever watches the run what just happened."""

import time
from typing import Any

from langgraph.config import get_stream_writer
from pydantic import TypeAdapter

from domain import Event, EventKind
from domain.masking import Masker

_EVENT = TypeAdapter(Event)


def announce(kind: EventKind, message: str = "", **data: Any) -> None:
    """Write one event to the graph's custom stream; outside a graph nobody listens and nothing happens."""
    try:
        write = get_stream_writer()
    except RuntimeError:
        return
    mask = Masker()
    event = Event(kind=kind, message=mask.text(message), at_ms=time.time() * 1_000, data=mask.value(data))
    write(_EVENT.dump_python(event, mode="json"))
