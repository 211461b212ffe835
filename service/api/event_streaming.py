"""Routes of the event streaming protocol, which LangGraph's newer clients speak: commands to a thread, and its events.

A command is answered with 200 and says itself whether it was followed, as the protocol wants it; who asks, whose the
thread is and how often are HTTP's, as everywhere.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.types import Receive, Scope, Send

from domain import Exhausted, Refused
from domain.configuration import explained
from service.api.dependencies import Reader, Runner, TheContext, answer
from service.api.runs import EVENT_STREAM, disconnected
from service.auth.principal import Principal
from service.errors import refuse
from service.runs.documents import state_document
from service.runs.event_log import HEARTBEAT
from service.runs.history import checkpoint
from service.runs.protocol import CHANNELS, EventFilter
from service.runs.requests import EMPTY, RunAsk
from service.runs.thread_stream import ThreadStream
from service.runs.threads import GRAPH, Thread
from service.wiring.server import ServerContext

router = APIRouter(tags=["event streaming"])
STRICT = ConfigDict(extra="forbid")


class EventStreamAsk(BaseModel):
    model_config = STRICT

    channels: list[str] = Field(min_length=1, max_length=100)
    namespaces: list[list[str]] | None = Field(default=None, max_length=100)
    depth: int | None = Field(default=None, ge=0)
    since: int | None = Field(default=None, ge=0)

    @property
    def filter(self) -> EventFilter:
        """Raises ``request_invalid`` for a channel that is not known: nothing would ever come of it."""
        unknown = [each for each in self.channels if each not in CHANNELS and not each.startswith("custom:")]
        if unknown:
            raise refuse("request_invalid", f"There is no channel {unknown[0][:60]!r}.")
        spaces = tuple(tuple(each) for each in self.namespaces or ())
        return EventFilter(channels=frozenset(self.channels), namespaces=spaces, depth=self.depth)


@router.post("/threads/{thread_id}/stream/events", response_model=None)
async def stream_events(
    principal: Reader, at: TheContext, thread_id: str, asked: EventStreamAsk, request: Request
) -> Response:
    """Hear a thread, from the event after ``since`` or from its newest turn, for as long as the connection lasts."""
    thread, engine = await at.threads.get(thread_id, principal.org), at.submission.of(principal.org)
    stream = ThreadStream(
        thread=thread.id,
        org=principal.org,
        turns=at.turns,
        dispatch=at.dispatch,
        standing=lambda: engine.standing(thread.id),
    )
    return ThreadEvents(stream, asked.filter, since=asked.since, stopping=request.app.state.stopping)


class ThreadEvents(Response):
    """Server-sent events of a thread. When the server goes down it is cut off, not ended: clients come back then."""

    def __init__(
        self, stream: ThreadStream, wanted: EventFilter, *, since: int | None, stopping: asyncio.Event
    ) -> None:
        super().__init__(media_type=EVENT_STREAM, headers={"x-accel-buffering": "no"})
        self.stream, self.wanted, self.since, self.stopping = stream, wanted, since, stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  ASGI
        """Answer. See ASGI."""
        head = [(name, part) for name, part in self.raw_headers if name != b"content-length"]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        # A blank at once: with it clients and proxies know that the connection stands, before anything happens.
        await send({"type": "http.response.body", "body": HEARTBEAT, "more_body": True})
        telling = asyncio.ensure_future(self._tell(send))
        gone = asyncio.ensure_future(disconnected(receive))
        stopping = asyncio.ensure_future(self.stopping.wait())
        ends: set[asyncio.Future[Any]] = {telling, gone, stopping}
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if telling.done():
                telling.result()
        finally:
            for each in ends:
                each.cancel()
            await asyncio.gather(*ends, return_exceptions=True)

    async def _tell(self, send: Send) -> None:
        async with aclosing(self.stream.events(self.since)) as events:
            async for event in events:
                if event is None:
                    part = HEARTBEAT
                elif self.wanted.fits(event):
                    data = event.document(int(time.time() * 1_000))
                    part = f"event: {event.method}\ndata: ".encode() + data + f"\nid: {event.seq}\n\n".encode()
                else:
                    continue
                await send({"type": "http.response.body", "body": part, "more_body": True})


class ProtocolCommand(BaseModel):
    model_config = STRICT

    id: int = Field(ge=0)
    method: str = Field(max_length=100)
    params: dict[str, Any] = Field(default_factory=dict)


class NoCommand(Exception):
    """A command that is not followed: the protocol's code, and what to say."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


