"""Commands beside a resume, break points, words to the store, and what LangGraph's inbox and chat send to a pause."""

import asyncio
from typing import Any

import pytest
from langgraph_sdk.errors import UnprocessableEntityError

from tests.integration.service.test_runs import SIGN, TASK
from tests.worlds.served import Served

ACTION = {"tool": "branch", "arguments": {"message": "other", "branch": "b"}, "target": "/nowhere", "content": "tree"}


async def paused(service: Served) -> tuple[Any, str, str]:
    """A person's client, and a thread that waits for a signature with its interrupt."""
    client = service.sdk(service.session)
    thread = (await client.threads.create())["thread_id"]
    values = await client.runs.wait(thread, "coding", input=SIGN)
    return client, thread, values["__interrupt__"][0]["id"]


async def open_ballots(service: Served, thread: str) -> int:
    return len((await service.context.application.ballots.list("local", state="pending", run=thread)).items)


async def agrees(service: Served, client: Any, thread: str) -> str:
    """How a thread stands, checked: a ballot is open where it says that it waits, and nowhere else."""
    state, shown = await client.threads.get_state(thread), await client.threads.get(thread)
    waits = await open_ballots(service, thread)
    assert bool(state["interrupts"]) == bool(waits) == (shown["status"] == "interrupted"), (
        state,
        shown["status"],
        waits,
    )
    return shown["status"]


@pytest.mark.parametrize(
    ("resume", "status", "ending"),
    [
        ([{"type": "accept", "args": None}], "idle", "delivered"),
        ({"decisions": [{"type": "approve"}]}, "idle", "delivered"),
        ([{"type": "ignore", "args": None}], "idle", "rejected"),
        ({"decisions": [{"type": "reject"}]}, "idle", "rejected"),
        ([{"type": "edit", "args": {"action": "branch", "args": ACTION}}], "interrupted", None),
        ({"decisions": [{"type": "edit", "edited_action": {"name": "branch", "args": ACTION}}]}, "interrupted", None),
    ],
)
async def test_an_answer_of_agent_inbox_or_chat_leaves_nothing_half(
    service: Served, resume: Any, status: str, ending: str | None
) -> None:
    client, thread, _ = await paused(service)
    values = await client.runs.wait(thread, "coding", command={"resume": resume})
    assert (await agrees(service, client, thread), (values.get("ending") or {}).get("status")) == (status, ending)


async def test_a_response_is_a_no_that_says_what_to_do_instead(service: Served) -> None:
    client, thread, _ = await paused(service)
    resume = [{"type": "response", "args": "do it otherwise"}]
    # The planner of this world makes the same plan for ever, so its run is stopped.
    run = await client.runs.create(thread, "coding", command={"resume": resume}, stream_mode="updates")
    async for part in client.runs.join_stream(thread, run["run_id"]):
        if part.event == "updates" and "replan" in part.data:
            break
    await client.runs.cancel(thread, run["run_id"], wait=True)
    assert await open_ballots(service, thread) == 0
    assert (await client.threads.get_state(thread))["values"]["verdict"]["feedback"] == "do it otherwise"


@pytest.mark.parametrize("how", ["state", "goto", "kill"])
async def test_mark_as_resolved_ends_the_run_for_good(service: Served, how: str) -> None:
    client, thread, _ = await paused(service)
    if how == "state":
        await client.threads.update_state(thread, None, as_node="__end__")
    elif how == "goto":
        parts = [p async for p in client.runs.stream(thread, "coding", input={}, command={"goto": "__end__"})]
        assert not [part for part in parts if part.event == "error"]
        assert (await client.runs.list(thread))[0]["status"] == "success"
    else:
        async with service.http(service.session) as http:
            assert (await http.post(f"/v1/runs/{thread}/kill")).status_code == 200
    assert await agrees(service, client, thread) == "idle"
    assert (await client.threads.get_state(thread))["next"] == []
    assert service.deliveries == []


@pytest.mark.parametrize("how", ["state", "goto"])
async def test_a_program_resolves_nothing(service: Served, how: str) -> None:
    client, thread, _ = await paused(service)
    async with service.http() as http:
        if how == "state":
            no = await http.post(f"/threads/{thread}/state", json={"values": None, "as_node": "__end__"})
        else:
            no = await http.post(f"/threads/{thread}/runs", json={"command": {"goto": "__end__"}})
    assert (no.status_code, no.json()["code"]) == (403, "not_approver")
    assert await agrees(service, client, thread) == "interrupted"


@pytest.mark.parametrize("by_id", [False, True])
async def test_after_a_state_write_a_resume_still_counts(service: Served, by_id: bool) -> None:
    client, thread, id_ = await paused(service)
    words = {"messages": [{"role": "user", "content": "by the way"}]}
    await client.threads.update_state(thread, words)
    approve: Any = [{"type": "accept", "args": None}]
    await client.runs.wait(thread, "coding", command={"resume": {id_: approve} if by_id else approve})
    state = await client.threads.get_state(thread)
    assert state["values"]["ending"]["status"] == "delivered"
    assert "by the way" in [m["content"] for m in state["values"]["messages"]]
    assert service.deliveries == [thread]


