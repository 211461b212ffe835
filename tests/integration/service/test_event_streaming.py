"""The event streaming protocol, as the Python SDK's ``client.threads.stream()`` speaks it, against a real server."""

import asyncio
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from pydantic_core import from_json

from tests.integration.service.test_runs import SIGN, SLOW, TASK
from tests.integration.service.test_stopping import _reaches as reaches
from tests.worlds.served import Served, served

ALL = ["values", "updates", "messages", "tools", "lifecycle", "input", "checkpoints", "tasks", "custom"]


async def command(http: httpx.AsyncClient, thread: str, method: str, **params: Any) -> dict[str, Any]:
    answer = await http.post(f"/threads/{thread}/commands", json={"id": 7, "method": method, "params": params})
    assert answer.status_code == 200, answer.text
    assert answer.json()["id"] == 7
    return answer.json()


async def heard(
    http: httpx.AsyncClient, thread: str, *, until: int = 1, channels: list[str] = ALL, **more: Any
) -> list[dict[str, Any]]:
    """The events up to so many ends of runs."""
    events: list[dict[str, Any]] = []
    asked = {"channels": channels, **more}
    async with (
        asyncio.timeout(30),
        http.stream("POST", f"/threads/{thread}/stream/events", json=asked) as answer,
    ):
        assert answer.headers["content-type"].startswith("text/event-stream")
        async for line in answer.aiter_lines():
            if line.startswith("data: "):
                events.append(from_json(line[6:]))
                until -= ends(events[-1])
                if not until:
                    return events
    return events


def ends(event: dict[str, Any]) -> bool:
    about = event["params"]
    over = {"completed", "failed", "interrupted"}
    return event["method"] == "lifecycle" and not about["namespace"] and about["data"]["event"] in over


def told(events: list[dict[str, Any]], method: str) -> list[Any]:
    return [each["params"]["data"] for each in events if each["method"] == method and not each["params"]["namespace"]]


async def test_the_sdk_starts_a_run_and_gets_its_output(service: Served) -> None:
    client = service.sdk()
    async with asyncio.timeout(30), client.threads.stream(assistant_id="coding") as thread:
        begun = await thread.run.start(input=TASK)
        values = [snapshot async for snapshot in thread.values]
        output = await thread.output
    assert output["ending"]["status"] == "delivered"
    assert values[-1]["ending"]["status"] == "delivered"
    (run,) = await client.runs.list(thread.thread_id)
    assert (run["run_id"], run["status"]) == (begun["run_id"], "success")


async def test_the_sdk_signs_what_a_run_waits_for(service: Served) -> None:
    client = service.sdk(service.session)
    async with asyncio.timeout(30), client.threads.stream(assistant_id="coding") as thread:
        await thread.run.start(input=SIGN)
        async for _ in thread.values:
            pass
        assert thread.interrupted
        (asked,) = thread.interrupts
        assert asked["value"]["approval_id"]
        await thread.run.respond({"decisions": [{"type": "approve"}]})
        assert (await thread.output)["ending"]["status"] == "delivered"
    assert service.deliveries == [thread.thread_id]


async def test_the_sdk_hears_subgraphs_and_our_own_events(service: Served) -> None:
    client = service.sdk()
    async with asyncio.timeout(30), client.threads.stream(assistant_id="coding") as thread:
        await thread.run.start(input=TASK)
        found = {kind: [] for kind in ("subgraphs", "node_ended", "updates", "checkpoints")}
        async for kind, item in thread.interleave_projections([*found]):
            found[kind].append(item)
    assert [handle.graph_name for handle in found["subgraphs"]] == ["approve"]
    assert found["subgraphs"][0].status == "completed"
    assert "execute" in [each["payload"]["node"] for each in found["node_ended"]]
    assert [each["node"] for each in found["updates"]][-1] == "deliver"
    ids = [each["id"] for each in found["checkpoints"]]
    assert [each["parent_id"] for each in found["checkpoints"][1:]] == ids[:-1]


