"""Two organisations on one service: everything that can be asked for by an id, and what must not change by it."""

import hashlib
import re
import sqlite3
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from sqlalchemy import MetaData, select

from database import reading
from domain import Task
from tests.worlds.asking import paused
from tests.worlds.served import Served

SECRET = "acmes-own-affair"  # noqa: S105  what must never be told to another organisation
ID = "$"
"""Stands for an id in an entry below."""
TASK = {"text": f"do nothing {SECRET}", "repo": "/nowhere", "accept": "true"}
RUN = {"assistant_id": "coding", "input": {"task": {"text": "do nothing", "repo": "/nowhere", "accept": "true"}}}
MADE = {**RUN, "if_not_exists": "create"}
OPEN = {"/ok", "/health", "/healthz", "/readyz", "/info", "/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc"}
"""Say the same to everybody."""
CHECKPOINTS = [{"checkpoint_id": ID, "checkpoint": {"checkpoint_id": ID, "thread_id": ID}}]
RUNS: list[Any] = [
    MADE,
    {**RUN, **CHECKPOINTS[0]},
    {**RUN, "assistant_id": ID},
    {**RUN, "metadata": {"thread_id": ID}},
    {**MADE, "config": {"configurable": {"thread_id": ID, "checkpoint_id": ID, "run_id": ID}}},
    {**RUN, "command": {"resume": {ID: {"type": "approve", "approval_id": ID}}}},
]
ON_THREAD = [*RUNS, *({**RUN, "multitask_strategy": how} for how in ("reject", "interrupt", "rollback"))]
ITEM = {"namespace": [ID], "key": ID}
FOUND = [{"ids": [ID]}, {"metadata": {"copied_from": ID}}, {"metadata": {"n": 1}}, {}]
NIGHTLY = {**RUN, "schedule": "0 3 * * *"}
COMMANDS: list[Any] = [
    {"id": 1, "method": "run.start", "params": {**RUN, "assistant_id": "coding"}},
    {"id": 1, "method": "input.respond", "params": {"interrupt_id": ID, "response": {"type": "approve"}}},
    {"id": 1, "method": "state.get", "params": {"keys": [ID]}},
    {"id": 1, "method": "state.fork", "params": {"checkpoint_id": ID}},
    {"id": 1, "method": "state.listCheckpoints", "params": {"before": ID}},
    {"id": 1, "method": "agent.getTree"},
]
BODIES: Mapping[str, list[Any]] = {
    "POST /assistants": [
        {"graph_id": "coding", "assistant_id": ID},
        {"graph_id": ID},
        {"graph_id": "coding", "assistant_id": ID, "if_exists": "do_nothing"},
    ],
    "PATCH /assistants/{assistant_id}": [{"name": ID}],
    "POST /assistants/{assistant_id}/latest": [{"version": 1}],
    "POST /runs/crons": [{**NIGHTLY, "assistant_id": ID}, {**NIGHTLY, "assistant_id": "coding", "metadata": {"a": ID}}],
    "POST /threads/{thread_id}/runs/crons": [{**NIGHTLY, "assistant_id": "coding"}],
    "PATCH /runs/crons/{cron_id}": [{"enabled": False}, {"metadata": {"a": ID}}],
    "POST /runs/crons/search": [{"thread_id": ID}, {"assistant_id": ID}, {"metadata": {"created_by": ID}}, {}],
    "POST /runs/crons/count": [{"thread_id": ID}, {"assistant_id": ID}, {}],
    "POST /threads/{thread_id}/commands": COMMANDS,
    "POST /threads/{thread_id}/stream/events": [{"channels": ["values", "lifecycle"], "since": 0}],
    "POST /assistants/search": [{"graph_id": ID}, {"name": ID, "metadata": {"created_by": ID}}],
    "POST /assistants/count": [{"graph_id": ID}],
    "POST /assistants/{assistant_id}/versions": [{"metadata": {"created_by": ID}}],
    "POST /threads": [{"thread_id": ID}, {"thread_id": ID, "if_exists": "do_nothing"}, {"metadata": {"thread_id": ID}}],
    "POST /threads/search": FOUND,
    "POST /threads/count": FOUND,
    "POST /threads/prune": [{"thread_ids": [ID, ID]}],
    "PATCH /threads/{thread_id}": [{"metadata": {"a": ID}}],
    "PATCH /threads/{thread_id}/state": [{"metadata": {"a": ID}}],
    "POST /threads/{thread_id}/state": [{"values": {"messages": [{"role": "user", "content": "x"}]}}, *CHECKPOINTS],
    "POST /threads/{thread_id}/state/checkpoint": CHECKPOINTS,
    "POST /threads/{thread_id}/history": [{}, {"before": ID}, {"before": CHECKPOINTS[0]}],
    "POST /threads/{thread_id}/runs": ON_THREAD,
    "POST /threads/{thread_id}/runs/wait": ON_THREAD,
    "POST /threads/{thread_id}/runs/stream": ON_THREAD,
    "POST /runs/cancel": [
        {"thread_id": ID, "status": "all"},
        {"thread_id": ID, "run_ids": [ID]},
        {"run_ids": [ID]},
        {"status": "all"},
    ],
    "POST /runs": RUNS,
    "POST /runs/wait": RUNS,
    "POST /runs/stream": RUNS,
    "POST /runs/batch": [[run, run] for run in RUNS[:2]],
    "PUT /store/items": [{**ITEM, "value": {"mine": True}}],
    "DELETE /store/items": [ITEM],
    "POST /store/items/search": [{"namespace_prefix": [ID]}, {"filter": {ID: ID}}, {}],
    "POST /store/namespaces": [{"prefix": [ID]}, {"suffix": [ID]}, {}],
    "POST /v1/approvals/{approval_id}/decisions": [
        {"decision": "approve", "action_digest": ID},
        {"decision": "reject", "action_digest": ID, "comment": ""},
        {"decision": "approve", "action_digest": ID, "grant": {}},
    ],
    "POST /v1/runs/{run_id}/resume": [{"max_steps": 1_000}],
    "POST /v1/chat/completions": [
        {
            "messages": [{"role": "user", "content": "do nothing"}],
            "repo": "/nowhere",
            "accept": "true",
            "metadata": {"thread_id": ID},
        },
        {"model": "signoff-chat", "messages": [{"role": "user", "content": "x"}], "metadata": {"thread_id": ID}},
    ],
    "POST /v1/responses": [
        {"input": "do nothing", "repo": "/nowhere", "accept": "true", "previous_response_id": f"resp_{ID}"},
        {"model": "signoff-chat", "input": "x", "previous_response_id": ID},
    ],
    "POST /v1/session": [{"key": ID}],
    "POST /v1/keys": [{"name": ID, "subject": ID, "roles": ["viewer"]}, {"name": ID, "standing": ID}],
    "PATCH /v1/keys/{key_id}": [{"standing": ""}],
    "PUT /v1/plans/organisations/{org}": [{"plan": ID}, {"plan": ""}],
    "POST /v1/memory": [{"repo": ID, "title": "x", "text": "y"}, {"repo": "/nowhere", "title": ID, "text": ID}],
    "PATCH /v1/memory/{memory_id}": [{"text": "mine now"}, {"pinned": True}, {"pinned": False}],
}
"""A body for every route that takes one, with ids wherever ids, or what might be taken for one, can stand."""
RAW = {
    "POST /v1/hooks/approvals/{integration}",
    "POST /v1/hooks/slack/interactions",
    "POST /v1/hooks/github",
    "POST /v1/hooks/forges/{hook}",
    "POST /v1/hooks/payments/{provider}",
    "POST /a/{token}",
    "POST /console/login",
    "POST /console/logout",
    "POST /console/theme",
    "POST /console/approvals/{approval_id}",
    "POST /console/several",
    "POST /console/runs/{run_id}",
    "POST /console/start",
    "POST /console/people",
    "POST /console/operation",
    "POST /console/me",
    "POST /console/memory",
    "POST /console/memory/{memory_id}",
}
"""Take bytes, not JSON."""
CLAIMS = {
    "POST /threads",
    "POST /threads/{thread_id}/runs",
    "POST /threads/{thread_id}/runs/wait",
    "POST /threads/{thread_id}/runs/stream",
    "POST /v1/chat/completions",
    "POST /threads/{thread_id}/commands",
    "POST /assistants",
}
"""Make a thread of an id that nobody has. Somebody's is refused, which says that it is taken and nothing else."""
OWNED = {"thread", "waiting thread", "run of the command line"}
"""Kinds of ids that a thread can be made of."""
TAKEN: Mapping[str, set[str]] = {"POST /assistants": {"assistant"}}
"""Kinds of ids that are taken for what this makes, where that is no thread."""
IN_RUNS = {"thread", "run of the command line", "checkpoint"}
"""Kinds that something in the body of a run may mean; the others stand in it once."""
QUERIES: Mapping[str, list[dict[str, str]]] = {
    "GET /v1/approvals": [{"run": ID}, {"cursor": ID}, {"cursor": f"1.{ID}"}, {"mine": "true"}],
    "GET /store/items": [{"namespace": ID, "key": ID}, {"namespace": "acme", "key": ID}],
    "GET /v1/usage": [{"run": ID}, {"run": ID, "by": "user"}],
    "GET /threads/{thread_id}/history": [{"before": ID}],
    "GET /v1/search": [{"query": "nothing", "thread_id": ID}, {"query": ID, "repo": f"/nowhere/{ID}"}],
}


