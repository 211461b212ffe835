"""Protocol events (LangChain's agent streaming protocol, ``@langchain/protocol``), made of a turn's event log. Pure.

The log is the one that the older streams are told from. The same log gives the same events with the same ids in
every process, so a client that comes back knows what it has heard already.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, cast

from pydantic_core import from_json, to_json

from domain import value
from domain.text import OddJson, read_json
from service.runs.threads import GRAPH

RECORDED: Final = ("values", "updates", "messages-tuple", "custom", "tasks", "checkpoint-refs")
"""What is written into the log of a turn that was started by the protocol."""
CHANNELS: Final = frozenset(
    {"values", "updates", "messages", "tools", "lifecycle", "input", "checkpoints", "tasks", "custom"}
)
PLAIN: Final = frozenset({"values", "tasks"})
"""Passed on as they stand in the log."""
EVENT_BITS, PART_BITS = 22, 5
"""A number has the turn's in front, then the logged event's, then which of the events made of that: 53 bits hold 67
million turns of 4 million events, and JavaScript counts no further."""
NAMED = frozenset({"lifecycle", "input.requested", "input.answered"})
EndOfLifecycle = Literal["completed", "failed", "interrupted"]
ENDED: Mapping[str, EndOfLifecycle] = {"success": "completed", "error": "failed", "timeout": "failed"}
"""Status of a turn → how its lifecycle ends. Everything else is interrupted."""
TEXTS = frozenset({"text", "reasoning"})
MEDIA = frozenset({"image", "audio", "video", "file"})
GROWS: Mapping[str, str] = {"text-delta": "text", "reasoning-delta": "reasoning", "tool-call-delta": "args"}
"""Kind of a delta → the field that it is added to."""


@value
class ProtocolEvent:
    """One event. ``data`` is JSON already."""

    method: str
    namespace: tuple[str, ...]
    data: bytes
    seq: int
    id: str
    node: str | None = None
    name: str | None = None
    """Of a custom event: clients subscribe to ``custom:NAME``."""

    @property
    def channel(self) -> str:
        """The channel that it is told on."""
        return "input" if self.method.startswith("input.") else self.method

    def document(self, at_ms: int) -> bytes:
        """As it is sent; ``at_ms``: when it is told."""
        params: dict[str, Any] = {"namespace": self.namespace, "timestamp": at_ms}
        params |= {"node": self.node} if self.node else {}
        head = {"type": "event", "event_id": self.id, "seq": self.seq, "method": self.method}
        return to_json(head)[:-1] + b',"params":' + to_json(params)[:-1] + b',"data":' + self.data + b"}}"


@value
class EventFilter:
    """What one connection wants to hear (``EventStreamRequest``)."""

    channels: frozenset[str]
    namespaces: tuple[tuple[str, ...], ...] = ()
    depth: int | None = None

    def fits(self, event: ProtocolEvent) -> bool:
        """Whether to tell it. A segment's part behind the colon is made anew in every run, so it may be left out."""
        named = f"custom:{event.name}" if event.name else ""
        if event.channel not in self.channels and named not in self.channels:
            return False
        return not self.namespaces or any(self._below(event.namespace, prefix) for prefix in self.namespaces)

    def _below(self, namespace: tuple[str, ...], prefix: tuple[str, ...]) -> bool:
        if len(namespace) < len(prefix) or (self.depth is not None and len(namespace) - len(prefix) > self.depth):
            return False
        pairs = zip(namespace, prefix, strict=False)
        return all(here == there or here.partition(":")[0] == there for here, there in pairs)


def number(turn: int, event: int, part: int) -> int:
    """The number of an event within its thread; it only grows."""
    most = 2**PART_BITS - 1
    return (turn << EVENT_BITS | min(event, 2**EVENT_BITS - 1)) << PART_BITS | min(part, most)


def turn_in(seq: int) -> int:
    """The number of the turn that an event with this number is of."""
    return seq >> (EVENT_BITS + PART_BITS)


Body = tuple[str, tuple[str, ...], bytes | dict[str, Any], dict[str, Any]]
"""Method, namespace, data, and the other fields of an event."""


