"""Streaming of a run: its listeners, and the encoder that tells LangGraph's clients what the graph streams.

A run that a model, a quota or a budget stopped ends as the HTTP error that the model's own API would give (B8).
"""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast

from langchain_core.messages import BaseMessage, BaseMessageChunk
from langgraph.runtime import RunControl
from langgraph.types import Interrupt
from pydantic import TypeAdapter

from domain import ContextTooLong, Event, Exhausted, RateLimited, Refused, SignoffError, Unavailable, Unreadable
from domain.masking import Masker
from service.runs.dispatcher import EventSink
from service.runs.protocol import checkpoint_ref
from service.runs.runs import RunState

Listen = Callable[[Event], None]
Hear = Callable[[tuple[str, ...], str, Any], None]
"""Takes what LangGraph streams: namespace, mode, chunk."""
STEPWISE = frozenset({"values", "updates", "debug", "tasks", "checkpoints"})
"""Stream modes that say something at the end of a step; the others say a lot inside of one."""
_EVENT = TypeAdapter(Event)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """Somebody who wants more than our own events."""

    modes: tuple[str, ...]
    """LangGraph's stream modes, ``custom`` included where it is wanted."""
    hear: Hear
    kept: Callable[[], Awaitable[None]]
    """Awaited before a step's checkpoint: what was heard of it must not be lost when the checkpoint is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listeners:
    """Who hears of a stretch of work, and who may end it early."""

    listen: Listen | None
    watch: Subscription | None
    control: RunControl | None
    breaks: Mapping[str, Sequence[str]]
    """Nodes to pause ``before`` and ``after``."""

    async def chunks(self, events: AsyncIterator[Any]) -> AsyncGenerator[Any]:
        """What LangGraph streams, out of LangChain's events about it, which are passed on."""
        async with aclosing(cast("AsyncGenerator[Any]", events)) as parts:
            async for event in parts:
                if self.watch is not None:
                    self.watch.hear((), EVENTS, event)
                if event["event"] == "on_chain_stream" and not event["parent_ids"]:
                    yield event["data"]["chunk"]

    async def hear(self, run: str, space: tuple[str, ...], mode: str, chunk: Any) -> None:
        """Pass on what LangGraph streams; it waits meanwhile."""
        if mode == "custom" and self.listen is not None:
            # What a node announces does not name its run.
            self.listen(replace(_EVENT.validate_python(chunk), run=run))
        if self.watch is None:
            return
        if mode in self.watch.modes:
            self.watch.hear(space, mode, chunk)
        if mode in STEPWISE or (mode == "custom" and chunk["kind"] == "node_ended"):
            await self.watch.kept()


KINDS: Final[Mapping[str, type[SignoffError]]] = {
    error.code: error for error in (Unavailable, RateLimited, Unreadable, ContextTooLong, Exhausted)
}
REFUSALS: Final = ("llm_", "quota_reached", "policy_forbids_all")
"""Codes, or what they begin with, of a request that no model was or could be asked."""


def by_model(code: str) -> bool:
    """Whether a run with this code could go no further because of a model, a quota or a budget."""
    return code in KINDS or code.startswith(REFUSALS)


def stopped_by_model(values: Mapping[str, Any]) -> SignoffError | None:
    """The error behind the final values of a run; None: it ended otherwise."""
    error = values.get("__error__")
    if not isinstance(error, dict):
        return None
    code, message, hint = str(error.get("error", "")), str(error.get("message", "")), str(error.get("hint", ""))
    match KINDS.get(code):
        case kind if kind is RateLimited:
            return RateLimited(message, retry_after=error.get("retry_after"), hint=hint)
        case kind if kind is ContextTooLong:
            return ContextTooLong(message, max_tokens=error.get("max_tokens"), hint=hint)
        case None:
            return Refused(message, code=code, hint=hint) if by_model(code) else None
        case kind:
            return kind(message, hint=hint)


EVENTS = "events"
"""LangChain's events about everything that runs, with what it was given and what it gave."""
REFS = "checkpoint-refs"
"""Our own mode: checkpoints without the state in them. No client names it; the protocol has such events."""
NATIVE = {"values", "updates", "custom", "debug", "tasks", "checkpoints"}