CODES: Final[Mapping[str, str]] = {
    "interrupt_unknown": "no_such_interrupt",
    "checkpoint_not_found": "no_such_checkpoint",
    "turn_not_found": "no_such_run",
    "run_not_found": "no_such_run",
    "request_invalid": "invalid_argument",
    "task_invalid": "invalid_argument",
    "task_missing": "invalid_argument",
    "assistant_not_found": "invalid_argument",
}
"""Our codes → the protocol's; what is refused with 403 is ``permission_denied``, all else ``unknown_error``."""


@router.post("/threads/{thread_id}/commands")
async def command(principal: Runner, at: TheContext, thread_id: str, asked: ProtocolCommand) -> Response:
    """Follow a command: ``run.start``, ``input.respond``, ``input.inject``, ``state.get``, ``state.fork`` and so on."""
    follow = COMMANDS.get(asked.method, ThreadCommands.unknown)
    try:
        result = await follow(ThreadCommands(principal, at, thread_id), asked.params)
    except NoCommand as no:
        return answer({"type": "error", "id": asked.id, "error": no.code, "message": str(no)})
    except (Refused, Exhausted) as no:
        if no.stable_code in {"thread_not_found", "rate_limited"}:
            raise
        code = CODES.get(no.stable_code, "permission_denied" if no.http_status == 403 else "unknown_error")  # noqa: PLR2004
        said = {"code": no.stable_code, "message": f"{no.message} {no.hint}".strip()}
        return answer({"type": "error", "id": asked.id, "error": code, **said})
    return answer({"type": "success", "id": asked.id, "result": result})


class RunStart(BaseModel):
    """Parameters of ``run.start``. The strategy goes out under two names, for servers of two ages."""

    model_config = STRICT

    assistant_id: str = Field(min_length=1, max_length=200)
    input: Any = None
    config: dict[str, Any] | None = None
    context: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    durability: str | None = None
    multitask_strategy: str | None = None
    multitaskStrategy: str | None = None  # noqa: N815
    langsmith_tracer: dict[str, Any] | None = None


class InputEntry(BaseModel):
    model_config = STRICT

    interrupt_id: str
    namespace: list[str] = Field(default_factory=list)
    response: Any = None


class InputRespond(BaseModel):
    """Parameters of ``input.respond``: one answer, or several."""

    model_config = STRICT

    interrupt_id: str | None = None
    namespace: list[str] = Field(default_factory=list)
    response: Any = None
    responses: list[InputEntry] | None = Field(default=None, min_length=1, max_length=100)
    update: Any = None
    goto: Any = None
    config: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    strict_resume: bool = False

    @property
    def resume(self) -> dict[str, Any]:
        """The answers by interrupt. Raises ``NoCommand``."""
        if self.responses is not None:
            return {entry.interrupt_id: entry.response for entry in self.responses}
        if self.interrupt_id is None:
            raise NoCommand("invalid_argument", "An answer names its interrupt_id.")
        return {self.interrupt_id: self.response}


Params = TypeVar("Params", bound=BaseModel)


def _read(model: type[Params], params: dict[str, Any]) -> Params:
    try:
        return model.model_validate(params)
    except ValidationError as error:
        raise NoCommand("invalid_argument", explained(error)) from error


class InputInject(BaseModel):
    model_config = STRICT

    namespace: list[str] = Field(default_factory=list)
    message: dict[str, Any]


class StateGet(BaseModel):
    model_config = STRICT

    namespace: list[str] = Field(default_factory=list, max_length=0)
    """States are those of the whole graph."""
    keys: list[str] | None = None


class ListCheckpoints(BaseModel):
    model_config = STRICT

    namespace: list[str] = Field(default_factory=list, max_length=0)
    limit: int = Field(default=10, ge=1, le=1_000)
    before: str | None = Field(default=None, max_length=200)