async def test_every_event_has_its_number_and_is_told_again_from_any(service: Served) -> None:
    thread = str(uuid4())
    async with service.http(service.session) as http:
        await command(http, thread, "run.start", assistant_id="coding", input=SIGN)
        first = await heard(http, thread)
        (asked,) = told(first, "input.requested")
        assert [each["event"] for each in told(first, "lifecycle")] == ["running", "interrupted"]
        answer = {"interrupt_id": asked["interrupt_id"], "response": {"decisions": [{"type": "approve"}]}}
        assert (await command(http, thread, "input.respond", namespace=[], **answer))["type"] == "success"
        both = await heard(http, thread, until=2, since=0)
        assert both[: len(first)] == [
            {**each, "params": {**each["params"], **_time(both[n])}} for n, each in enumerate(first)
        ]
        assert told(both, "input.answered") == [{"interrupt_ids": [asked["interrupt_id"]]}]
        numbers = [each["seq"] for each in both]
        assert numbers == sorted(set(numbers))
        assert max(numbers) < 2**53
        assert len({each["event_id"] for each in both}) == len(both)
        for since in numbers[:-1:7]:
            rest = await heard(http, thread, until=2 - sum(ends(e) for e in both if e["seq"] <= since), since=since)
            assert [each["seq"] for each in rest] == [number for number in numbers if number > since]


def _time(event: dict[str, Any]) -> dict[str, Any]:
    return {"timestamp": event["params"]["timestamp"]}


async def test_a_connection_hears_what_it_asked_for(service: Served) -> None:
    client = service.sdk()
    async with service.http() as http:
        thread = str(uuid4())
        await command(http, thread, "run.start", assistant_id="coding", input=TASK)
        await client.runs.join(thread, (await client.runs.list(thread))[0]["run_id"])
        only = await heard(http, thread, channels=["custom:node_started", "lifecycle"], namespaces=[[]], depth=0)
        assert {each["method"] for each in only} == {"custom", "lifecycle"}
        assert {each["name"] for each in told(only, "custom")} == {"node_started"}
        inner = await heard(http, thread, channels=["values", "lifecycle"], namespaces=[["approve"], []], depth=0)
        assert {len(each["params"]["namespace"]) for each in inner} == {0, 1}
        for wrong in ({"channels": []}, {"channels": ["debug"]}, {"channels": ["values"], "since": -1}):
            refused = await http.post(f"/threads/{thread}/stream/events", json=wrong)
            assert refused.status_code == 422


async def test_a_listener_hears_the_runs_that_come_later_however_they_were_started(service: Served) -> None:
    client = service.sdk()
    thread = (await client.threads.create())["thread_id"]
    async with service.http() as http, asyncio.TaskGroup() as group:
        listening = group.create_task(heard(http, thread, until=2))
        await client.runs.wait(thread, "coding", input=TASK)
        await client.runs.wait(thread, "coding", input={"messages": [{"role": "user", "content": "more"}]})
    events = listening.result()
    assert [each["event"] for each in told(events, "lifecycle")] == ["running", "completed"] * 2
    assert [each["ending"]["status"] for each in told(events, "values")] == ["delivered"] * 2


async def test_a_listener_hears_what_a_decision_from_elsewhere_wakes(service: Served) -> None:
    thread = str(uuid4())
    async with service.http(service.session) as http, asyncio.TaskGroup() as group:
        await command(http, thread, "run.start", assistant_id="coding", input=SIGN)
        await heard(http, thread)
        listening = group.create_task(heard(http, thread, until=2))
        ballots = await service.context.application.ballots.list("local", state="pending", run=thread)
        said = {"decision": "approve", "action_digest": ballots.items[0].action_digest}
        await http.post(f"/v1/approvals/{ballots.items[0].id}/decisions", json=said)
    assert "deliver" in [each["node"] for each in told(listening.result(), "updates")]


async def test_a_stopped_run_is_interrupted_and_the_next_one_is_told(service: Served) -> None:
    client = service.sdk()
    thread = str(uuid4())
    async with service.http() as http, asyncio.TaskGroup() as group:
        begun = (await command(http, thread, "run.start", assistant_id="coding", input=SLOW))["result"]
        await reaches(service, thread, "execute")
        listening = group.create_task(heard(http, thread, until=2))
        service.gate.set()
        await client.runs.cancel(thread, begun["run_id"], wait=True)
        again = {"assistant_id": "coding", "multitaskStrategy": "interrupt", "multitask_strategy": "interrupt"}
        assert (await command(http, thread, "run.start", **again))["type"] == "success"
    events = listening.result()
    assert [each["event"] for each in told(events, "lifecycle")][-1] == "completed"


async def test_what_is_recorded_for_the_protocol_is_told_to_older_clients_too(service: Served) -> None:
    client = service.sdk()
    async with service.http() as http:
        thread = str(uuid4())
        run = (await command(http, thread, "run.start", assistant_id="coding", input=TASK))["result"]["run_id"]
        parts = [part async for part in client.runs.join_stream(thread, run)]
        assert {part.event.split("|")[0] for part in parts} >= {"metadata", "values", "updates", "custom", "end"}
        assert not [part for part in parts if part.event.startswith("checkpoint-refs")]
        values = [part async for part in client.runs.join_stream(thread, run, stream_mode=["values"])]
        assert {part.event.split("|")[0] for part in values} == {"metadata", "values", "end"}


