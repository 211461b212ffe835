"""LangGraph's ``RemoteGraph``: a graph of ours used as if it were in the caller's own process."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from langgraph.graph import END, START, StateGraph
from langgraph.pregel.remote import RemoteGraph
from langgraph.types import Command
from langgraph_sdk import get_client, get_sync_client
from typing_extensions import TypedDict

from benchmarks.clients.sdk import TASK, outcomes
from benchmarks.servers import Server

SIGN = {"task": {"text": "sign it", "repo": "/nowhere", "accept": "true"}}
APPROVE = {"decisions": [{"type": "approve"}]}


class ParentState(TypedDict, total=False):
    """Of a graph of the caller's, in which ours is a node."""

    task: Any
    ending: Any


@dataclass(frozen=True, slots=True)
class Remote:
    """The graph, and threads to call it on."""

    graph: RemoteGraph

    async def thread(self) -> Any:
        """A config of a thread that is not there yet."""
        client: Any = self.graph.client
        named = (await client.threads.create(thread_id=str(uuid4())))["thread_id"]
        return {"configurable": {"thread_id": named}}

    async def ended(self) -> Any:
        """A config of a thread whose run has ended."""
        config = await self.thread()
        await self.graph.ainvoke(TASK, config)
        return config

    async def paused(self) -> Any:
        """A config of a thread that waits for a signature."""
        config = await self.thread()
        await self.graph.ainvoke(SIGN, config)
        return config


def _delivered(values: Any) -> bool:
    return values["ending"]["status"] == "delivered"


async def _streamed(r: Remote, mode: Any, **options: Any) -> list[Any]:
    return [part async for part in r.graph.astream(TASK, await r.thread(), stream_mode=mode, **options)]


async def _resumed(r: Remote, *, by_id: bool) -> bool:
    config = await r.paused()
    (interrupt,) = (await r.graph.aget_state(config)).interrupts
    return _delivered(await r.graph.ainvoke(Command(resume={interrupt.id: APPROVE} if by_id else APPROVE), config))


async def _resumed_stream(r: Remote) -> bool:
    config = await r.paused()
    parts = [part async for part in r.graph.astream(Command(resume=APPROVE), config, stream_mode="values")]
    return _delivered(parts[-1])


async def _ended_by_jump(r: Remote) -> bool:
    config = await r.paused()
    await r.graph.ainvoke(Command(goto=END), config)
    return not (await r.graph.aget_state(config)).interrupts


async def _history(r: Remote) -> bool:
    return len([state async for state in r.graph.aget_state_history(await r.ended(), limit=3)]) == 3


async def _went_back(r: Remote) -> bool:
    config = await r.ended()
    states = [state async for state in r.graph.aget_state_history(config)]
    before = next(state for state in states if "deliver" in state.next)
    return _delivered(await r.graph.ainvoke(None, before.config))


async def _written(r: Remote) -> bool:
    config = await r.ended()
    await r.graph.aupdate_state(config, {"messages": [{"role": "user", "content": "more"}]})
    return (await r.graph.aget_state(config)).values["messages"][-1]["content"] == "more"


async def _paused_before(r: Remote) -> bool:
    config = await r.thread()
    await r.graph.ainvoke(TASK, config, interrupt_before=["review"])
    held = (await r.graph.aget_state(config)).next == ("review",)
    return held and _delivered(await r.graph.ainvoke(None, config))


async def _as_node(r: Remote) -> bool:
    parent = StateGraph(ParentState).add_node("ours", r.graph).add_edge(START, "ours").add_edge("ours", END).compile()
    return _delivered(await parent.ainvoke(TASK))


async def _invoked(r: Remote) -> bool:
    return _delivered(await r.graph.ainvoke(TASK))


async def _of(config: Awaitable[Any], call: Callable[[Any], Awaitable[Any]]) -> Any:
    return await call(await config)


CALLS: Mapping[str, Callable[[Remote], Awaitable[Any]]] = {
    "ainvoke": _invoked,
    "ainvoke with a thread": lambda r: r.ended(),
    "invoke": lambda r: asyncio.to_thread(r.graph.invoke, TASK),
    "stream": lambda r: asyncio.to_thread(lambda: list(r.graph.stream(TASK, stream_mode="updates"))),
    "astream values": lambda r: _streamed(r, "values"),
    "astream updates": lambda r: _streamed(r, "updates"),
    "astream custom": lambda r: _streamed(r, "custom"),
    "astream several modes": lambda r: _streamed(r, ["values", "updates"]),
    "astream subgraphs": lambda r: _streamed(r, "updates", subgraphs=True),
    "aget_state": lambda r: _of(r.ended(), r.graph.aget_state),
    "aget_state of subgraphs": lambda r: _of(r.ended(), lambda config: r.graph.aget_state(config, subgraphs=True)),
    "aget_state_history": _history,
    "aupdate_state": _written,
    "aget_graph": lambda r: r.graph.aget_graph(),
    "a resume": lambda r: _resumed(r, by_id=False),
    "a resume by id": lambda r: _resumed(r, by_id=True),
    "a resume, streamed": _resumed_stream,
    "interrupt_before": _paused_before,
    "an earlier checkpoint": _went_back,
    "a jump to the end": _ended_by_jump,
    "a node of another graph": _as_node,
}


async def tried(server: Server) -> dict[str, str]:
    """Each call, with what was wrong about it; empty: nothing."""
    with get_sync_client(url=server.url, api_key=server.session) as sync_client:
        async with get_client(url=server.url, api_key=server.session) as client:
            return await outcomes(CALLS, CALLS, Remote(RemoteGraph("coding", client=client, sync_client=sync_client)))
