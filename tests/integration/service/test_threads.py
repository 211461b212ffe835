"""Threads, states, history, copies, assistants and the store, by LangGraph's own SDK."""

import httpx
import pytest
from langgraph_sdk.errors import ConflictError, NotFoundError, UnprocessableEntityError

from tests.worlds.served import Served

TASK = {"task": {"text": "do it", "repo": "/nowhere", "accept": "true"}}


async def test_threads_are_made_found_changed_and_deleted(service: Served) -> None:
    client = service.sdk()
    made = [await client.threads.create(metadata={"n": n, "team": "a"}) for n in range(3)]
    assert await client.threads.count(metadata={"team": "a"}) == 3
    found = await client.threads.search(metadata={"n": 1})
    assert [t["thread_id"] for t in found] == [made[1]["thread_id"]]
    pages = [await client.threads.search(limit=2, offset=n, sort_order="asc") for n in (0, 2)]
    assert [t["thread_id"] for page in pages for t in page] == [t["thread_id"] for t in made]
    changed = await client.threads.update(made[0]["thread_id"], metadata={"team": "b"})
    assert changed["metadata"]["n"] == 0
    await client.threads.delete(made[0]["thread_id"])
    with pytest.raises(NotFoundError):
        await client.threads.get(made[0]["thread_id"])
    assert await client.threads.count() == 2


async def test_an_id_is_taken_once(service: Served) -> None:
    client = service.sdk()
    thread = (await client.threads.create())["thread_id"]
    with pytest.raises(ConflictError):
        await client.threads.create(thread_id=thread)
    assert (await client.threads.create(thread_id=thread, if_exists="do_nothing"))["thread_id"] == thread


async def test_state_and_history(service: Served) -> None:
    client = service.sdk()
    thread = (await client.threads.create())["thread_id"]
    assert (await client.threads.get_state(thread))["values"] == {}
    await client.runs.wait(thread, "coding", input=TASK)
    state = await client.threads.get_state(thread)
    assert state["values"]["ending"]["status"] == "delivered"
    assert state["next"] == []
    past = await client.threads.get_history(thread, limit=100)
    assert past[0]["checkpoint"] == state["checkpoint"]
    later = await client.threads.get_history(thread, limit=100, before=past[3]["checkpoint"])
    assert [s["checkpoint_id"] for s in later] == [s["checkpoint_id"] for s in past[4:]]
    old = await client.threads.get_state(thread, checkpoint=past[3]["checkpoint"])
    assert old["next"] == past[3]["next"]
    with pytest.raises(NotFoundError):
        await client.threads.get_state(thread, checkpoint_id="1f0f0f0f-0000-6000-8000-000000000000")


async def test_clients_may_write_messages_and_no_evidence(service: Served) -> None:
    client = service.sdk()
    thread = (await client.threads.create())["thread_id"]
    await client.runs.wait(thread, "coding", input=TASK)
    await client.threads.update_state(thread, {"messages": [{"role": "user", "content": "a remark"}]})
    assert (await client.threads.get_state(thread))["values"]["messages"][-1]["content"] == "a remark"
    with pytest.raises(UnprocessableEntityError):
        await client.threads.update_state(thread, {"verdict": {"state": "approved"}})
    remark = {"messages": [{"role": "user", "content": "another one"}]}
    head, *past = await client.threads.get_history(thread, limit=3)
    for elsewhere in ({"as_node": "deliver"}, {"checkpoint": past[1]["checkpoint"]}):
        with pytest.raises(UnprocessableEntityError):
            await client.threads.update_state(thread, remark, **elsewhere)
    assert len((await client.threads.get_state(thread))["values"]["messages"]) == 3, "nothing is written elsewhere"
    await client.threads.update_state(thread, remark, checkpoint=head["checkpoint"])


async def test_a_copy_stands_where_the_thread_stood(service: Served) -> None:
    client = service.sdk()
    thread = (await client.threads.create(metadata={"team": "a"}))["thread_id"]
    await client.threads.copy(thread)
    assert await client.threads.count(metadata={"copied_from": thread, "team": "a"}) == 1


