"""Events of a run, written to the graph's custom stream: facts, and the text that a model writes while it writes it."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Literal

from langgraph.config import get_stream_writer
from pydantic import TypeAdapter

from domain import Event
from domain.events import EventKind
from domain.masking import Masker

CHUNK_CHARS = 80
"""Characters that are passed on at once."""
CHUNK_S = 0.2
"""Nothing is held back after so long a silence."""
_EVENT = TypeAdapter(Event)
_LABELS: ContextVar[dict[str, Any]] = ContextVar("signoff_labels", default={})  # noqa: B039  never changed in place


@contextmanager
def labelled(**labels: Any) -> Generator[None]:
    """Put these data on every event that is announced inside, also by tasks that are started there."""
    token = _LABELS.set({**_LABELS.get(), **labels})
    try:
        yield
    finally:
        _LABELS.reset(token)


def announce(kind: EventKind, message: str = "", **data: Any) -> None:
    """Write one event to the graph's custom stream; outside a graph nobody listens and nothing happens."""
    try:
        write = get_stream_writer()
    except RuntimeError:
        return
    mask = Masker()
    event = Event(
        kind=kind, message=mask.text(message), at_ms=time.time() * 1_000, data=mask.value({**data, **_LABELS.get()})
    )
    write(_EVENT.dump_python(event, mode="json"))


@dataclass(slots=True, kw_only=True)
class TextStream:
    """One provider's words as events ``text`` (A8): every word, but not every token on its own.

    Models write hundreds of tokens a second, and each event is a row.
    """

    provider: str
    id: str
    """Of the candidate: several write at the same time."""
    form: Literal["change", "prose"]
    """``change``: pieces of the JSON of docs/model-protocol.md."""
    clock: Callable[[], float] = time.monotonic
    _held: str = ""
    _sent_at: float = float("-inf")
    _fresh: bool = True

    def hear(self, text: str) -> None:
        """Take a piece in. An empty one says that another answer begins."""
        if not text:
            self.flush()
            self._fresh = True
            return
        self._held += text
        if len(self._held) >= CHUNK_CHARS or self.clock() - self._sent_at >= CHUNK_S:
            self.flush()

    def flush(self) -> None:
        """Pass on what is held back."""
        if self._held:
            announce("text", self._held, provider=self.provider, id=self.id, form=self.form, fresh=self._fresh)
            self._held, self._fresh, self._sent_at = "", False, self.clock()