@dataclass(slots=True)
class _OpenMessage:
    """A message that is being told: its open block, and what stands in it so far."""

    id: str
    namespace: tuple[str, ...]
    node: str | None
    usage: Any = None
    told: int = 0
    """Characters of a message that comes whole every time."""
    index: int = -1
    key: Any = None
    block: dict[str, Any] = field(default_factory=dict[str, Any])

    def event(self, data: Mapping[str, Any]) -> Body:
        # Candidates are written at the same time in one node: clients tell them apart by these.
        of = {"id": self.id, "run_id": self.id}
        return "messages", self.namespace, {**data, **of}, {"node": self.node} if self.node else {}

    def piece(self, key: Any, started: dict[str, Any], delta: dict[str, Any] | None) -> Iterator[Body]:
        """A piece of the block with this key; blocks follow each other."""
        if key != self.key:
            yield from self.close()
            self.index, self.key, self.block = self.index + 1, key, started
            yield self.event({"event": "content-block-start", "index": self.index, "content": dict(started)})
        if delta is None:
            return
        name = GROWS[delta["type"]]
        self.block[name] += delta[name]
        yield self.event({"event": "content-block-delta", "index": self.index, "delta": delta})

    def close(self) -> Iterator[Body]:
        """The open block is complete."""
        if self.key is not None:
            content = _whole_call(self.block) if self.block["type"] == "tool_call_chunk" else self.block
            yield self.event({"event": "content-block-finish", "index": self.index, "content": content})
        self.key = None

    def end(self) -> Iterator[Body]:
        """Nothing more is said in it."""
        yield from self.close()
        yield self.event({"event": "message-finish", **({"usage": self.usage} if self.usage else {})})


def _whole_call(chunk: Mapping[str, Any]) -> dict[str, Any]:
    call = {name: chunk.get(name) for name in ("id", "name")}
    try:
        arguments = read_json((chunk.get("args") or "{}").encode())
    except OddJson as odd:
        return {"type": "invalid_tool_call", **call, "args": chunk.get("args"), "error": str(odd)}
    return {"type": "tool_call", **call, "args": arguments}


