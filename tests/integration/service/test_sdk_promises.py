"""What LangGraph's own clients expect of a server: RemoteGraph resumes, threads are found, nothing is ignored."""

import asyncio
from typing import Any

import httpx
import pytest
from langgraph.pregel.remote import RemoteGraph
from langgraph.types import Command
from langgraph_sdk.errors import UnprocessableEntityError
from pydantic_core import from_json

from service.runs.requests import assistant
from tests.integration.service.test_runs import SIGN, SLOW, TASK
from tests.integration.service.test_stopping import _reaches as reaches
from tests.worlds.served import Served, served

CODING = assistant("coding").id


async def test_remote_graph_resumes(service: Served) -> None:
    person = service.sdk(service.session)
    graph = RemoteGraph("coding", client=person)
    thread = (await person.threads.create())["thread_id"]
    config: Any = {"configurable": {"thread_id": thread}}
    asked = await graph.ainvoke(SIGN, config)
    (interrupt,) = asked["__interrupt__"]
    assert (await graph.aget_state(config)).interrupts
    approve = Command(resume={interrupt["id"]: {"decisions": [{"type": "approve"}]}})
    ended = await graph.ainvoke(approve, config)
    assert ended["ending"]["status"] == "delivered"
    assert service.deliveries == [thread]
    states = [state async for state in graph.aget_state_history(config)]
    assert states[0].values["ending"]["status"] == "delivered"


@pytest.mark.parametrize(
    "command",
    [{"goto": ["deliver"]}, {"update": {"diff": "mine"}}, {"graph": "__parent__"}, {"resume": 1, "goto": "a"}],
)
async def test_a_command_that_does_something_else_is_refused(service: Served, command: dict[str, Any]) -> None:
    client = service.sdk()
    thread = (await client.threads.create())["thread_id"]
    with pytest.raises(UnprocessableEntityError, match=r"only resume|only messages|first run"):
        await client.runs.create(thread, "coding", input=TASK, command=command)


async def test_browsers_may_send_what_the_sdks_send(tmp_path: Any) -> None:
    sent = "x-api-key,x-auth-scheme,prefer,content-type,authorization,last-event-id,idempotency-key"
    async with served(tmp_path, cors_origins="https://ui.example") as service, service.http("") as http:
        asked = {"access-control-request-method": "POST", "access-control-request-headers": sent}
        allowed = await http.options("/threads", headers={"origin": "https://ui.example", **asked})
        assert allowed.status_code == 200
        shown = allowed.headers["access-control-allow-headers"].lower().replace(" ", "").split(",")
        assert set(sent.split(",")) <= set(shown)
        assert "access-control-allow-credentials" not in allowed.headers
        refused = await http.options("/threads", headers={"origin": "https://evil.example", **asked})
        assert "access-control-allow-origin" not in refused.headers


async def test_a_waiting_client_knows_its_run_at_once_and_hears_blanks(service: Served) -> None:
    async with (
        service.http() as http,
        http.stream("POST", "/runs/wait", json={"assistant_id": "coding", "input": SLOW}) as answer,
    ):
        assert answer.status_code == 200
        here = answer.headers["content-location"]
        assert answer.headers["location"] == f"{here}/join"
        assert "content-length" not in answer.headers
        parts = answer.aiter_raw()
        assert await anext(parts) == b"\n"
        assert (await http.get(here)).json()["status"] == "running"
        service.gate.set()
        body = b"".join([part async for part in parts])
    assert from_json(b"\n" + body)["ending"]["status"] == "delivered"


@pytest.mark.parametrize("wish", ["wait=60", "respond-async, wait=60", 'wait="60"'])
async def test_a_client_that_prefers_to_wait_gets_one_answer(service: Served, wish: str) -> None:
    async with service.http() as http, asyncio.TaskGroup() as group:
        asked = {"assistant_id": "coding", "input": SLOW}
        waiting = group.create_task(http.post("/runs/wait", json=asked, headers={"prefer": wish}))
        while not await service.context.turns.unfinished():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        service.gate.set()
    assert int(waiting.result().headers["content-length"]) == len(waiting.result().content)


async def test_a_client_that_goes_away_takes_its_run_along_where_it_wants_that(service: Served) -> None:
    async with service.http() as http:
        asked = {"assistant_id": "coding", "input": SLOW, "on_disconnect": "cancel"}
        async with http.stream("POST", "/runs/wait", json=asked) as answer:
            here = answer.headers["content-location"]
        async with asyncio.timeout(10):
            while (run := (await http.get(here)).json())["status"] != "interrupted":  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert run["cancel_reason"] == "disconnected"