async def test_assistants(service: Served) -> None:
    client = service.sdk()
    found = await client.assistants.search(graph_id="coding")
    assert {a["name"] for a in found} == {"coding", "coding-packages"}
    one = await client.assistants.get(found[0]["assistant_id"])
    assert one["graph_id"] == "coding"
    drawn = await client.assistants.get_graph(one["assistant_id"], xray=True)
    assert {"approve:wait", "deliver"} <= {node["id"] for node in drawn["nodes"]}
    assert "task" in (await client.assistants.get_schemas("coding"))["state_schema"]["properties"]
    assert "approve" in await client.assistants.get_subgraphs("coding")
    with pytest.raises(NotFoundError):
        await client.assistants.get("nobody")


async def test_the_store(service: Served) -> None:
    client = service.sdk()
    await client.store.put_item(["notes", "ann"], key="a", value={"text": "one", "n": 1})
    await client.store.put_item(["notes", "ann"], key="a", value={"text": "two", "n": 2})
    await client.store.put_item(["notes", "bob"], key="b", value={"text": "three", "n": 3})
    assert (await client.store.get_item(["notes", "ann"], key="a"))["value"]["text"] == "two"
    assert len((await client.store.search_items(["notes"]))["items"]) == 2
    assert len((await client.store.search_items(["notes"], filter={"n": 3}))["items"]) == 1
    ends = await client.store.list_namespaces(suffix=["bob"])
    assert ends["namespaces"] == [["notes", "bob"]]
    assert (await client.store.list_namespaces(max_depth=1))["namespaces"] == [["notes"]]
    assert (await client.store.list_namespaces(prefix=["notes"]))["namespaces"] == [["notes", "ann"], ["notes", "bob"]]
    await client.store.delete_item(["notes", "ann"], key="a")
    assert await client.store.get_item(["notes", "ann"], key="a") is None


async def test_several_threads_are_pruned(service: Served) -> None:
    client = service.sdk()
    made = [(await client.threads.create())["thread_id"] for _ in range(3)]
    assert await client.threads.prune([*made[:2], "nobody"]) == {"pruned_count": 2}
    assert [t["thread_id"] for t in await client.threads.search()] == made[2:]
    assert await client.threads.prune([]) == {"pruned_count": 0}


async def test_history_is_searched_by_metadata(service: Served) -> None:
    client = service.sdk()
    thread = (await client.threads.create())["thread_id"]
    await client.runs.wait(thread, "coding", input=TASK)
    found = await client.threads.get_history(thread, metadata={"source": "input"}, limit=100)
    assert [state["metadata"]["source"] for state in found] == ["input"]


async def test_what_is_not_offered_is_refused_and_not_ignored(service: Served) -> None:
    client = service.sdk()
    refused = [
        lambda: client.threads.create(ttl={"ttl": 60}),
        lambda: client.threads.create(supersteps=[{"updates": [{"values": {"verdict": {}}, "as_node": "wait"}]}]),
        lambda: client.threads.search(values={"done": []}),
        lambda: client.store.put_item(["notes"], key="a", value={}, ttl=5),
        lambda: client.runs.wait(None, "coding", input=TASK, on_completion="delete"),
        lambda: client.runs.wait(None, "coding", input=TASK, interrupt_before=["nowhere"]),
        lambda: client.runs.wait(None, "coding", input=TASK, command={"goto": "deliver"}),
    ]
    for ask in refused:
        with pytest.raises((UnprocessableEntityError, httpx.HTTPStatusError)) as caught:
            await ask()
        assert caught.value.response.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert await client.threads.search() == []


async def test_a_deleted_thread_is_not_there_by_its_runs_either(service: Served) -> None:
    client = service.sdk()
    thread = (await client.threads.create())["thread_id"]
    await client.runs.wait(thread, "coding", input=TASK)
    (run,) = (each["run_id"] for each in await client.runs.list(thread))
    await client.threads.delete(thread)
    async with service.http() as http:
        for path in (f"/threads/{thread}/runs/{run}", f"/threads/{thread}/runs/{run}/join", f"/v1/runs/{run}/diff"):
            assert (await http.get(path)).status_code == 404