@dataclass(slots=True, kw_only=True)
class ProtocolEncoder:
    """The events of one turn. It is fed the log from the beginning, because messages and subgraphs are open in it."""

    turn: str
    turn_number: int
    answered: Sequence[str] = ()
    """Interrupts that it resumes."""
    asked: set[str] = field(default_factory=set[str])
    """Interrupts that it stopped at."""
    has_values: bool = False
    _messages: dict[str, _OpenMessage] = field(default_factory=dict[str, _OpenMessage])
    _ended: set[str] = field(default_factory=set[str])
    _spaces: dict[tuple[str, ...], bool] = field(default_factory=dict[tuple[str, ...], bool])
    """Namespaces of subgraphs, and whether they are still at work."""
    _held: Body | None = None
    _last: int = 0

    def begin(self) -> list[ProtocolEvent]:
        """It works, or waits for its turn to."""
        answers = {"interrupt_ids": list(self.answered)}
        bodies: list[Body] = [_lifecycle((), "running")]
        bodies += [("input.answered", (), answers, {})] if self.answered else []
        return self._numbered(0, bodies)

    def event(self, seq: int, event: str, body: bytes) -> list[ProtocolEvent]:
        """What a logged event tells."""
        name, *space = event.split("|")
        namespace, self._last = tuple(space), seq
        bodies = list[Body](self._entered(namespace)) if name != "metadata" else []
        if name in PLAIN and b'"__interrupt__"' not in body:
            self.has_values |= name == "values" and not namespace
            bodies.append((name, namespace, body, {}))
        else:
            bodies += self._told(name, namespace, from_json(body))
        return self._numbered(seq, [each for body in bodies for each in self._in_order(body)])

    def _in_order(self, body: Body) -> Iterator[Body]:
        """A checkpoint before its values: LangGraph says them the other way round, and clients pair them like this."""
        held, self._held = self._held, body if body[0] == "values" else None
        pair = held is not None and body[:2] == ("checkpoints", held[1])
        if held is not None and not pair:
            yield held
        if self._held is None:
            yield body
        if held is not None and pair:
            yield held

    def end(
        self, status: str, *, error: str | None = None, values: Mapping[str, Any] | None = None
    ) -> list[ProtocolEvent]:
        """How it ended; ``values``: the final state with its interrupts, where the log does not have them."""
        how: EndOfLifecycle = ENDED.get(status, "interrupted")
        bodies = list[Body](self._closed())
        if values is not None:
            bodies += self._values((), dict(values))
        bodies += [_lifecycle(space, how) for space, at_work in reversed(self._spaces.items()) if at_work]
        bodies.append(_lifecycle((), how, **({"error": error} if error else {})))
        return self._numbered(self._last + 1, [each for body in bodies for each in self._in_order(body)])

    def _numbered(self, seq: int, bodies: Sequence[Body]) -> list[ProtocolEvent]:
        events: list[ProtocolEvent] = []
        for part, (method, space, data, more) in enumerate(bodies):
            body = data if isinstance(data, bytes) else to_json(data)
            id_ = f"{self.turn}:{seq}.{part}"
            if isinstance(data, dict) and method in NAMED:  # clients read the run from these ids
                what = data.get("interrupt_id") or data.get("event") or "answered"
                id_ = f"synth:{self.turn}:{method}|{'|'.join(space)}|{what}"
            at = number(self.turn_number, seq, part)
            events.append(ProtocolEvent(method=method, namespace=space, data=body, seq=at, id=id_, **more))
        return events

    def _entered(self, namespace: tuple[str, ...]) -> Iterator[Body]:
        """A subgraph begins with the first word from it."""
        for depth in range(1, len(namespace) + 1):
            if (space := namespace[:depth]) not in self._spaces:
                self._spaces[space] = True
                yield _lifecycle(space, "started", graph_name=space[-1].partition(":")[0])

    def _told(self, name: str, namespace: tuple[str, ...], data: Any) -> Iterator[Body]:
        match name:
            case "values":
                yield from self._values(namespace, data)
            case "updates":
                yield from self._updates(namespace, data)
            case "messages":
                yield from self._message(namespace, *data)
            case "messages/partial" | "messages/complete":
                for message in data:
                    yield from self._message(namespace, message, {}, whole=True)
            case "custom":
                kind = data.get("kind") if isinstance(data, dict) else None
                named = {"name": kind} if isinstance(kind, str) else {}
                yield "custom", namespace, {**named, "payload": data}, named
            case "checkpoint-refs" | "checkpoints":
                yield "checkpoints", namespace, data if name == "checkpoint-refs" else checkpoint_ref(data), {}
            case "metadata":  # another attempt: what was being said is said again
                yield from self._closed()
                self._ended.clear()
            case _:
                pass  # ``debug``, ``events`` and ``error`` have no channel; how it ended is in the lifecycle

    def _values(self, namespace: tuple[str, ...], data: dict[str, Any]) -> Iterator[Body]:
        yield from self._asks(data.pop("__interrupt__", ()))
        if data:
            self.has_values |= not namespace
            yield "values", namespace, data, {}

    def _updates(self, namespace: tuple[str, ...], data: dict[str, Any]) -> Iterator[Body]:
        yield from self._asks(data.pop("__interrupt__", ()))
        for node, update in data.items():
            for space in [s for s, at_work in self._spaces.items() if at_work and s[:-1] == namespace]:
                if space[-1].partition(":")[0] == node:
                    self._spaces[space] = False
                    yield _lifecycle(space, "completed")
            values = update if isinstance(update, dict) else {"value": update}
            yield "updates", namespace, {"node": node, "values": values}, {"node": node}

    def _asks(self, interrupts: Sequence[Mapping[str, Any]]) -> Iterator[Body]:
        for each in interrupts:
            if each["id"] not in self.asked:  # a subgraph's interrupt is told at every level
                self.asked.add(each["id"])
                # The SDK for JavaScript reads ``payload``, Python's reads ``value``.
                said = {"interrupt_id": each["id"], "payload": each["value"], "value": each["value"]}
                yield "input.requested", (), said, {}

    def _message(
        self, namespace: tuple[str, ...], message: dict[str, Any], metadata: dict[str, Any], *, whole: bool = False
    ) -> Iterator[Body]:
        id_, kind = str(message.get("id") or f"{self.turn}-{self._last}"), str(message.get("type"))
        known = self._messages.get(id_)
        if known is None:
            if id_ in self._ended:  # the node's update brings a streamed message once more
                return
            known = self._messages[id_] = _OpenMessage(id_, namespace, metadata.get("langgraph_node"))
            yield known.event({"event": "message-start", **_author(kind, message, metadata)})
        known.usage = message.get("usage_metadata") or known.usage
        streams = kind.endswith("Chunk")
        if streams or (not known.told and known.key is None):
            for key, started, delta in _pieces(message, known.told if whole else 0):
                yield from known.piece(key, started, delta)
            known.told = len(_text(message)) if whole else 0
        if not streams or message.get("chunk_position") == "last":
            del self._messages[id_]
            self._ended.add(id_)
            yield from known.end()

    def _closed(self) -> Iterator[Body]:
        for message in self._messages.values():
            yield from message.end()
        self._ended.update(self._messages)
        self._messages.clear()


