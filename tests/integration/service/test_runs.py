"""Threads and runs as LangGraph's own SDK speaks them, against a real server."""

import asyncio

import pytest
from langgraph_sdk.errors import ConflictError, NotFoundError, UnprocessableEntityError

from tests.worlds.served import Served

TASK = {"task": {"text": "do it", "repo": "/nowhere", "accept": "true"}}
SIGN = {"task": {"text": "sign it", "repo": "/nowhere", "accept": "true"}}
SLOW = {"task": {"text": "slow", "repo": "/nowhere", "accept": "true"}}


async def test_a_run_that_is_waited_for_gives_the_state(service: Served) -> None:
    client = service.sdk()
    thread = await client.threads.create(metadata={"team": "a"})
    values = await client.runs.wait(thread["thread_id"], "coding", input=TASK)
    assert values["ending"]["status"] == "delivered"
    assert [m["type"] for m in values["messages"]] == ["human", "ai"]
    (run,) = await client.runs.list(thread["thread_id"])
    assert run["status"] == "success"
    found = await client.threads.get(thread["thread_id"])
    assert (found["status"], found["metadata"]["team"]) == ("idle", "a")
    assert service.deliveries == [thread["thread_id"]]


async def test_what_waits_for_a_person_is_interrupted_and_no_success(service: Served) -> None:
    client = service.sdk()
    thread = await client.threads.create()
    values = await client.runs.wait(thread["thread_id"], "coding", input=SIGN)
    (interrupt,) = values["__interrupt__"]
    assert interrupt["value"]["approval_id"]
    (run,) = await client.runs.list(thread["thread_id"])
    assert run["status"] == "interrupted"
    found = await client.threads.get(thread["thread_id"])
    assert found["status"] == "interrupted"
    assert [i["id"] for many in found["interrupts"].values() for i in many] == [interrupt["id"]]
    assert service.deliveries == []


async def test_a_resume_of_a_person_is_a_vote_and_of_a_key_is_none(service: Served) -> None:
    client = service.sdk()
    thread = (await client.threads.create())["thread_id"]
    values = await client.runs.wait(thread, "coding", input=SIGN)
    id_ = values["__interrupt__"][0]["id"]
    approve = {"resume": {id_: {"decisions": [{"type": "approve"}]}}}
    with pytest.raises(Exception, match="403"):
        await client.runs.wait(thread, "coding", command=approve)
    person = service.sdk(service.session)
    ended = await person.runs.wait(thread, "coding", command=approve)
    assert ended["ending"]["status"] == "delivered"
    assert service.deliveries == [thread]


@pytest.mark.parametrize("resume", [{"0" * 32: {"type": "approve"}}, None, "yes, go ahead", {"approved": True}, [1]])
async def test_an_old_id_or_plain_words_leave_the_ballot_pending(service: Served, resume: object) -> None:
    person = service.sdk(service.session)
    thread = (await person.threads.create())["thread_id"]
    await person.runs.wait(thread, "coding", input=SIGN)
    values = await person.runs.wait(thread, "coding", command={"resume": resume})
    assert values["__interrupt__"]
    page = await service.context.application.ballots.list("local", state="pending")
    assert [b.run for b in page.items] == [thread]
    assert service.deliveries == []


async def test_every_stream_mode(service: Served) -> None:
    client = service.sdk()
    modes = ["values", "updates", "messages", "messages-tuple", "custom", "events", "debug", "tasks", "checkpoints"]
    heard = [part async for part in client.runs.stream(None, "coding", input=TASK, stream_mode=modes)]
    kinds = {part.event.split("/")[0] for part in heard}
    assert kinds >= {
        "metadata",
        "values",
        "updates",
        "messages",
        "custom",
        "events",
        "debug",
        "tasks",
        "checkpoints",
        "end",
    }
    assert heard[0].event == "metadata"
    assert heard[0].data["run_id"]
    values = [part.data for part in heard if part.event == "values"]
    assert values[-1]["ending"]["status"] == "delivered"
    nodes = [next(iter(part.data)) for part in heard if part.event == "updates"]
    assert nodes == ["receive", "plan", "execute", "observe", "review", "approve", "deliver"]