PAGES: Mapping[str, list[dict[str, str]]] = {
    "GET /console/several": [{"id": ID}],
    "GET /console/runs": [{"after": ID, "words": ID}, {"requester": ID}],
    "GET /console/compare": [{"run": ID}],
    "GET /console/audit": [{"words": ID}],
    "GET /console/memory": [{"repo": ID}, {"words": ID}],
    "GET /console/memory/export": [{"repo": ID}],
    "GET /console/login": [{"next": f"/console/runs/{ID}"}],
}
"""The same for pages, which no description of the API has."""
FORMS: Mapping[str, tuple[str, ...]] = {
    "POST /console/approvals/{approval_id}": ("approve", "reject", "edit", "withdraw", "remind"),
    "POST /console/several": ("approve",),
    "POST /console/runs/{run_id}": ("say", "stop", "kill", "resume", "fork"),
    "POST /console/people": ("rotate", "revoke", "remove"),
    "POST /console/operation": ("retry", "cancel"),
    "POST /console/me": ("", "notices"),
    "POST /console/memory": ("",),
    "POST /console/memory/{memory_id}": ("edit", "pin", "unpin", "forget"),
    "POST /console/start": ("",),
}
"""What the forms of the console can ask for."""
ENDS = {"DELETE /v1/session", "POST /console/logout"}
"""End the stranger's own session."""


