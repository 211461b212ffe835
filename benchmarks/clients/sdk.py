"""Every method of LangGraph's SDKs, called against a server, and its answer looked at.

The methods are those that the installed SDK has; one that is not tried here counts as failed, so a new version of an
SDK shows up as what is missing.
"""

import asyncio
import inspect
import json
import shutil
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient
from langgraph_sdk.errors import NotFoundError

from benchmarks.servers import Server
from tests.worlds.node import installed_clients

PARTS = ("assistants", "threads", "runs", "crons", "store")
TASK = {"task": {"text": "do it", "repo": "/nowhere", "accept": "true"}}
WORDS = {"messages": [{"role": "user", "content": "more"}]}
SHOP = {"configurable": {"repo": "/shop", "accept": "true"}}
TRIED_FOR_S = 30.0


@dataclass(frozen=True, slots=True)
class Tried:
    """What one method is called on: a client, and what others left behind."""

    client: LangGraphClient

    async def thread(self) -> str:
        """A thread whose run has ended."""
        thread = (await self.client.threads.create(metadata={"of": "clients"}))["thread_id"]
        await self.client.runs.wait(thread, "coding", input=TASK)
        return thread

    async def run(self) -> tuple[str, str]:
        """A thread and its run."""
        thread = await self.thread()
        return thread, (await self.client.runs.list(thread))[0]["run_id"]

    async def assistant(self) -> str:
        return (await self.client.assistants.create("coding", config=SHOP, name="shop"))["assistant_id"]

    async def cron(self) -> str:
        return (await self.client.crons.create("coding", schedule="0 3 * * *", input=TASK))["cron_id"]

    async def item(self) -> None:
        await self.client.store.put_item(["notes"], "a", {"text": "restart the payment service"})


async def _all(parts: Any) -> list[Any]:
    return [part async for part in parts]


async def _streamed(t: Tried) -> bool:
    async with t.client.threads.stream(assistant_id="coding") as thread:
        await thread.run.start(input=TASK)
        return (await thread.output)["ending"]["status"] == "delivered"


async def _joined(t: Tried) -> bool:
    thread = await t.thread()
    return [part.event async for part in await t.client.threads.join_stream(thread)][-1] == "end"


async def _stopped(t: Tried) -> bool:
    thread = (await t.client.threads.create())["thread_id"]
    run = await t.client.runs.create(thread, "coding", input=TASK, after_seconds=60)
    await t.client.runs.cancel(thread, run["run_id"], wait=True)
    return (await t.client.runs.get(thread, run["run_id"]))["status"] == "interrupted"


async def _stopped_many(t: Tried) -> bool:
    thread = (await t.client.threads.create())["thread_id"]
    run = await t.client.runs.create(thread, "coding", input=TASK, after_seconds=60)
    await t.client.runs.cancel_many(thread_id=thread, run_ids=[run["run_id"]])
    return (await t.client.runs.get(thread, run["run_id"]))["status"] == "interrupted"


async def _gone(call: Awaitable[Any], look: Callable[[], Awaitable[Any]]) -> bool:
    await call
    try:
        return await look() in (None, [])
    except NotFoundError:
        return True


async def _deleted_run(t: Tried) -> bool:
    thread, run = await t.run()
    return await _gone(t.client.runs.delete(thread, run), lambda: t.client.runs.get(thread, run))


async def _deleted_thread(t: Tried) -> bool:
    thread = await t.thread()
    return await _gone(t.client.threads.delete(thread), lambda: t.client.threads.get(thread))


async def _deleted_assistant(t: Tried) -> bool:
    made = await t.assistant()
    return await _gone(t.client.assistants.delete(made), lambda: t.client.assistants.get(made))


async def _deleted_cron(t: Tried) -> bool:
    made = await t.cron()
    return await _gone(t.client.crons.delete(made), lambda: t.client.crons.search(metadata={"cron": made}))


async def _deleted_item(t: Tried) -> bool:
    await t.item()
    return await _gone(t.client.store.delete_item(["notes"], "a"), lambda: t.client.store.get_item(["notes"], "a"))


async def _found_item(t: Tried) -> bool:
    await t.item()
    found = await t.client.store.search_items(["notes"], query="payment", filter={"text": {"$ne": "x"}})
    return [each["key"] for each in found["items"]] == ["a"]


async def _written(t: Tried) -> bool:
    thread = await t.thread()
    await t.client.threads.update_state(thread, WORDS)
    return (await t.client.threads.get_state(thread))["values"]["messages"][-1]["content"] == "more"


async def _went_back(t: Tried) -> bool:
    made = await t.assistant()
    await t.client.assistants.update(made, name="other")
    return (await t.client.assistants.set_latest(made, 1))["name"] == "shop"


async def _of(thread: Awaitable[Any], call: Callable[..., Awaitable[Any]]) -> Any:
    got = await thread
    return await (call(*got) if isinstance(got, tuple) else call(got))