async def test_what_waits_is_shown_as_a_call_and_written_by_nobody(service: Served) -> None:
    client, thread, id_ = await paused(service)
    *said, call = (await client.threads.get_state(thread))["values"]["messages"]
    (asked,) = (await client.threads.get_state(thread))["interrupts"]
    (request,) = asked["value"]["action_requests"]
    assert [(each["name"], each["args"]) for each in call["tool_calls"]] == [(request["name"], request["args"])]
    assert call["id"] == f"waits-for-{id_}"
    # A client that writes back what it read.
    await client.threads.update_state(thread, {"messages": [*said, call, {"role": "user", "content": "by the way"}]})
    await client.runs.wait(thread, "coding", command={"resume": [{"type": "accept", "args": None}]})
    messages = (await client.threads.get_state(thread))["values"]["messages"]
    assert "by the way" in [each["content"] for each in messages]
    assert [each for each in messages if each.get("tool_calls")] == []


async def test_after_a_state_write_the_thread_still_says_what_it_waits_for(service: Served) -> None:
    client, thread, _ = await paused(service)
    for n in range(2):
        await client.threads.update_state(thread, {"messages": [{"role": "user", "content": f"{n}"}]})
        async with asyncio.timeout(20):
            while await service.context.turns.unfinished(thread):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert await agrees(service, client, thread) == "interrupted"
    assert await open_ballots(service, thread) == 1


async def test_a_state_is_written_where_it_is_and_by_no_node(service: Served) -> None:
    client, thread, _ = await paused(service)
    words = {"messages": [{"role": "user", "content": "x"}]}
    old = (await client.threads.get_history(thread))[-1]["checkpoint"]
    for wrong in ({"as_node": "review"}, {"checkpoint": old}):
        with pytest.raises(UnprocessableEntityError):
            await client.threads.update_state(thread, words, **wrong)
    assert await agrees(service, client, thread) == "interrupted"


async def test_a_command_may_say_something_and_go_where_it_goes_anyway(service: Served) -> None:
    client, thread, id_ = await paused(service)
    update = {"messages": [{"role": "user", "content": "well done"}]}
    command = {"resume": {id_: {"type": "approve"}}, "update": update, "goto": ["approve"]}
    values = await client.runs.wait(thread, "coding", command=command)
    assert values["ending"]["status"] == "delivered"
    assert [m["content"] for m in values["messages"]].count("well done") == 1


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ({"goto": "deliver"}, "leave out what proves"),
        ({"goto": [{"node": "deliver", "input": {}}]}, "brings them no input"),
        ({"update": {"diff": "mine"}}, "only messages"),
        ({"update": [["diff", "mine"]]}, "only messages"),
        ({"goto": "__end__", "resume": {"type": "approve"}}, "neither answered"),
    ],
)
async def test_a_command_that_would_leave_something_out_is_refused_with_the_reason(
    service: Served, command: dict[str, Any], why: str
) -> None:
    client, thread, _ = await paused(service)
    with pytest.raises(UnprocessableEntityError, match=why):
        await client.runs.create(thread, "coding", command=command)
    assert await agrees(service, client, thread) == "interrupted"


@pytest.mark.parametrize(
    ("breaks", "following"),
    [
        ({"interrupt_before": ["review"]}, ["review"]),
        ({"interrupt_after": ["plan"]}, ["execute"]),
        ({"interrupt_before": "*"}, ["receive"]),
    ],
)
async def test_a_run_pauses_at_break_points_and_goes_on(
    service: Served, breaks: dict[str, Any], following: list[str]
) -> None:
    client = service.sdk()
    thread = (await client.threads.create())["thread_id"]
    await client.runs.wait(thread, "coding", input=TASK, **breaks)
    (run,) = await client.runs.list(thread)
    assert (run["status"], (await client.threads.get(thread))["status"]) == ("interrupted", "interrupted")
    assert (await client.threads.get_state(thread))["next"] == following
    assert service.deliveries == []
    values = await client.runs.wait(thread, "coding", input=None)
    assert values["ending"]["status"] == "delivered"
    with pytest.raises(UnprocessableEntityError, match="no node"):
        await client.runs.create(thread, "coding", input=TASK, interrupt_before=["nowhere"])


async def test_events_are_those_of_langchain(service: Served) -> None:
    client = service.sdk()
    parts = [p async for p in client.runs.stream(None, "coding", input=TASK, stream_mode=["events", "values"])]
    events = [part.data for part in parts if part.event == "events"]
    assert set(events[0]) == {"event", "name", "run_id", "tags", "metadata", "data", "parent_ids"}
    ended = [each["metadata"].get("langgraph_node") for each in events if each["event"] == "on_chain_end"]
    assert {"receive", "plan", "execute", "review", "deliver"} <= set(ended)
    root = [each["event"] for each in events if each["run_id"] == events[0]["run_id"]]
    assert (root[0], root[-1]) == ("on_chain_start", "on_chain_end")
    values = [part.data for part in parts if part.event == "values"]
    assert values[-1]["ending"]["status"] == "delivered"


async def test_items_are_found_by_words(service: Served) -> None:
    client = service.sdk()
    notes = {"a": "how to restart the payment service", "b": "holiday plans", "c": "payments are rounded down"}
    for key, text in notes.items():
        await client.store.put_item(["notes", key], key=key, value={"text": text, "more": [{"deep": key * 3}], "n": 1})

    async def keys(query: str, **more: Any) -> list[str]:
        found = (await client.store.search_items(["notes"], query=query, **more))["items"]
        assert [item["score"] for item in found] == sorted((item["score"] for item in found), reverse=True)
        return [item["key"] for item in found]

    assert await keys("restart payment") == ["a", "c"]
    assert await keys("payment", filter={"n": 2}) == []
    assert await keys("bbb") == ["b"]
    assert await keys("payment", limit=1, offset=1) != await keys("payment", limit=1)
    assert await keys("submarine") == []