def routes(app: FastAPI) -> set[str]:
    """``METHOD /path`` of every route, described or not."""
    waiting, found = list(app.routes), set[str]()
    while waiting:
        route: Any = waiting.pop()
        if (inner := getattr(route, "original_router", None)) is not None:
            waiting += inner.routes
        else:
            found |= {f"{method} {route.path}" for method in route.methods}
    return found


def filled(part: Any, id_: str) -> Any:
    """The same with the id where it belongs."""
    match part:
        case dict():
            return {filled(key, id_): filled(inner, id_) for key, inner in part.items()}
        case list():
            return [filled(inner, id_) for inner in part]
        case str():
            return part.replace(ID, id_)
        case _:
            return part


async def settled(service: Served) -> dict[str, str]:
    """Have the first organisation do everything that leaves an id behind; its ids by kind."""
    sdk, engine = service.sdk(), service.context.application.engine
    made = await sdk.threads.create(metadata={"about": SECRET, "n": 1})
    thread = made["thread_id"]
    await sdk.runs.wait(thread, "coding", input={"task": TASK})
    (turn,) = await sdk.runs.list(thread)
    state = await sdk.threads.get_state(thread)
    run = await engine.create(Task(**TASK, requester=SECRET))
    await engine.advance(run.id, None)
    waits, ballot = await paused(service)
    async with service.http(service.session) as http:
        said = {"decision": "respond", "action_digest": "sha256:" + "0" * 64, "comment": SECRET}
        await http.post(f"/v1/approvals/{ballot['id']}/decisions", json=said, headers={"Idempotency-Key": "acme-once"})
        await http.put("/store/items", json={"namespace": ["acme"], "key": "note", "value": {"text": SECRET}})
        remembered = {"repo": "/nowhere", "title": "A habit", "text": SECRET}
        memory = (await http.post("/v1/memory", json=remembered)).json()["id"]
        key = (await http.post("/v1/keys", json={"name": SECRET, "roles": ["viewer"]})).json()["id"]
    assistant = await sdk.assistants.create("coding", name=SECRET, metadata={"about": SECRET})
    nightly = await sdk.crons.create("coding", schedule="0 3 * * *", input={"task": TASK}, metadata={"about": SECRET})
    link = service.context.links.issue(
        ballot=ballot["id"],
        org="local",
        action_digest=ballot["action_digest"],
        until=service.context.links.clock().replace(year=2999),
    )
    return {
        "thread": thread,
        "turn": turn["run_id"],
        "checkpoint": str(state["checkpoint"]["checkpoint_id"]),
        "run of the command line": run.id,
        "waiting thread": waits,
        "assistant": assistant["assistant_id"],
        "cron": nightly["cron_id"],
        "ballot": ballot["id"],
        "digest": ballot["action_digest"],
        "key": key,
        "memory": memory,
        "idempotency key": "acme-once",
        "namespace": "acme",
        "item": "note",
        "person": "ann",
        "link": link,
    }