async def test_threads_are_found_by_graph_and_assistant(service: Served) -> None:
    client = service.sdk()
    first = (await client.threads.create(metadata={"team": "a"}))["thread_id"]
    await client.runs.wait(first, "coding", input=TASK)
    await client.runs.wait(None, CODING, input=TASK)
    copied = (await client.threads.copy(first))["thread_id"]
    for metadata in ({"graph_id": "coding"}, {"assistant_id": CODING}):
        found = {thread["thread_id"] for thread in await client.threads.search(metadata=metadata)}
        assert found >= {first, copied}
        assert len(found) == 3
    assert (await client.threads.get(first))["metadata"]["team"] == "a"


async def test_a_state_says_which_run_it_is_of(service: Served) -> None:
    client = service.sdk()
    thread = (await client.threads.create())["thread_id"]
    await client.runs.wait(thread, "coding", input=TASK)
    (run,) = await client.runs.list(thread)
    metadata = (await client.threads.get_state(thread))["metadata"]
    expected = {"run_id": run["run_id"], "thread_id": thread, "graph_id": "coding", "assistant_id": CODING}
    assert expected.items() <= metadata.items()
    assert await client.threads.get_history(thread, metadata={"run_id": run["run_id"]})
    assert await client.threads.get_history(thread, metadata={"run_id": "another"}) == []


async def test_a_run_shows_what_was_asked(service: Served) -> None:
    client = service.sdk()
    thread = (await client.threads.create())["thread_id"]
    run = await client.runs.create(thread, "coding", input=TASK, config={"tags": ["x"]}, stream_mode=["updates"])
    assert run["kwargs"]["input"] == TASK
    assert run["kwargs"]["config"] == {"tags": ["x"]}
    assert run["kwargs"]["stream_mode"] == ["updates"]
    await client.runs.join(thread, run["run_id"])


async def test_a_thread_shows_its_error_until_it_goes_well(service: Served) -> None:
    client = service.sdk()
    thread = (await client.threads.create())["thread_id"]
    broken = {"task": {"text": "broken", "repo": "/nowhere", "accept": "true"}}
    await client.runs.wait(thread, "coding", input=broken, raise_error=False)
    failed = await client.threads.get(thread)
    assert (failed["status"], failed["error"]["error"]) == ("error", "bug")
    (listed,) = await client.threads.search(status="error")
    assert listed["error"] == failed["error"]
    other = (await client.threads.create())["thread_id"]
    assert (await client.threads.get(other))["error"] is None


async def test_a_thread_made_before_its_first_run_is_busy_in_it(service: Served) -> None:
    client = service.sdk()
    thread = (await client.threads.create())["thread_id"]
    run = await client.runs.create(thread, "coding", input=SLOW)
    await reaches(service, thread, "execute")
    assert (await client.threads.get(thread))["status"] == "busy"
    service.gate.set()
    await client.runs.join(thread, run["run_id"])
    assert (await client.threads.get(thread))["status"] == "idle"


async def test_select_and_extract(service: Served) -> None:
    client = service.sdk()
    thread = (await client.threads.create())["thread_id"]
    await client.runs.wait(thread, "coding", input=TASK)
    paths = {"last": "values.messages[-1].type", "how": "values.ending.status", "none": "values.messages[9].x"}
    (found,) = await client.threads.search(select=["thread_id", "status"], extract=paths)
    assert found == {
        "thread_id": thread,
        "status": "idle",
        "extracted": {"last": "ai", "how": "delivered", "none": None},
    }
    state = await client.threads.get_state(thread, select=["next", "values.ending"])
    assert (state["next"], set(state["values"]), set(state)) == ([], {"ending"}, {"next", "values"})
    for each in await client.threads.get_history(thread, select=["checkpoint"]):
        assert set(each) == {"checkpoint"}
    (run,) = await client.runs.list(thread, select=["run_id", "status"])
    assert set(run) == {"run_id", "status"}
    (one, _) = await client.assistants.search(select=["name"], sort_by="name", sort_order="asc")
    assert one == {"name": "coding"}
    assert (await client.threads.get_state(thread, subgraphs=True))["values"]["ending"]["status"] == "delivered"