class StateFork(BaseModel):
    model_config = STRICT

    checkpoint_id: str = Field(max_length=200)
    input: dict[str, Any] | None = None
    config: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class ThreadCommands:
    """The commands of one caller to one thread. Raise ``NoCommand``, ``Refused``."""

    principal: Principal
    at: ServerContext
    thread: str

    async def run_start(self, params: dict[str, Any]) -> dict[str, Any]:
        """Start a run; the thread is made where it is not there yet."""
        asked = _read(RunStart, params)
        if asked.input is not None and not isinstance(asked.input, dict):
            raise NoCommand("invalid_argument", "The input is an object with a task or messages.")
        fields = asked.model_dump(exclude={"multitaskStrategy"})
        return await self._run({**fields, "multitask_strategy": asked.multitask_strategy or asked.multitaskStrategy})

    async def input_respond(self, params: dict[str, Any]) -> dict[str, Any]:
        """Answer what the thread waits for; the answer to an approval is the vote of who is logged in."""
        asked = _read(InputRespond, params)
        await self._known()
        resume = asked.resume
        standing = await self.at.submission.of(self.principal.org).standing(self.thread)
        if unknown := sorted(set(resume) - {each.id for each in standing.interrupts}):
            raise NoCommand("no_such_interrupt", f"No interrupt {unknown[0][:64]!r} is open on this thread.")
        command = {"resume": resume, "update": asked.update, "goto": asked.goto}
        return await self._go_on({"command": command, "config": asked.config, "metadata": asked.metadata})

    async def input_inject(self, params: dict[str, Any]) -> dict[str, Any]:
        """Say something to the thread, behind what it does now."""
        asked = _read(InputInject, params)
        await self._known()
        return await self._go_on({"input": {"messages": [asked.message]}})

    async def state_get(self, params: dict[str, Any]) -> dict[str, Any]:
        """The state, or some values of it."""
        asked = _read(StateGet, params)
        await self._known()
        engine = self.at.application.engine
        document = state_document(await engine.graph.aget_state(engine.config(self.thread)))
        here, values = document["checkpoint_id"], document["values"]
        if asked.keys is not None:
            values = {key: values[key] for key in asked.keys if key in values}
        return {"values": values, **({"checkpoint": {"id": here}} if here else {})}

    async def list_checkpoints(self, params: dict[str, Any]) -> dict[str, Any]:
        """The checkpoints, newest first."""
        asked = _read(ListCheckpoints, params)
        await self._known()
        engine = self.at.application.engine
        until: Any = {"configurable": {"thread_id": self.thread, "checkpoint_id": asked.before}}
        states = engine.graph.aget_state_history(
            engine.config(self.thread), before=until if asked.before else None, limit=asked.limit
        )
        found = [state_document(each) async for each in states]
        return {
            "checkpoints": [
                {"id": each["checkpoint_id"], "timestamp": each["created_at"], "step": each["metadata"].get("step", 0)}
                for each in found
            ]
        }

    async def state_fork(self, params: dict[str, Any]) -> dict[str, Any]:
        """Go back to a checkpoint and on from there."""
        asked = _read(StateFork, params)
        await self._known()
        await checkpoint(self.at.application.engine, self.thread, asked.checkpoint_id)
        return {**await self._go_on(asked.model_dump()), "thread_id": self.thread}

    async def get_tree(self, params: dict[str, Any]) -> dict[str, Any]:
        """The graph at work; its subgraphs show up in the events."""
        if set(params) - {"run_id"}:
            raise NoCommand("invalid_argument", "agent.getTree takes a run_id at most.")
        known = await self._known()
        status = {"busy": "running", "interrupted": "interrupted", "error": "failed"}.get(known.status, "completed")
        return {"tree": {"namespace": [], "status": status, "graph_name": GRAPH}}

    async def subscribe(self, params: dict[str, Any]) -> dict[str, Any]:
        """Refuse: only WebSockets have these."""
        raise NoCommand(
            "not_supported", f"{sorted(params)}: POST /threads/{{thread_id}}/stream/events is a subscription."
        )

    async def unknown(self, params: dict[str, Any]) -> dict[str, Any]:
        """Refuse: there is no such command."""
        raise NoCommand(
            "unknown_command", f"No such command (with {sorted(params)}). There are: {', '.join(COMMANDS)}."
        )

    async def _known(self) -> Thread:
        return await self.at.threads.get(self.thread, self.principal.org)

    async def _go_on(self, fields: dict[str, Any]) -> dict[str, Any]:
        """A run of the assistant that the thread was worked on with last."""
        newest = next(iter(await self.at.turns.of(self.thread, limit=1)), None)
        return await self._run({**fields, "assistant_id": newest.assistant if newest else None})

    async def _run(self, fields: dict[str, Any]) -> dict[str, Any]:
        given = {name: part for name, part in fields.items() if part not in EMPTY}
        ask = _read(RunAsk, {**given, "if_not_exists": "create"})
        taken = await self.at.submission.take(self.principal, ask, self.thread, protocol=True)
        return {"run_id": taken.turn.id}


COMMANDS: Final[Mapping[str, Callable[[ThreadCommands, dict[str, Any]], Awaitable[dict[str, Any]]]]] = {
    "run.start": ThreadCommands.run_start,
    "input.respond": ThreadCommands.input_respond,
    "input.inject": ThreadCommands.input_inject,
    "state.get": ThreadCommands.state_get,
    "state.listCheckpoints": ThreadCommands.list_checkpoints,
    "state.fork": ThreadCommands.state_fork,
    "agent.getTree": ThreadCommands.get_tree,
    "subscription.subscribe": ThreadCommands.subscribe,
    "subscription.unsubscribe": ThreadCommands.subscribe,
    "subscription.reconnect": ThreadCommands.subscribe,
}
