"""One organisation uses every id of another one in every place: it sees nothing, and nothing changes."""

import asyncio
import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from database import now
from domain import Task
from service.api import create_app
from service.console import add_console
from service.runs.threads import Thread
from service.settings import Settings
from tests.worlds import organisations as world
from tests.worlds.organisations import (
    BODIES,
    CLAIMS,
    ENDS,
    FORMS,
    ID,
    IN_RUNS,
    OWNED,
    PAGES,
    QUERIES,
    RAW,
    SECRET,
    TAKEN,
    filled,
    ghost,
)
from tests.worlds.served import Served

CHANGES = re.compile(r"ak_live_\w+|[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{10,}|\d{4}-\d\d-\d\d[T ][0-9:.+Z]+|[\d.]+")
"""What is different in every answer: new ids, times, numbers."""
OWN_DEEDS = {"GET /console/audit", "GET /console/memory", "GET /console/memory/export"}
"""They show what the stranger did in the walk itself, in which one of the two ids is found more often."""
ROLES = ("org_admin", "operator", "approver", "auditor")
APP = create_app(Settings(home=Path("/nonexistent")), lambda: None, also=(add_console,))  # type: ignore[arg-type]  it is never started
OPERATIONS = sorted(each for each in world.routes(APP) if each.partition(" ")[2] not in world.OPEN)


@dataclass
class Stranger:
    """A person of another organisation with every right there is in it."""

    ids: dict[str, str]
    http: httpx.Client
    token: str
    """Of the forms that they are shown."""
    tried: int = 0
    told: list[str] = field(default_factory=list)

    def ask(self, request: dict[str, Any], id_: str, other: str) -> tuple[int, str]:
        """What was answered, without what is different every time; ``other`` stands in what this walk itself did."""
        answer = self._answer(filled(request, id_))
        self.tried += 1
        if SECRET in answer.text or answer.status_code >= 500:
            self.told.append(f"{answer.status_code} {filled(request, id_)}: {answer.text[:300]}")
        text = answer.text
        for known in (
            each[:most] for most in (None, 100, 80, 64, 60, 40) for each in (id_, other)
        ):  # messages cut it off
            text = re.sub(rf"(?<!\w){re.escape(known)}(?!\w)", "~", text)
        return answer.status_code, CHANGES.sub("~", text)

    def _answer(self, request: dict[str, Any]) -> httpx.Response:
        """The answer; of a stream that does not end, its first words."""
        if not request["url"].endswith("/stream/events"):
            return self.http.request(**request)
        with self.http.stream(**request) as answer:
            text = answer.read() if answer.status_code != 200 else next(answer.iter_bytes())
        return httpx.Response(answer.status_code, content=text)

    def use(self, operation: str, kind: str) -> None:
        """Every request of an operation with one id: answered as with an id that nobody ever had."""
        method, path = operation.split(" ")
        for query in {**QUERIES, **PAGES}.get(operation, [{}]):
            bodies = BODIES.get(operation, [None])
            for body in bodies if kind in IN_RUNS else bodies[: 1 if "/runs" in path else 3]:
                sent = {"method": method, "url": re.sub(r"\{\w+\}", ID, path), "params": query, "json": body}
                if operation in RAW:
                    sent |= {"content": f"approval_id={ID}&action_digest={ID}&decision=approve"}
                self._compare(operation, kind, {**sent, "headers": {"Idempotency-Key": ID, "Last-Event-ID": ID}})
        for act in FORMS.get(operation, ()):
            fields = (
                "id",
                "digest",
                "key",
                "subject",
                "job",
                "session",
                "repo",
                "title",
                "text",
                "wish",
                "comment",
                "to",
            )
            form = "&".join(f"{name}={ID}" for name in fields)
            sent = {"method": method, "url": re.sub(r"\{\w+\}", ID, path), "headers": {}}
            self._compare(operation, kind, {**sent, "content": f"csrf={self.token}&do={act}&step=0&{form}"})

    def _compare(self, operation: str, kind: str, request: dict[str, Any]) -> None:
        mine, nobodys = self.ids[kind], ghost(self.ids[kind])
        status, text = self.ask(request, mine, nobodys)
        claims = operation in CLAIMS and kind in TAKEN.get(operation, OWNED) and self._claims(request)
        if claims and status not in {404, 409}:
            self.told.append(f"{operation} got the {kind}: {status} {text[:300]}")
        link = kind == "link" and request["url"].startswith("/a/")  # it is signed: who has one may see the login
        starts = request["method"] == "POST" and "/runs" in request["url"]  # with an Idempotency-Key
        if claims or link or operation in OWN_DEEDS or not (starts or ID in str({**request, "headers": {}})):
            return
        if (status, text) != (other := self.ask(request, nobodys, mine)):
            self.told.append(f"{request} {kind}: {status} {text[:500]}\n  but {other[0]} {other[1][:500]}")

    def _claims(self, request: dict[str, Any]) -> bool:
        body = request["json"]
        named = body.get("thread_id") or body.get("metadata", {}).get("thread_id", "") if "messages" in body else ""
        taken = (request["url"], body.get("thread_id"), body.get("assistant_id"), named)
        return ID in taken or "/threads/" in request["url"]


async def stranger(service: Served) -> Stranger:
    key, _ = await service.context.keys.make("other", "eve", roles=ROLES, personal=True)
    _, session = await service.context.keys.log_in(key, roles=())
    headers = {"authorization": f"Bearer {session}", "cookie": f"signoff_session={session}; signoff_console={session}"}
    ids = await world.settled(service)
    token = service.context.links.form_token(hashlib.sha256(session.encode()).hexdigest())
    return Stranger(ids, httpx.Client(base_url=service.url, headers=headers, timeout=30), token)