REFUSED: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "/threads/search", {"select": ["nothing"]}),
    ("POST", "/threads/search", {"extract": {"a": "secrets.b"}}),
    ("POST", "/threads/search", {"extract": {"a b": "values.b"}}),
    ("POST", "/threads/search", {"extract": {f"a{n}": "values.b" for n in range(11)}}),
    ("POST", "/threads/search", {"colour": "blue"}),
    ("POST", "/threads", {"ttl": 5}),
    ("PATCH", "/threads/{thread}", {"ttl": {"ttl": 5}}),
    ("GET", "/threads/{thread}?include=secrets", {}),
    ("GET", "/threads/{thread}/state?select=nothing", {}),
    ("GET", "/threads/{thread}/runs?select=nothing", {}),
    ("POST", "/threads/{thread}/history", {"checkpoint": {"checkpoint_ns": "sub"}}),
    ("POST", "/assistants/search", {"colour": "blue"}),
    ("POST", "/assistants/search", {"select": ["nothing"]}),
    ("POST", "/store/items/search", {"namespace_prefix": [], "colour": "blue"}),
    ("POST", "/store/items/search", {"namespace_prefix": [], "filter": {"n": {"$near": 1}}}),
    ("PUT", "/store/items", {"namespace": ["a"], "key": "k", "value": {}, "ttl": 5}),
    ("PUT", "/store/items", {"namespace": ["a"], "key": "k", "value": {}, "index": ["text"]}),
    ("POST", "/threads/{thread}/runs", {"assistant_id": "coding", "input": TASK, "feedback_keys": ["a"]}),
    ("POST", "/threads/{thread}/runs", {"assistant_id": "coding", "input": TASK, "colour": "blue"}),
]


@pytest.mark.parametrize(("method", "path", "body"), REFUSED)
async def test_nothing_is_ignored_in_silence(service: Served, method: str, path: str, body: dict[str, Any]) -> None:
    async with service.http() as http:
        thread = (await http.post("/threads", json={})).json()["thread_id"]
        answer = await http.request(method, path.format(thread=thread), json=body or None)
        assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid"), answer.text
        assert (await http.get(f"/threads/{thread}/runs")).json() == []


async def test_a_minimal_answer(service: Served) -> None:
    client = service.sdk()
    thread = (await client.threads.create())["thread_id"]
    assert await client.threads.update(thread, metadata={"a": 1}, return_minimal=True) is None
    assert (await client.threads.update(thread, metadata={"b": 2}))["metadata"].items() >= {"a": 1, "b": 2}.items()
    assert (await client.threads.get(thread, include=["ttl"]))["ttl"] is None


async def test_a_missing_item_is_null_and_numbers_are_compared(service: Served) -> None:
    client = service.sdk()
    assert await client.store.get_item(["a"], key="none") is None
    for n in range(5):
        await client.store.put_item(["a"], key=f"k{n}", value={"n": n, "on": f"2026-01-0{n + 1}", "odd": n % 2 == 1})
    await client.store.put_item(["a"], key="other", value={"n": "text", "on": 7})

    async def keys(**having: Any) -> list[str]:
        return [item["key"] for item in (await client.store.search_items(["a"], filter=having))["items"]]

    assert await keys(n={"$gte": 3}) == ["k3", "k4"]
    assert await keys(n={"$gt": 1, "$lt": 3.5}) == ["k2", "k3"]
    assert await keys(on={"$lte": "2026-01-02"}) == ["k0", "k1"]
    assert await keys(n={"$eq": 2}) == ["k2"]
    assert await keys(odd={"$ne": True}) == ["k0", "k2", "k4", "other"]
    assert await keys(n={"$ne": 2}, odd=False) == ["k0", "k4"]


async def test_words_where_a_signature_is_due_are_told_how_to_sign(service: Served) -> None:
    client = service.sdk()
    thread = (await client.threads.create())["thread_id"]
    await client.runs.wait(thread, "coding", input=SIGN)
    async with service.http() as http:
        words = {"assistant_id": "coding", "input": {"messages": "approve"}, "multitask_strategy": "enqueue"}
        no = await http.post(f"/threads/{thread}/runs", json=words)
    assert (no.status_code, no.json()["code"]) == (409, "thread_busy")
    assert "enqueue" not in no.json()["hint"]
    assert "/v1/approvals" in no.json()["hint"]


@pytest.mark.parametrize("input_", [{"task": {**TASK["task"], "text": "another"}}, {"messages": "another"}])
async def test_rollback_of_the_first_run_begins_anew(service: Served, input_: dict[str, Any]) -> None:
    client = service.sdk()
    thread = (await client.threads.create())["thread_id"]
    first = await client.runs.create(thread, "coding", input=SLOW)
    await reaches(service, thread, "execute")
    bad = {"task": {"text": "x", "repo": "/nowhere", "deliver": "by post"}}
    with pytest.raises(httpx.HTTPStatusError, match="422"):
        await client.runs.wait(thread, "coding", input=bad, multitask_strategy="rollback")
    assert (await client.runs.get(thread, first["run_id"]))["status"] == "running"
    values = await client.runs.wait(thread, "coding", input=input_, multitask_strategy="rollback")
    assert (values["task"]["text"], values["ending"]["status"]) == ("another", "delivered")
    assert [run["run_id"] == first["run_id"] for run in await client.runs.list(thread)] == [False]
