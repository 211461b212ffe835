"""What Aegra's end-to-end suite asks of a server, as a table of calls in our own words.

Each row is a request, with what it is made on in braces, the status it has to get, and what has to hold of the answer.
``differs`` says why ours answers otherwise, and by intent: such a row counts as not passed.
"""

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx

from benchmarks.clients.sdk import TRIED_FOR_S
from benchmarks.servers import Server

WORDS = {"messages": [{"role": "user", "content": "do it"}], "repo": "/nowhere"}
RUN = {"assistant_id": "coding", "input": WORDS}
SIGN = {"assistant_id": "coding", "input": {**WORDS, "repo": "/sign"}}
LATER = {**RUN, "after_seconds": 60}
MORE = {"messages": [{"type": "human", "content": "more"}]}
NOBODY = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One call of the table, and what has to come of it."""

    method: str
    path: str
    body: Any = None
    status: int = 200
    holds: Callable[[Any], Any] = lambda _: True
    then: "Row | None" = None
    """Asked next, on the same things."""
    differs: str = ""


def get(path: str, **more: Any) -> Row:
    return Row(method="GET", path=path, **more)


def post(path: str, body: Any = None, **more: Any) -> Row:
    return Row(method="POST", path=path, body=body if body is not None else {}, **more)


def delete(path: str, **more: Any) -> Row:
    return Row(method="DELETE", path=path, **{"status": 204, **more})


def resume(answer: Any, **more: Any) -> Row:
    return post("/threads/{paused}/runs/wait", {"assistant_id": "coding", "command": answer}, **more)


def ended(values: Any) -> bool:
    return values["ending"]["status"] == "delivered"


def events(*names: str) -> Callable[[Any], bool]:
    """A stream has these events."""
    return lambda text: set(names) <= set(re.findall(r"^event: (\w+)", text, re.MULTILINE))


def refuses(word: str) -> Callable[[Any], bool]:
    return lambda problem: word in problem["detail"].lower()


STATE, RUNS, MINE = "/threads/{done}/state", "/threads/{done}/runs", {"metadata": {"tag": "{tag}"}}
ROWS: Mapping[str, Row] = {
    # assistants
    "assistant: made": get("/assistants/{assistant}", holds=lambda a: a["graph_id"] == "coding" and a["version"] == 1),
    "assistant: made once": post(
        "/assistants", {"assistant_id": "{assistant}", "graph_id": "coding", "if_exists": "do_nothing"}
    ),
    "assistant: of a graph that there is not": post("/assistants", {"graph_id": "none"}, status=404),
    "assistant: deleted": delete("/assistants/{assistant}", then=get("/assistants/{assistant}", status=404)),
    "assistant: deleted with a run that works": delete(
        "/assistants/{employed}", then=get("/threads/{of_employed}/runs", holds=lambda runs: runs == [])
    ),
    "assistant: deleted with runs that ended": delete(
        "/assistants/{retired}", then=get("/threads/{of_retired}/runs", holds=lambda runs: runs == [])
    ),
    "assistant: deletion of none": delete(f"/assistants/{NOBODY}", status=404, holds=refuses("not found")),
    "graph": get("/assistants/{assistant}/graph", holds=lambda g: g["nodes"] and g["edges"]),
    "graph: xray": get("/assistants/{assistant}/graph?xray=true", holds=lambda g: len(g["nodes"]) > 5),
    "graph: xray as a number": get("/assistants/{assistant}/graph?xray=1", holds=lambda g: g["nodes"]),
    "graph: of the server's own": get("/assistants/coding/graph", holds=lambda g: g["nodes"]),
    "graph: of none": get(f"/assistants/{NOBODY}/graph", status=404, holds=refuses("not found")),
    "subgraphs": get("/assistants/{assistant}/subgraphs", holds=lambda found: isinstance(found, dict)),
    "subgraphs: recurse": get("/assistants/{assistant}/subgraphs?recurse=true"),
    "subgraphs: of none": get(f"/assistants/{NOBODY}/subgraphs", status=404, holds=refuses("not found")),
    "schemas": get("/assistants/{assistant}/schemas", holds=lambda s: s["input_schema"] and s["state_schema"]),
    "assistants: counted": post("/assistants/count", MINE, holds=lambda number: number == 0),
    "assistants: by metadata": post("/assistants/search", MINE, holds=lambda page: page == []),
    "assistants: sorted": post(
        "/assistants/search",
        {"sort_by": "name", "sort_order": "asc", "limit": 50},
        holds=lambda page: [a["name"] for a in page] == sorted(a["name"] for a in page),
    ),
    "assistants: a page": post("/assistants/search", {"limit": 1, "offset": 1}, holds=lambda page: len(page) == 1),
    "assistant: a version": Row(
        method="PATCH",
        path="/assistants/{assistant}",
        body={"name": "second"},
        then=post("/assistants/{assistant}/versions", holds=lambda page: [a["version"] for a in page] == [2, 1]),
    ),
    "assistant: back to a version": Row(
        method="PATCH",
        path="/assistants/{assistant}",
        body={"name": "second"},
        then=post("/assistants/{assistant}/latest", {"version": 1}, holds=lambda a: a["name"] == "first"),
    ),
    # the server
    "health": get("/health"),
    "ok": get("/ok", holds=lambda found: found["ok"]),
    "info": get("/info", holds=lambda found: found["version"]),
    "metrics": get("/metrics", holds=lambda text: "# HELP" in text and "# TYPE" in text),
    "openapi": get("/openapi.json", holds=lambda found: "/threads/{thread_id}/runs" in found["paths"]),
    "openapi: routes of one's own": get(
        "/openapi.json",
        holds=lambda found: "/custom/whoami" in found["paths"],
        differs="an operator's own routes are not mounted into this server",
    ),
    # signatures
    "a paused run": get(
        "/threads/{paused}", holds=lambda t: t["status"] == "interrupted" and len(t["interrupts"]) == 1
    ),
    "a paused run: its state": get("/threads/{paused}/state", holds=lambda s: s["interrupts"] and s["next"]),
    "a paused run: its history": post("/threads/{paused}/history", holds=lambda page: page[0]["interrupts"]),
    "accept": resume({"resume": [{"type": "accept", "args": None}]}, holds=ended),
    "ignore": resume(
        {"resume": [{"type": "ignore", "args": None}]},
        then=get("/threads/{paused}", holds=lambda t: (t["status"], t["interrupts"]) == ("idle", {})),
    ),
    "mark as resolved": resume(
        {"goto": "__end__"},
        then=get("/threads/{paused}", holds=lambda t: (t["status"], t["interrupts"]) == ("idle", {})),
    ),
    "accept, streamed": post(
        "/threads/{paused}/runs/stream",
        {"assistant_id": "coding", "command": {"resume": [{"type": "accept", "args": None}]}},
        holds=events("values", "end"),
    ),
    "resume of a thread that waits for nothing": post(
        "/threads/{empty}/runs", {"assistant_id": "coding", "command": {"resume": "yes"}}, status=422
    ),
    "input and an update at once": post("/threads/{empty}/runs", {**RUN, "command": {"update": {"a": 1}}}, status=422),
    "interrupt_before": post(
        "/threads/{empty}/runs/wait",
        {**RUN, "interrupt_before": ["execute"]},
        then=get("/threads/{empty}/runs", holds=lambda runs: runs[0]["status"] == "interrupted"),
    ),
    # runs
    "run: made": post("/threads/{empty}/runs", RUN, holds=lambda run: run["thread_id"] and run["kwargs"]["input"]),
    "run: of an unknown graph": post("/threads/{empty}/runs", {**RUN, "assistant_id": "none"}, status=404),
    "run: on no thread": post(f"/threads/{NOBODY}/runs", RUN, status=404, holds=refuses("not found")),
    "run: read": get(f"{RUNS}/{{run}}", holds=lambda run: run["status"] == "success" and ended(run["output"])),
    "run: listed": get(RUNS, holds=lambda runs: len(runs) == 1),
    "run: joined": get(f"{RUNS}/{{run}}/join", holds=ended),
    "run: joined as a stream": get(f"{RUNS}/{{run}}/stream", holds=events("end")),
    "run: waited for": post("/threads/{empty}/runs/wait", RUN, holds=ended),
    "run: streamed": post("/threads/{empty}/runs/stream", RUN, holds=events("metadata", "values", "end")),
    "run: messages": post(
        "/threads/{empty}/runs/stream",
        {**RUN, "stream_mode": ["messages", "values"]},
        holds=events("metadata", "values", "end"),
    ),
    "run: LangChain's events": post(
        "/threads/{empty}/runs/stream",
        {**RUN, "stream_mode": ["events"]},
        holds=lambda text: "on_chain_start" in text and "on_chain_end" in text,
    ),
    "run: an unknown mode": post("/threads/{empty}/runs/stream", {**RUN, "stream_mode": ["none"]}, status=422),
    "run: an error is told": post(
        "/threads/{empty}/runs/stream",
        {**RUN, "input": {**WORDS, "messages": [{"role": "user", "content": "broken"}]}},
        holds=lambda text: events("error")(text) and '"error"' in text and '"message"' in text,
    ),
    "run: another context": post(
        "/threads/{empty}/runs/wait",
        {**RUN, "context": {"model": "gpt-4o"}},
        differs="a context has the fields of a task, and what no graph here reads is refused",
    ),
    "run: cancelled": post("/threads/{busy}/runs/{open}/cancel", holds=lambda run: run["status"] == "interrupted"),
    "run: cancelled and waited for": post(
        "/threads/{busy}/runs/{open}/cancel?wait=1",
        then=get("/threads/{busy}/runs/{open}", holds=lambda run: run["status"] == "interrupted"),
    ),
    "run: cancelled after its end": post(
        f"{RUNS}/{{run}}/cancel", then=get(f"{RUNS}/{{run}}", holds=lambda run: run["status"] == "success")
    ),
    "run: deleted": delete(f"{RUNS}/{{run}}", then=get(f"{RUNS}/{{run}}", status=404)),
    "stateless: waited for": post("/runs/wait", RUN, holds=ended),
    "stateless: kept": post("/runs/wait", {**RUN, "on_completion": "keep"}, holds=ended),
    "stateless: streamed": post("/runs/stream", RUN, holds=events("metadata", "values", "end")),
    "stateless: made": post("/runs", RUN, holds=lambda run: run["run_id"] and run["thread_id"]),
    "stateless: thrown away": post(
        "/runs/wait",
        {**RUN, "on_completion": "delete"},
        differs="what a run did is evidence, and is deleted by somebody, not by itself",
    ),
    # threads
    "thread: made": get("/threads/{empty}", holds=lambda t: t["status"] == "idle" and t["values"] is None),
    "thread: of none": get(f"/threads/{NOBODY}", status=404, holds=refuses("not found")),
    "thread: deleted": delete("/threads/{empty}", then=get("/threads/{empty}", status=404)),
    "thread: deleted with a run that works": delete("/threads/{busy}", then=get("/threads/{busy}", status=404)),
    "thread: deleted with runs that ended": delete("/threads/{done}", then=get("/threads/{done}", status=404)),
    "threads: by metadata": post("/threads/search", {"metadata": {"tag": "{tag}"}}, holds=lambda page: page == []),
    "threads: order_by": post("/threads/search", {"order_by": "created_at ASC"}, holds=lambda page: len(page) > 1),
    "threads: sort_by goes before order_by": post(
        "/threads/search",
        {"sort_by": "created_at", "order_by": "created_at ASC", "limit": 100},
        holds=lambda page: [t["created_at"] for t in page] == sorted((t["created_at"] for t in page), reverse=True),
    ),
    "threads: order_by by no column": post(
        "/threads/search",
        {"order_by": "password; DROP TABLE"},
        differs="an order that cannot be had is refused, not replaced by another",
    ),
    "threads: a page": post("/threads/search", {"sort_by": "status", "limit": 1}, holds=lambda page: len(page) == 1),
    "threads: counted": post("/threads/count", {"status": "idle"}, holds=lambda number: number >= 1),
    "state": get(STATE, holds=lambda s: ended(s["values"]) and s["checkpoint"]["checkpoint_id"] and s["next"] == []),
    "state: of subgraphs": get(f"{STATE}?subgraphs=true", holds=lambda s: s["values"]),
    "history": post("/threads/{done}/history", {"limit": 3}, holds=lambda page: len(page) == 3),
    "history: by GET": get("/threads/{done}/history?limit=2", holds=lambda page: len(page) == 2),
    "state: nothing written": post(STATE, {}, holds=lambda s: ended(s["values"]) and s["checkpoint"]),
    "state: null written": post(STATE, {"values": None}, holds=lambda s: s["values"] and s["checkpoint"]),
    "state: written": post(STATE, {"values": MORE}, holds=lambda s: s["checkpoint"]["checkpoint_id"]),
    "state: written as input": post(
        STATE,
        {"values": MORE, "as_node": "__start__"},
        then=get(STATE, holds=lambda s: s["values"]["messages"][-1]["content"] == "more"),
    ),
    "state: several updates": post(STATE, {"values": [MORE, MORE], "as_node": "__start__"}),
    "state: written at its checkpoint": post(STATE, {"values": MORE, "checkpoint_id": "{head}"}),
    "state: of no thread": post(f"/threads/{NOBODY}/state", {"values": MORE}, status=404, holds=refuses("not found")),
    "state: of a thread without a graph": post(
        "/threads/{empty}/state", {"values": MORE}, status=400, holds=refuses("no associated graph")
    ),
    "state: written as a node": post(
        STATE, {"values": MORE, "as_node": "execute"}, differs="clients speak for no node: its words are evidence"
    ),
    # the store
    "item: written and read": Row(
        method="PUT",
        path="/store/items",
        status=204,
        body={"namespace": ["notes"], "key": "{tag}", "value": {"a": 1}},
        then=get("/store/items?namespace=notes&key={tag}", holds=lambda item: item["value"] == {"a": 1}),
    ),
    "item: found": Row(
        method="PUT",
        path="/store/items",
        status=204,
        body={"namespace": ["notes"], "key": "{tag}", "value": {"a": 1}},
        then=post("/store/items/search", {"namespace_prefix": ["notes"]}, holds=lambda page: page["items"]),
    ),
    "item: no object": Row(
        method="PUT",
        path="/store/items",
        status=422,
        body={"namespace": ["notes"], "key": "a"},
        holds=refuses("object"),
    ),
    "item: a list": Row(
        method="PUT", path="/store/items", status=422, body={"namespace": ["notes"], "key": "a", "value": [1]}
    ),
    "item: one that is not there": get(
        "/store/items?namespace=notes&key=none", status=404, differs="it is null, as LangGraph's own server says it"
    ),
}


@dataclass(frozen=True, slots=True)
class Things:
    """What the calls of one row are made on; each is made when a row names it."""

    http: httpx.AsyncClient
    made: dict[str, str] = field(default_factory=dict[str, str])

    async def named(self, name: str) -> str:
        """Its id."""
        if name not in self.made:
            await getattr(self, f"_{name}")()
        return self.made[name]

    async def _post(self, path: str, body: Any) -> Any:
        return (await self.http.post(path, json=body)).raise_for_status().json()

    async def _tag(self) -> None:
        self.made["tag"] = uuid4().hex

    async def _empty(self) -> None:
        self.made["empty"] = (await self._post("/threads", {}))["thread_id"]

    async def _ran(self, thread: str, ask: Any, *, wait: bool = True) -> Any:
        """The run of a new thread, which is called so."""
        self.made[thread] = (await self._post("/threads", {}))["thread_id"]
        here = f"/threads/{self.made[thread]}"
        answer = await self._post(f"{here}/runs/wait" if wait else f"{here}/runs", ask)
        return (await self.http.get(f"{here}/runs")).json()[0] if wait else answer

    async def _done(self) -> None:
        self.made["run"] = (await self._ran("done", RUN))["run_id"]
        state = (await self.http.get(f"/threads/{self.made['done']}/state")).json()
        self.made["head"] = state["checkpoint"]["checkpoint_id"]

    async def _paused(self) -> None:
        await self._ran("paused", SIGN)

    async def _busy(self) -> None:
        self.made["open"] = (await self._ran("busy", LATER, wait=False))["run_id"]

    async def _assistant(self) -> None:
        self.made["assistant"] = (await self._post("/assistants", {"graph_id": "coding", "name": "first"}))[
            "assistant_id"
        ]

    async def _employed(self) -> None:
        self.made["employed"] = (await self._post("/assistants", {"graph_id": "coding"}))["assistant_id"]
        await self._ran("of_employed", {**LATER, "assistant_id": self.made["employed"]}, wait=False)

    async def _retired(self) -> None:
        self.made["retired"] = (await self._post("/assistants", {"graph_id": "coding"}))["assistant_id"]
        await self._ran("of_retired", {**RUN, "assistant_id": self.made["retired"]})

    async def filled(self, text: str) -> str:
        """A text with ids for its names in braces."""
        for name in dict.fromkeys(re.findall(r"\{(\w+)\}", text)):
            text = text.replace(f"{{{name}}}", await self.named(name))
        return text

    async def asked(self, row: Row) -> str:
        """What was wrong; empty: nothing."""
        path, body = await self.filled(row.path), json.loads(await self.filled(json.dumps(row.body)))
        answer = await self.http.request(row.method, path, json=body)
        kind = answer.headers.get("content-type", "")
        content = answer.json() if answer.content and "json" in kind else answer.text
        if answer.status_code != row.status or not row.holds(content):
            return f"{row.method} {path}: {answer.status_code} {answer.text[:200]}"
        return await self.asked(row.then) if row.then else ""


async def tried(server: Server, rows: Mapping[str, Row] = ROWS) -> dict[str, str]:
    """Each row, with what was wrong about it; empty: nothing."""
    results: dict[str, str] = {}
    headers = {"authorization": f"Bearer {server.session}"}
    async with httpx.AsyncClient(base_url=server.url, headers=headers, timeout=TRIED_FOR_S) as http:
        for name, row in rows.items():
            try:
                async with asyncio.timeout(TRIED_FOR_S):
                    wrong = await Things(http).asked(row)
            except Exception as error:  # noqa: BLE001  whatever goes wrong is what is counted
                wrong = f"{type(error).__name__}: {error}"[:200]
            results[name] = f"{row.differs}: {wrong}" if wrong and row.differs else wrong
    return results
