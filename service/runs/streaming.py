"""Tell LangGraph's clients what the graph streams, in the forms their SDKs expect."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import BaseMessage, BaseMessageChunk
from langgraph.types import Interrupt

from domain import Event
from domain.masking import Masker
from service.contract import Speech
from service.engine import Standing
from service.stopped import by_model

NATIVE = {"values", "updates", "custom", "debug", "tasks", "checkpoints"}


@dataclass(slots=True, kw_only=True)
class Retelling:
    """Turns chunks of the graph into events of a feed."""

    feed: Speech
    turn: str
    modes: tuple[str, ...]
    subgraphs: bool = False
    _messages: dict[str, BaseMessage] = field(default_factory=dict[str, BaseMessage])

    @property
    def needed(self) -> tuple[str, ...]:
        """The stream modes the graph has to be run with."""
        own = {mode for mode in self.modes if mode in NATIVE}
        return tuple(sorted(own | ({"messages"} if {"messages", "messages-tuple"} & set(self.modes) else set())))

    def hear(self, space: tuple[str, ...], mode: str, chunk: Any) -> None:
        """Pass on one chunk. What happens inside a subgraph is named after it, or left out."""
        if space and not self.subgraphs and mode not in {"custom", "messages"}:
            return
        inside = f"|{'|'.join(space)}" if space and self.subgraphs else ""
        if mode == "messages":
            self._message(chunk, inside)
        elif mode in self.modes:
            self.feed.say(f"{mode}{inside}", readable(_plain(chunk)))

    def _message(self, chunk: Any, inside: str) -> None:
        message, metadata = chunk
        if "messages-tuple" in self.modes:
            self.feed.say(f"messages{inside}", [message, metadata])
        if "messages" not in self.modes:
            return
        known = self._messages.get(message.id or "")
        if known is None:
            self.feed.say(f"messages/metadata{inside}", {message.id or "": {"metadata": metadata}})
        if isinstance(message, BaseMessageChunk):
            whole = known + message if isinstance(known, BaseMessageChunk) else message
            self._messages[message.id or ""] = whole
            self.feed.say(f"messages/partial{inside}", [whole])
        else:
            self._messages[message.id or ""] = message
            self.feed.say(f"messages/complete{inside}", [message])

    def listen(self, event: Event) -> None:
        """LangChain's event form of what happens in the run."""
        kinds = {"node_started": "on_chain_start", "node_ended": "on_chain_end"}
        name = event.node if event.kind in kinds else event.kind
        data = {"message": event.message, **event.data}
        told = {"event": kinds.get(event.kind, "on_custom_event"), "name": name, "run_id": self.turn, "tags": [],
                "metadata": {"at_ms": event.at_ms}, "data": data, "parent_ids": []}  # fmt: skip
        self.feed.say("events", told)


def _plain(chunk: Any) -> Any:
    """Interrupts as plain data, wherever LangGraph puts them."""
    if isinstance(chunk, Mapping) and "__interrupt__" in chunk:
        return {**chunk, "__interrupt__": interrupts(chunk["__interrupt__"])}
    return chunk


def readable(values: Any) -> Any:
    """A state or an update of one, with its diff as readers may see it; who fetches the result gets its bytes."""
    if not isinstance(values, Mapping):
        return values
    told = {name: readable(said) if isinstance(said, Mapping) else said for name, said in values.items()}
    return {**told, "diff": Masker().text(told["diff"])} if isinstance(told.get("diff"), str) else told


def interrupts(found: Any) -> list[dict[str, Any]]:
    """Interrupts as the SDK reads them."""
    return [{"value": i.value, "id": i.id} for i in found if isinstance(i, Interrupt)]


def final_values(standing: Standing) -> dict[str, Any]:
    """What a client that waited gets: the state, and what it waits for, what went wrong or what stopped it."""
    values = dict(standing.values)
    if standing.interrupts:
        values["__interrupt__"] = interrupts(standing.interrupts)
    ending = standing.run.ending
    paused = standing.run.status in {"paused", "paused_budget"} and ending is not None and by_model(ending.code)
    if ending is not None and (paused or standing.run.status == "failed"):
        values["__error__"] = {"error": ending.code or "failed", "message": ending.message, "hint": ending.hint}
        about = {"retry_after": ending.retry_after, "max_tokens": ending.max_tokens}
        values["__error__"] |= {name: said for name, said in about.items() if said is not None}
    return values