async def test_commands_read_states_and_go_back(service: Served) -> None:
    client = service.sdk()
    async with service.http() as http:
        thread = str(uuid4())
        await command(http, thread, "run.start", assistant_id="coding", input=TASK)
        await heard(http, thread)
        state = (await command(http, thread, "state.get", namespace=[], keys=["ending"]))["result"]
        assert state["values"]["ending"]["status"] == "delivered"
        listed = (await command(http, thread, "state.listCheckpoints", limit=3))["result"]["checkpoints"]
        assert next(each["id"] for each in listed) == state["checkpoint"]["id"]
        tree = (await command(http, thread, "agent.getTree"))["result"]["tree"]
        assert tree == {"namespace": [], "status": "completed", "graph_name": "coding"}
        fork = (await command(http, thread, "state.fork", checkpoint_id=listed[2]["id"]))["result"]
        assert (fork["thread_id"], await client.runs.join(thread, fork["run_id"]) is not None) == (thread, True)
        forked = {"assistant_id": "coding", "config": {"configurable": {"checkpoint_id": listed[2]["id"]}}}
        assert (await command(http, thread, "run.start", **forked))["type"] == "success"


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("run.start", {}, "invalid_argument"),
        ("run.start", {"assistant_id": "nobody", "input": TASK}, "invalid_argument"),
        ("run.start", {"assistant_id": "coding", "input": "words"}, "invalid_argument"),
        ("run.start", {"assistant_id": "coding", "input": TASK, "colour": "blue"}, "invalid_argument"),
        ("input.respond", {"interrupt_id": "0" * 32, "response": 1}, "no_such_interrupt"),
        ("input.respond", {"response": 1}, "invalid_argument"),
        ("input.inject", {"message": "words"}, "invalid_argument"),
        ("state.fork", {"checkpoint_id": "none"}, "no_such_checkpoint"),
        ("subscription.subscribe", {"channels": ["values"]}, "not_supported"),
        ("colour.paint", {}, "unknown_command"),
    ],
)
async def test_a_command_that_is_not_followed_says_why(
    service: Served, method: str, params: dict[str, Any], code: str
) -> None:
    async with service.http() as http:
        thread = str(uuid4())
        await command(http, thread, "run.start", assistant_id="coding", input=SIGN)
        await heard(http, thread)
        answer = await command(http, thread, method, **params)
        assert (answer["type"], answer["error"]) == ("error", code), answer
        assert len((await http.get(f"/threads/{thread}/runs")).json()) == 1


async def test_a_key_signs_nothing_by_a_command(service: Served) -> None:
    async with service.http() as http:
        thread = str(uuid4())
        await command(http, thread, "run.start", assistant_id="coding", input=SIGN)
        (asked,) = told(await heard(http, thread), "input.requested")
        answer = {"interrupt_id": asked["interrupt_id"], "response": {"decisions": [{"type": "approve"}]}}
        said = await command(http, thread, "input.respond", **answer)
        assert (said["error"], said["code"]) == ("permission_denied", "not_approver")
    assert service.deliveries == []


async def test_a_server_that_goes_down_cuts_the_stream_off_and_another_one_goes_on(tmp_path: Path) -> None:
    thread, last = str(uuid4()), 0
    async with served(tmp_path, drain_s=0.1) as first, first.http() as http:
        await command(http, thread, "run.start", assistant_id="coding", input=SLOW)
        with pytest.raises(httpx.RemoteProtocolError):  # noqa: PT012  an end would say that nothing comes any more
            async with http.stream("POST", f"/threads/{thread}/stream/events", json={"channels": ALL}) as answer:
                async for line in answer.aiter_lines():
                    event = from_json(line[6:]) if line.startswith("data: ") else {"seq": 0, "method": ""}
                    last = max(last, event["seq"])
                    if event["method"] == "custom" and event["params"]["data"]["payload"].get("node") == "execute":
                        stopping = asyncio.create_task(first.stop())
        await stopping
    async with served(tmp_path) as second, second.http(first.key) as http:
        second.gate.set()
        rest = await heard(http, thread, since=last)
    assert min(each["seq"] for each in rest) > last
    assert told(rest, "lifecycle")[-1]["event"] == "completed"