def _lifecycle(namespace: tuple[str, ...], event: str, **more: str) -> Body:
    return "lifecycle", namespace, {"event": event, **({"graph_name": GRAPH} if not namespace else {}), **more}, {}


def _author(kind: str, message: Mapping[str, Any], metadata: Mapping[str, Any]) -> dict[str, Any]:
    named = {"provider": "ls_provider", "model": "ls_model_name", "langgraph_node": "langgraph_node"}
    about = {name: metadata[source] for name, source in named.items() if isinstance(metadata.get(source), str)}
    role = {"human": "human", "system": "system", "tool": "tool"}.get(kind.lower().removesuffix("messagechunk"), "ai")
    call = {"tool_call_id": message.get("tool_call_id")} if role == "tool" else {}
    return {"role": role, **call, **({"metadata": about} if about else {})}


def _text(message: Mapping[str, Any]) -> str:
    return "".join(part["text"] for part in _parts(message) if part.get("type") == "text")


def _parts(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    content: Any = message.get("content") or []
    parts = [content] if isinstance(content, str) else cast("list[Any]", content)
    return [{"type": "text", "text": part} if isinstance(part, str) else part for part in parts]


def _pieces(message: Mapping[str, Any], told: int) -> Iterator[tuple[Any, dict[str, Any], dict[str, Any] | None]]:
    """Key of a block, how it starts, and what is added to it; the first ``told`` characters were told before."""
    more: Mapping[str, Any] = message.get("additional_kwargs") or {}
    if thought := more.get("reasoning_content"):
        yield "reasoning", *_added("reasoning", str(thought))
    for part in _parts(message):
        kind = "reasoning" if part.get("type") in {"reasoning", "thinking"} else str(part.get("type"))
        if kind not in TEXTS:
            yield object(), dict(part) if kind in MEDIA else _foreign(part), None
            continue
        text = str(part.get(kind) or part.get("thinking") or "")
        if kind == "text":
            text, told = text[told:], max(0, told - len(text))
        if text:
            yield kind, *_added(kind, text)
    for chunk in message.get("tool_call_chunks") or ():
        started = {"type": "tool_call_chunk", "id": chunk.get("id"), "name": chunk.get("name"), "args": ""}
        yield ("call", chunk.get("index")), started, {"type": "tool-call-delta", "args": chunk.get("args") or ""}
    for call in () if message.get("tool_call_chunks") else message.get("tool_calls") or ():
        arguments = to_json(call["args"]).decode()
        yield object(), {"type": "tool_call_chunk", "id": call["id"], "name": call["name"], "args": arguments}, None


def _added(kind: str, text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    return {"type": kind, kind: ""}, {"type": f"{kind}-delta", kind: text}


def _foreign(part: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "non_standard", "value": dict(part)}


def checkpoint_ref(chunk: Mapping[str, Any]) -> dict[str, Any]:
    """The checkpoint of LangGraph's mode ``checkpoints`` without the state in it."""

    def named(config: Any) -> Any:
        return ((config or {}).get("configurable") or {}).get("checkpoint_id")

    about: Mapping[str, Any] = chunk.get("metadata") or {}
    parent = named(chunk.get("parent_config"))
    step = {"step": about.get("step", 0), "source": about.get("source", "loop")}
    return {"id": named(chunk.get("config")), **({"parent_id": parent} if parent else {}), **step}