def test_every_route_is_walked_and_every_body_has_an_entry() -> None:
    described = {
        f"{method.upper()} {path}": about for path, of in APP.openapi()["paths"].items() for method, about in of.items()
    }
    assert set(described) <= world.routes(APP)
    assert {name for name, about in described.items() if "requestBody" in about} == set(BODIES)
    given = [(name, each) for name, about in described.items() for each in about.get("parameters", [])]
    ids = {"run", "cursor", "key", "before", "namespace", "thread_id"}
    no_ids = {
        "xray",
        "limit",
        "offset",
        "status",
        "action",
        "wait",
        "cancel_on_disconnect",
        "stream_mode",
        "state",
        "mine",
        "after",
        "by",
        "since",
        "until",
        "query",
        "kind",
        "repo",
        "rev",
        "max_tokens",
        "format",
        "readable",
        "select",
        "subgraphs",
        "include",
        "delete_threads",
    }
    assert {each["name"] for _, each in given if each["in"] == "query"} == ids | no_ids
    assert {name for name, each in given if each["in"] == "query" and each["name"] in ids} == set(QUERIES)
    assert {each["name"] for _, each in given if each["in"] == "header"} == {
        "Idempotency-Key",
        "Last-Event-ID",
        "prefer",
    }


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_another_organisation_sees_and_changes_nothing(service: Served) -> None:
    eve = await stranger(service)
    before = await world.kept(service)
    # What differs on a server is whose rows and checkpoints are found, not how an id is read.
    kinds = [*IN_RUNS, "turn", "ballot"] if service.context.application.server else eve.ids

    def walk() -> None:
        for operation in OPERATIONS:
            for kind in kinds if operation not in ENDS else ():
                eve.use(operation, kind)

    await asyncio.to_thread(walk)
    eve.http.close()
    assert eve.told == [], eve.told[:5]
    assert eve.tried > 900
    assert world.trespasses(before, await world.kept(service), eve.ids) == []


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_nor_does_it_in_any_order(service: Served) -> None:
    eve, loop = await stranger(service), asyncio.get_running_loop()
    before = await world.kept(service)

    class Walk(RuleBasedStateMachine):
        @rule(
            operation=st.sampled_from([o for o in OPERATIONS if o not in ENDS]),
            kind=st.sampled_from(sorted(eve.ids)),
        )
        def use(self, operation: str, kind: str) -> None:
            eve.use(operation, kind)

        @invariant()
        def nothing_was_told(self) -> None:
            assert eve.told == []

        def teardown(self) -> None:
            after = asyncio.run_coroutine_threadsafe(world.kept(service), loop).result(60)
            assert world.trespasses(before, after, eve.ids) == []

    walks = 1 if service.context.application.server else 4
    chosen = settings(
        max_examples=walks,
        stateful_step_count=30,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    await asyncio.to_thread(run_state_machine_as_test, Walk, settings=chosen)
    eve.http.close()


async def test_what_was_taken_before_ids_were_looked_after_is_given_back(service: Served) -> None:
    """A stranger's thread over a run of the command line, as older versions let one be made."""
    engine, threads = service.context.application.engine, service.context.threads
    run = await engine.create(Task(text=f"do nothing {SECRET}", repo="/nowhere", accept="true", requester="ann"))
    await engine.advance(run.id, None)
    await threads.add(Thread(id=run.id, org="other", created_at=now(), updated_at=now()), of_run=True)
    key, _ = await service.context.keys.make("other", "eve", roles=ROLES, personal=True)
    _, session = await service.context.keys.log_in(key, roles=())
    async with service.http(session) as http:
        for path in (f"/threads/{run.id}", f"/threads/{run.id}/state", f"/threads/{run.id}/history"):
            assert (await http.get(path)).status_code == 404
        assert (await http.post("/threads/search", json={})).json() == []
        assert (await http.post("/threads/count", json={})).json() == 0
        assert (await http.delete(f"/threads/{run.id}")).status_code == 404
    assert SECRET in str(await service.sdk().threads.get_state(run.id))
    assert [each["thread_id"] for each in await service.sdk().threads.search()] == [run.id]


async def test_ones_own_run_of_the_command_line_is_a_thread_already(service: Served) -> None:
    engine = service.context.application.engine
    run = await engine.create(Task(text="do nothing", repo="/nowhere", accept="true", requester="ann"))
    async with service.http() as http:
        assert (await http.post("/threads", json={"thread_id": run.id})).status_code == 409
        kept = await http.post("/threads", json={"thread_id": run.id, "if_exists": "do_nothing"})
    assert (kept.status_code, kept.json()["thread_id"]) == (200, run.id)


@pytest.mark.parametrize("id_", ["..", ".", "-x", "a/b", "a b", "x" * 65, "é", ""])
async def test_what_is_no_id_of_a_thread_makes_none(service: Served, id_: str) -> None:
    async with service.http() as http:
        told = {"messages": [{"role": "user", "content": "do nothing"}], "repo": "/nowhere", "accept": "true"}
        asked = {**told, "metadata": {"thread_id": id_ or " "}}
        answers = [
            await http.post("/threads", json={"thread_id": id_}),
            await http.post("/v1/chat/completions", json=asked),
        ]
        assert [answer.status_code for answer in answers] == [422, 422]
        assert (await http.post("/threads/count", json={})).json() == 0