async def test_a_paused_stream_shows_the_interrupt(service: Served) -> None:
    client = service.sdk()
    heard = [p async for p in client.runs.stream(None, "coding", input=SIGN, stream_mode=["values", "updates"])]
    assert any("__interrupt__" in part.data for part in heard if isinstance(part.data, dict))


async def test_a_stream_is_joined_where_it_was_left(service: Served) -> None:
    client = service.sdk()
    thread = (await client.threads.create())["thread_id"]
    run = await client.runs.create(
        thread, "coding", input=SLOW, stream_mode=["custom", "updates"], stream_resumable=True
    )
    first = []
    async for part in client.runs.join_stream(thread, run["run_id"]):
        first.append(part)
        if len(first) == 4:
            break
    service.gate.set()
    rest = [p async for p in client.runs.join_stream(thread, run["run_id"], last_event_id=first[-1].id)]
    again = [p async for p in client.runs.join_stream(thread, run["run_id"])]
    assert [p.id for p in first + rest] == [p.id for p in again]
    assert again[-1].event == "end"


async def test_join_waits_for_the_end(service: Served) -> None:
    client = service.sdk()
    thread = (await client.threads.create())["thread_id"]
    run = await client.runs.create(thread, "coding", input=SLOW)
    joining = asyncio.create_task(client.runs.join(thread, run["run_id"]))
    service.gate.set()
    assert (await joining)["ending"]["status"] == "delivered"


async def test_a_run_without_a_thread_gets_one(service: Served) -> None:
    client = service.sdk()
    seen = []
    values = await client.runs.wait(None, "coding", input=TASK, on_run_created=seen.append)
    assert values["ending"]["status"] == "delivered"
    assert (await client.runs.get(seen[0]["thread_id"], seen[0]["run_id"]))["status"] == "success"


async def test_a_thread_with_lists_and_objects_in_its_metadata_runs(service: Served) -> None:
    client = service.sdk()
    thread = await client.threads.create(metadata={"tags": ["a"], "ticket": {"number": 1}})
    values = await client.runs.wait(thread["thread_id"], "coding", input=TASK)
    assert values["ending"]["status"] == "delivered"
    metadata = (await client.threads.get(thread["thread_id"]))["metadata"]
    assert (metadata["tags"], metadata["ticket"], metadata["graph_id"]) == (["a"], {"number": 1}, "coding")


async def test_an_idempotency_key_starts_one_run(service: Served) -> None:
    client = service.sdk()
    thread = (await client.threads.create())["thread_id"]
    once = {"Idempotency-Key": "abc"}
    runs = await asyncio.gather(*(client.runs.create(thread, "coding", input=TASK, headers=once) for _ in range(5)))
    assert len({run["run_id"] for run in runs}) == 1
    with pytest.raises(ConflictError) as caught:
        await client.runs.create(thread, "coding", input=SIGN, headers=once)
    assert caught.value.code == "idempotency_reused"


async def test_messages_are_a_task_and_more_messages_a_wish(service: Served) -> None:
    client = service.sdk()
    thread = (await client.threads.create())["thread_id"]
    said = {"messages": [{"role": "user", "content": "make it so"}]}
    config = {"configurable": {"repo": "/nowhere", "accept": "true"}}
    values = await client.runs.wait(thread, "coding", input=said, config=config)
    assert values["task"]["text"] == "make it so"
    again = await client.runs.wait(thread, "coding", input={"messages": [{"role": "user", "content": "and more"}]})
    assert again["ending"]["status"] == "delivered"


async def test_a_mistake_is_told_at_once_and_leaves_nothing_behind(service: Served) -> None:
    client = service.sdk()
    with pytest.raises(UnprocessableEntityError) as caught:
        await client.runs.create(None, "coding", input={"messages": []})
    assert caught.value.code == "task_missing"
    assert await client.threads.search() == []
    with pytest.raises(NotFoundError):
        await client.runs.create("00000000-0000-0000-0000-000000000000", "coding", input=TASK)


async def test_what_breaks_ends_the_run_with_an_error(service: Served) -> None:
    client = service.sdk()
    broken = {"task": {"text": "broken", "repo": "/nowhere", "accept": "true"}}
    values = await client.runs.wait(None, "coding", input=broken, raise_error=False)
    assert values["__error__"]["error"] == "bug"