@dataclass(slots=True, kw_only=True)
class LangGraphEncoder:
    """Turns chunks of the graph into events of a feed."""

    feed: EventSink
    turn: str
    modes: tuple[str, ...]
    subgraphs: bool = False
    _messages: dict[str, BaseMessage] = field(default_factory=dict[str, BaseMessage])

    @property
    def needed(self) -> tuple[str, ...]:
        """The stream modes the graph has to be run with."""
        own = {mode for mode in self.modes if mode in NATIVE}
        own |= {"messages"} if {"messages", "messages-tuple"} & set(self.modes) else set()
        own |= {EVENTS} & set(self.modes)
        own |= {"checkpoints"} if REFS in self.modes else set()
        return tuple(sorted(own))

    def hear(self, space: tuple[str, ...], mode: str, chunk: Any) -> None:
        """Pass on one chunk. What happens inside a subgraph is named after it, or left out."""
        if mode == EVENTS:
            self._event(chunk)
            return
        if space and not self.subgraphs and mode not in {"custom", "messages"}:
            return
        inside = f"|{'|'.join(space)}" if space and self.subgraphs else ""
        if mode == "checkpoints" and REFS in self.modes:
            self.feed.say(f"{REFS}{inside}", checkpoint_ref(chunk))
        if mode == "messages":
            self._message(chunk, inside)
        elif mode in self.modes:
            if isinstance(chunk, Mapping) and "__interrupt__" in chunk:  # as plain data, wherever LangGraph puts them
                chunk = {**chunk, "__interrupt__": interrupts(chunk["__interrupt__"])}
            self.feed.say(f"{mode}{inside}", readable(chunk))

    def _message(self, chunk: Any, inside: str) -> None:
        message, metadata = chunk
        if "messages-tuple" in self.modes:
            self.feed.say(f"messages{inside}", [message, metadata])
        if "messages" not in self.modes:
            return
        known = self._messages.get(message.id or "")
        # Once a message, before its first part, as LangGraph's server does it.
        if known is None:
            self.feed.say(f"messages/metadata{inside}", {message.id or "": {"metadata": metadata}})
        if isinstance(message, BaseMessageChunk):
            whole = known + message if isinstance(known, BaseMessageChunk) else message
            self._messages[message.id or ""] = whole
            self.feed.say(f"messages/partial{inside}", [whole])
        else:
            self._messages[message.id or ""] = message
            self.feed.say(f"messages/complete{inside}", [message])

    def _event(self, event: Mapping[str, Any]) -> None:
        """One of LangChain's events; what it is about is shown as it is elsewhere."""
        data = {name: readable(part) for name, part in event["data"].items() if name != "chunk"}
        if "chunk" in event["data"]:
            chunk = event["data"]["chunk"]
            data["chunk"] = [*chunk[:-1], readable(chunk[-1])] if isinstance(chunk, tuple) else readable(chunk)
        self.feed.say(EVENTS, {**event, "data": data})


def readable(values: Any) -> Any:
    """A state or an update of one, with its diff as readers may see it; who fetches the result gets its bytes."""
    if not isinstance(values, Mapping):
        return values
    shown = {name: readable(entry) if isinstance(entry, Mapping) else entry for name, entry in values.items()}
    return {**shown, "diff": Masker().text(shown["diff"])} if isinstance(shown.get("diff"), str) else shown


def interrupts(open_now: Any) -> list[dict[str, Any]]:
    """Interrupts as the SDK reads them."""
    return [{"value": i.value, "id": i.id} for i in open_now if isinstance(i, Interrupt)]


def final_values(state: RunState) -> dict[str, Any]:
    """What a client that waited gets: the state, and what it waits for, what went wrong or what stopped it."""
    values = dict(state.values)
    if state.interrupts:
        values["__interrupt__"] = interrupts(state.interrupts)
    ending = state.run.ending
    paused = state.run.status in {"paused", "paused_budget"} and ending is not None and by_model(ending.code)
    if ending is not None and (paused or state.run.status == "failed"):
        values["__error__"] = {"error": ending.code or "failed", "message": ending.message, "hint": ending.hint}
        about = {"retry_after": ending.retry_after, "max_tokens": ending.max_tokens}
        values["__error__"] |= {name: limit for name, limit in about.items() if limit is not None}
    return values