CALLS: Mapping[str, Callable[[Tried], Awaitable[Any]]] = {
    "assistants.count": lambda t: t.client.assistants.count(),
    "assistants.create": lambda t: t.assistant(),
    "assistants.delete": _deleted_assistant,
    "assistants.get": lambda t: t.client.assistants.get("coding"),
    "assistants.get_graph": lambda t: t.client.assistants.get_graph("coding"),
    "assistants.get_schemas": lambda t: t.client.assistants.get_schemas("coding"),
    "assistants.get_subgraphs": lambda t: t.client.assistants.get_subgraphs("coding"),
    "assistants.get_versions": lambda t: _of(t.assistant(), t.client.assistants.get_versions),
    "assistants.search": lambda t: t.client.assistants.search(graph_id="coding"),
    "assistants.set_latest": _went_back,
    "assistants.update": lambda t: _of(t.assistant(), lambda made: t.client.assistants.update(made, name="x")),
    "threads.copy": lambda t: _of(t.thread(), t.client.threads.copy),
    "threads.count": lambda t: _of(t.thread(), lambda _: t.client.threads.count(metadata={"of": "clients"})),
    "threads.create": lambda t: t.client.threads.create(),
    "threads.delete": _deleted_thread,
    "threads.get": lambda t: _of(t.thread(), t.client.threads.get),
    "threads.get_history": lambda t: _of(t.thread(), t.client.threads.get_history),
    "threads.get_state": lambda t: _of(t.thread(), t.client.threads.get_state),
    "threads.join_stream": _joined,
    "threads.prune": lambda t: _of(t.thread(), lambda made: t.client.threads.prune([made])),
    "threads.search": lambda t: _of(t.thread(), lambda _: t.client.threads.search(metadata={"of": "clients"})),
    "threads.stream": _streamed,
    "threads.update": lambda t: _of(t.thread(), lambda made: t.client.threads.update(made, metadata={"a": 1})),
    "threads.update_state": _written,
    "runs.cancel": _stopped,
    "runs.cancel_many": _stopped_many,
    "runs.create": lambda t: t.client.runs.create(None, "coding", input=TASK),
    "runs.create_batch": lambda t: t.client.runs.create_batch([{"assistant_id": "coding", "input": TASK}]),
    "runs.delete": _deleted_run,
    "runs.get": lambda t: _of(t.run(), t.client.runs.get),
    "runs.join": lambda t: _of(t.run(), t.client.runs.join),
    "runs.join_stream": lambda t: _of(t.run(), lambda *run: _all(t.client.runs.join_stream(*run))),
    "runs.list": lambda t: _of(t.thread(), t.client.runs.list),
    "runs.stream": lambda t: _all(t.client.runs.stream(None, "coding", input=TASK, stream_mode=["values", "events"])),
    "runs.wait": lambda t: t.client.runs.wait(None, "coding", input=TASK),
    "crons.count": lambda t: _of(t.cron(), lambda _: t.client.crons.count()),
    "crons.create": lambda t: t.cron(),
    "crons.create_for_thread": lambda t: _of(
        t.thread(), lambda made: t.client.crons.create_for_thread(made, "coding", schedule="0 3 * * *", input=WORDS)
    ),
    "crons.delete": _deleted_cron,
    "crons.search": lambda t: _of(t.cron(), lambda _: t.client.crons.search()),
    "crons.update": lambda t: _of(t.cron(), lambda made: t.client.crons.update(made, enabled=False)),
    "store.delete_item": _deleted_item,
    "store.get_item": lambda t: _of(t.item(), lambda _: t.client.store.get_item(["notes"], "a")),
    "store.list_namespaces": lambda t: _of(t.item(), lambda _: t.client.store.list_namespaces()),
    "store.put_item": lambda t: _of(t.item(), lambda _: t.client.store.get_item(["notes"], "a")),
    "store.search_items": _found_item,
}


def methods(client: LangGraphClient) -> list[str]:
    """Every public method of the SDK's parts."""
    return sorted(
        f"{part}.{name}"
        for part in PARTS
        for name, _ in inspect.getmembers(type(getattr(client, part)), inspect.isfunction)
        if not name.startswith("_")
    )


async def python(server: Server) -> dict[str, str]:
    """Each method of the Python SDK, with what was wrong about it; empty: nothing."""
    async with get_client(url=server.url, api_key=server.session) as client:
        return await outcomes(methods(client), CALLS, Tried(client))


async def outcomes(
    names: Iterable[str], calls: Mapping[str, Callable[[Any], Awaitable[Any]]], on: Any
) -> dict[str, str]:
    """Each call by its name, with what was wrong about it; empty: nothing."""
    results: dict[str, str] = {}
    for name in names:
        try:
            async with asyncio.timeout(TRIED_FOR_S):
                answer = await calls[name](on)
            results[name] = "" if answer not in (None, False, 0, [], {}) else f"it gave {answer!r}"
        except Exception as error:  # noqa: BLE001  whatever goes wrong is what is counted
            results[name] = f"{type(error).__name__}: {error}"[:200]
    return results


async def npm(server: Server) -> dict[str, str]:
    """The same of the npm SDK; nothing where there is no node."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return {}
    folder = await installed_clients()
    process = await asyncio.create_subprocess_exec(
        "node", "methods.mjs", server.url, server.session, cwd=folder, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    return json.loads(out)