def ghost(id_: str) -> str:
    """An id of the same form that nobody ever had."""
    if ":" in id_:
        return f"{id_.partition(':')[0]}:{ghost(id_.partition(':')[2])}"
    flipped = {**{str(n): str(9 - n) for n in range(10)}, **dict(zip("abcdef", "fedcba", strict=True))}
    return id_.translate(str.maketrans(flipped)) if re.search("[0-9]", id_) else id_[::-1] + "x"


PASSING = {"rates", "alembic_version"}
"""Say how often somebody asked, and nothing about anybody's work."""


async def kept(service: Served) -> Counter[Any]:
    """Every row and every file there is."""
    found: Counter[Any] = Counter()
    async with reading(service.context.database) as conn:
        known = MetaData()
        await conn.run_sync(known.reflect)
        for table in known.sorted_tables:
            if table.name not in PASSING and "procrastinate" not in table.name:
                found.update((table.name, *map(repr, row)) for row in await conn.execute(select(table)))
    home = service.context.settings.home
    checkpoints = home / "checkpoints.db"
    if checkpoints.exists():
        with closing(sqlite3.connect(checkpoints)) as db:
            for name in ("checkpoints", "writes"):
                found.update((name, *row) for row in db.execute(f"SELECT * FROM {name}"))  # noqa: S608
    found.update(_file(path) for path in home.rglob("*") if path.is_file() and ".db" not in path.name)
    return found


def trespasses(before: Counter[Any], after: Counter[Any], ids: Mapping[str, str]) -> list[Any]:
    """What of the first organisation is gone, other than it was, or new."""
    owned = {cell for kind in OWNED for cell in (ids[kind], repr(ids[kind]))}

    def of_the_first(row: tuple[Any, ...]) -> bool:
        at_checkpoints = str(row[0]).startswith(("checkpoint", "writes"))
        return repr("local") in row or (at_checkpoints and any(cell in owned for cell in row if isinstance(cell, str)))

    new = [row for row in after - before if of_the_first(row)]
    return [*(before - after), *new]


def _file(path: Path) -> tuple[str, str]:
    return str(path), hashlib.sha256(path.read_bytes()).hexdigest()
