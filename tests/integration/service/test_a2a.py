"""The A2A server, judged by the official client: over HTTP with keys, in both versions of the protocol."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from a2a.client import ClientConfig, create_client
from a2a.client.card_resolver import A2ACardResolver
from a2a.client.client import Client
from a2a.types import a2a_pb2 as pb
from a2a.utils.errors import (
    A2AError,
    ContentTypeNotSupportedError,
    InvalidParamsError,
    PushNotificationNotSupportedError,
    TaskNotCancelableError,
    TaskNotFoundError,
    UnsupportedOperationError,
)
from google.protobuf.json_format import MessageToDict

from models import Scripted
from tests.worlds import postgres
from tests.worlds.asking import paused
from tests.worlds.house import FIX, OK, QUICK, repository
from tests.worlds.organisations import SECRET
from tests.worlds.served import Served, served

NOTHING = {"repo": "/nowhere", "accept": "true"}
ASK = "```ask\nAre all prices to be counted?\n```"
EDIT = "```edit shop/prices.py\n<<<<<<< SEARCH\nsum(prices[1:])\n=======\nsum(prices)\n>>>>>>> REPLACE\n```"
DONE = "```done\nCount the first price too\n```"
STATE = pb.TaskState


@asynccontextmanager
async def client(service: Served, key: str = "", version: str = "1.0", **config: Any) -> AsyncGenerator[Client]:
    headers = {"authorization": f"Bearer {key or service.key}"}
    async with httpx.AsyncClient(headers=headers, timeout=60) as http:
        card = await A2ACardResolver(http, service.url).get_agent_card()
        interfaces = [each for each in card.supported_interfaces if each.protocol_version == version]
        del card.supported_interfaces[:]
        card.supported_interfaces.extend(interfaces)
        card.supported_interfaces[0].url = f"{service.url}/a2a"
        async with await create_client(card, ClientConfig(httpx_client=http, **config)) as opened:
            yield opened


def saying(text: str, task: str = "", **metadata: Any) -> pb.SendMessageRequest:
    message = pb.Message(message_id=str(uuid4()), role=pb.ROLE_USER, task_id=task, parts=[pb.Part(text=text)])
    return pb.SendMessageRequest(message=message, metadata=metadata)


async def sent(agent: Client, request: pb.SendMessageRequest) -> list[pb.StreamResponse]:
    return [each async for each in agent.send_message(request)]


async def task(agent: Client, request: pb.SendMessageRequest) -> pb.Task:
    """The task of a message, once it rests; with a client that does not stream."""
    (answer,) = await sent(agent, request)
    return answer.task


async def program(service: Served, *, org: str = "local", roles: tuple[str, ...] = ("operator",)) -> str:
    _, text = await service.context.keys.make(org, "bot", name="bot", roles=roles)
    return text


VERSIONS = pytest.mark.parametrize("version", ["1.0", "0.3"])


async def test_the_card_says_what_it_can_and_that_it_wants_a_key(service: Served) -> None:
    async with service.http("") as browser:
        answer = await browser.get("/.well-known/agent-card.json")
        assert answer.status_code == 200
        card = answer.json()
        assert (card["name"], card["capabilities"]["streaming"]) == ("Signoff", True)
        assert {each["protocolVersion"] for each in card["supportedInterfaces"]} == {"1.0", "0.3"}
        assert card["securitySchemes"]["bearer"]["httpAuthSecurityScheme"]["scheme"] == "bearer"
        refused = await browser.post("/a2a", json={"jsonrpc": "2.0", "id": 1, "method": "ListTasks"})
        assert refused.status_code == 401


@VERSIONS
async def test_a_whole_run_ends_with_its_diff_and_its_evidence(tmp_path: Path, version: str) -> None:
    repo = repository(tmp_path / "repo")
    models = {"coder": Scripted([FIX], name="coder"), "reviewer": Scripted([OK])}
    asked = saying("Fix the total", repo=str(repo), accept=QUICK, deliver="patch")
    async with (
        served(tmp_path, whole=True, models=models, coder_dialect="single", repos=str(tmp_path)) as service,
        client(service, await program(service), version) as agent,
    ):
        events = await sent(agent, asked)
        kinds = [each.WhichOneof("payload") for each in events]
        assert kinds[0] == "task"
        assert kinds[-1] == "status_update"
        assert events[-1].status_update.status.state == STATE.TASK_STATE_COMPLETED
        working = [e.status_update.status.message for e in events if e.WhichOneof("payload") == "status_update"][:-1]
        assert any("execute" in message.parts[0].text for message in working)
        artifacts = {e.artifact_update.artifact.artifact_id: e.artifact_update.artifact for e in events}
        assert "+    return sum(prices)\n" in artifacts["diff"].parts[0].text
        evidence = MessageToDict(artifacts["evidence"].parts[0].data)
        assert (evidence["proof"]["exit_code"], evidence["proof"]["command"]) == (0, QUICK)
        got = await agent.get_task(pb.GetTaskRequest(id=events[0].task.id))
        assert {artifact.artifact_id for artifact in got.artifacts} == {"diff", "evidence"}


async def test_the_next_message_of_a_task_answers_the_coder(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo")
    models = {"coder": Scripted([ASK, EDIT, DONE], name="coder"), "reviewer": Scripted([OK])}
    asked = saying("Fix the total", repo=str(repo), accept=QUICK, deliver="patch")
    async with (
        served(tmp_path, whole=True, models=models, coder_dialect="text", repos=str(tmp_path)) as service,
        client(service, streaming=False) as agent,
    ):
        waiting = await task(agent, asked)
        assert waiting.status.state == STATE.TASK_STATE_INPUT_REQUIRED
        assert waiting.status.message.parts[0].text == "Are all prices to be counted?"
        done = await task(agent, saying("Yes, all.", waiting.id))
        assert (done.id, done.status.state) == (waiting.id, STATE.TASK_STATE_COMPLETED)
    assert "Yes, all." in models["coder"].asked[1][-1].content


@VERSIONS
async def test_what_waits_for_a_signature_is_linked_and_never_signed(service: Served, version: str) -> None:
    thread, ballot = await paused(service)
    async with client(service, await program(service), version, streaming=False) as agent, service.http("") as browser:
        waiting = await agent.get_task(pb.GetTaskRequest(id=thread))
        assert waiting.status.state == STATE.TASK_STATE_INPUT_REQUIRED
        link = MessageToDict(waiting.metadata)["approval"]["link"]
        assert link in waiting.status.message.parts[0].text
        assert (await browser.get(link)).status_code == 200
        for words in ("approve", "yes, sign it"):
            with pytest.raises(UnsupportedOperationError, match="which no message gives"):
                await task(agent, saying(words, thread))
        with pytest.raises(TaskNotCancelableError):
            await agent.cancel_task(pb.CancelTaskRequest(id=thread))
    async with service.http() as http:
        assert (await http.get(f"/v1/approvals/{ballot['id']}")).json()["state"] == "pending"


async def test_a_stream_that_was_left_is_taken_up_again(service: Served) -> None:
    async with client(service) as agent:
        stream = agent.send_message(saying("do nothing slow", **NOTHING))
        first = await anext(aiter(stream))
        run = first.task.id
        assert first.task.status.state in {STATE.TASK_STATE_SUBMITTED, STATE.TASK_STATE_WORKING}
        await stream.aclose()  # type: ignore[attr-defined]
        last = None
        async for event in agent.subscribe(pb.SubscribeToTaskRequest(id=run)):
            last = event
            service.gate.set()
        assert last is not None
        assert last.status_update.status.state == STATE.TASK_STATE_COMPLETED
        with pytest.raises(UnsupportedOperationError):
            _ = [each async for each in agent.subscribe(pb.SubscribeToTaskRequest(id=run))]


async def test_cancel_stops_what_works(service: Served) -> None:
    async with client(service, streaming=False, polling=True) as agent:
        running = await task(agent, saying("do nothing slow", **NOTHING))
        stopped = await agent.cancel_task(pb.CancelTaskRequest(id=running.id))
        assert stopped.status.state == STATE.TASK_STATE_CANCELED
        with pytest.raises(TaskNotCancelableError):
            await agent.cancel_task(pb.CancelTaskRequest(id=running.id))


async def test_each_method_wants_the_scope_of_its_route(service: Served) -> None:
    async with client(service, await program(service, roles=("viewer",)), streaming=False) as agent:
        with pytest.raises(A2AError, match="scope_missing"):
            await task(agent, saying("do nothing", **NOTHING))
        assert not (await agent.list_tasks(pb.ListTasksRequest())).tasks
    _, writes = await service.context.keys.make("local", "bot", name="writes", scopes=["runs:write"])
    async with client(service, writes, streaming=False) as agent:
        with pytest.raises(A2AError, match="scope_missing"):
            await task(agent, saying("do nothing", **NOTHING))
    assert not await service.context.application.engine.runs.list(org="local"), "nothing was begun for it"


async def test_another_organisations_task_does_not_exist(service: Served) -> None:
    async with client(service, streaming=False) as mine:
        own = await task(mine, saying(f"do nothing {SECRET}", **NOTHING))
        assert [each.id for each in (await mine.list_tasks(pb.ListTasksRequest())).tasks] == [own.id]
        async with client(service, await program(service, org="other"), streaming=False) as theirs:
            for run in (own.id, "0" * 36):
                with pytest.raises(TaskNotFoundError) as got:
                    await theirs.get_task(pb.GetTaskRequest(id=run))
                assert SECRET not in str(got.value)
                with pytest.raises(TaskNotFoundError):
                    await theirs.cancel_task(pb.CancelTaskRequest(id=run))
                with pytest.raises(TaskNotFoundError):
                    await task(theirs, saying("and more", run))
            assert not (await theirs.list_tasks(pb.ListTasksRequest())).tasks


async def test_a_context_is_listed_whichever_tasks_are_newer(service: Served) -> None:
    async with client(service, streaming=False) as agent:
        older, newer = [await task(agent, saying("do nothing", **NOTHING)) for _ in range(2)]
        listed = await agent.list_tasks(pb.ListTasksRequest(page_size=1))
        assert [each.id for each in listed.tasks] == [newer.id]
        listed = await agent.list_tasks(pb.ListTasksRequest(page_size=1, context_id=older.id))
        assert [each.id for each in listed.tasks] == [older.id]
        assert not (await agent.list_tasks(pb.ListTasksRequest(context_id="0" * 36))).tasks
        for size in (-1, 0):
            with pytest.raises(InvalidParamsError):
                await agent.list_tasks(pb.ListTasksRequest(page_size=size))


async def test_nobody_listens_to_another_organisations_task(service: Served) -> None:
    thread, _ = await paused(service)
    async with client(service, await program(service, org="other")) as theirs:
        for run in (thread, "0" * 36):
            with pytest.raises(TaskNotFoundError):
                _ = [each async for each in theirs.subscribe(pb.SubscribeToTaskRequest(id=run))]


async def test_what_is_not_done_is_refused_in_the_protocols_words(service: Served) -> None:
    async with client(service, streaming=False) as agent:
        config = pb.TaskPushNotificationConfig(task_id="x", url="https://a.example")
        with pytest.raises(PushNotificationNotSupportedError):
            await agent.create_task_push_notification_config(config)
        asked = saying("do nothing", **NOTHING)
        asked.configuration.task_push_notification_config.url = "https://a.example"
        with pytest.raises(PushNotificationNotSupportedError):
            await task(agent, asked)
        with pytest.raises(InvalidParamsError):
            await task(agent, saying("x"))
        with pytest.raises(InvalidParamsError):
            await task(agent, saying("do nothing", **{**NOTHING, "deliver": "everywhere"}))
        picture = saying("look", **NOTHING)
        picture.message.parts.append(pb.Part(raw=b"x", media_type="image/png"))
        with pytest.raises(ContentTypeNotSupportedError):
            await task(agent, picture)


@pytest.mark.postgres
@pytest.mark.slow
async def test_any_server_of_a_cluster_answers(tmp_path: Path, socket: Path) -> None:
    server = await postgres.emptied(socket, "a2a")
    async with served(tmp_path, server=server) as service, client(service, streaming=False) as agent:
        done = await task(agent, saying("do nothing", **NOTHING))
        assert done.status.state == STATE.TASK_STATE_COMPLETED
        assert (await agent.get_task(pb.GetTaskRequest(id=done.id))).status.state == STATE.TASK_STATE_COMPLETED
