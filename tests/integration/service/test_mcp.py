"""The MCP server, judged by the official client: over HTTP with keys, and on standard input and output."""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp_types import ElicitResult

from models import Scripted
from tests.worlds import postgres
from tests.worlds.asking import paused
from tests.worlds.house import FIX, OK, QUICK, repository
from tests.worlds.organisations import SECRET
from tests.worlds.served import Served, served

TOOLS = {"start_task", "wait", "show_run", "list_runs", "list_approvals", "cancel"}
NOTHING = {"text": "do nothing", "repo": "/nowhere", "accept": "true"}
SLOW = {**NOTHING, "text": "do nothing slow"}
MODES = pytest.mark.parametrize("mode", ["legacy", "auto"])
"""The handshake that hosts have today, and the protocol of 2026-07-28."""
OPENING = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
}
ACCEPT = {"accept": "application/json, text/event-stream"}
ASK = "```ask\nAre all prices to be counted?\n```"
EDIT = "```edit shop/prices.py\n<<<<<<< SEARCH\nsum(prices[1:])\n=======\nsum(prices)\n>>>>>>> REPLACE\n```"
DONE = "```done\nCount the first price too\n```"


@asynccontextmanager
async def client(service: Served, key: str = "", **options: Any) -> AsyncGenerator[Client]:
    headers = {"authorization": f"Bearer {key or service.key}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=30) as http,
        Client(streamable_http_client(f"{service.url}/mcp", http_client=http), **options) as opened,
    ):
        yield opened


async def call(host: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    """What a tool answers; an error as its code."""
    result = await host.call_tool(tool, arguments)
    document = dict(result.structured_content or {})
    assert bool(result.is_error) == ("error" in document)
    return document


async def program(service: Served, *, org: str = "local", roles: tuple[str, ...] = ("operator",)) -> str:
    _, text = await service.context.keys.make(org, "bot", name="bot", roles=roles)
    return text


@MODES
async def test_a_task_is_started_waited_for_and_read(service: Served, mode: str) -> None:
    lines: list[str] = []

    async def heard(_: float, __: float | None, message: str | None) -> None:
        lines.append(message or "")
        if "execute" in lines[-1]:  # before that the run works, so that the wait has something to hear
            service.gate.set()

    async with client(service, await program(service), mode=mode) as host:
        tools = (await host.list_tools()).tools
        assert {tool.name for tool in tools} == TOOLS
        assert "No tool votes" in (host.instructions or "")
        started = await call(host, "start_task", **SLOW)
        waited = await host.call_tool("wait", {"run": started["run"]}, progress_callback=heard)
        assert waited.structured_content["status"] == "delivered"
        assert json.loads(waited.content[0].text) == waited.structured_content
        shown = await call(host, "show_run", run=started["run"])
        assert (shown["status"], shown["diff"], shown["task"]["requester"]) == ("delivered", "", "bot")
        assert [run["run"] for run in (await call(host, "list_runs"))["runs"]] == [started["run"]]
    assert any("execute" in line for line in lines)


async def test_a_whole_run_ends_in_the_sandbox_with_its_proof(tmp_path: Path) -> None:
    """With the models scripted and all else real: the change, its diff and its evidence."""
    repo = repository(tmp_path / "repo")
    models = {"coder": Scripted([FIX], name="coder"), "reviewer": Scripted([OK])}
    async with (
        served(tmp_path, whole=True, models=models, coder_dialect="single", repos=str(tmp_path)) as service,
        client(service, await program(service)) as host,
    ):
        started = await call(host, "start_task", text="Fix the total", repo=str(repo), accept=QUICK, deliver="patch")
        waited = await call(host, "wait", run=started["run"], seconds=60)
        assert waited["status"] == "delivered", waited
        shown = await call(host, "show_run", run=started["run"])
    assert "+    return sum(prices)\n" in shown["diff"]
    assert (shown["proof"]["exit_code"], shown["proof"]["command"]) == (0, QUICK)
    assert shown["evidence"]


@MODES
async def test_who_may_not_come_in_gets_no_tools(service: Served, mode: str) -> None:
    async with service.http("ak_live_no") as http:
        answer = await http.post("/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
        assert (answer.status_code, answer.json()["code"]) == (401, "key_invalid")
    with pytest.raises(ExceptionGroup) as caught:
        async with client(service, "ak_live_no", mode=mode):
            pass
    assert caught.group_contains(MCPError, match="^key_invalid: ")


async def test_each_tool_wants_the_scope_of_its_route(service: Served) -> None:
    async with client(service, await program(service, roles=("viewer",))) as host:
        for tool, arguments in (("start_task", NOTHING), ("cancel", {"run": "x"})):
            assert (await call(host, tool, **arguments))["error"]["code"] == "scope_missing"
        assert await call(host, "list_runs") == {"runs": []}


async def test_unknown_things_have_our_codes(service: Served) -> None:
    async with client(service) as host:
        for tool in ("wait", "show_run", "cancel"):
            assert (await call(host, tool, run="nothing"))["error"]["code"] == "thread_not_found"
        assert (await call(host, "wait", run=3))["error"]["code"] == "request_invalid"
        assert (await call(host, "vote", run="x"))["error"]["code"] == "route_not_found"
        assert (await call(host, "start_task", text="x"))["error"]["code"] == "task_missing"


async def test_another_organisations_run_does_not_exist(service: Served) -> None:
    async with client(service) as mine:
        started = await call(mine, "start_task", **{**NOTHING, "text": f"do nothing {SECRET}"})
        await call(mine, "wait", run=started["run"])
        async with client(service, await program(service, org="other")) as theirs:
            for tool in ("wait", "show_run", "cancel", "list_approvals"):
                error = (await call(theirs, tool, run=started["run"]))["error"]
                ghost = (await call(theirs, tool, run="0" * 36))["error"]
                assert error["code"] == ghost["code"] == "thread_not_found"
                assert SECRET not in str(error)
            again = await call(theirs, "start_task", **NOTHING, run=started["run"])
            assert again["error"]["code"] == "thread_not_found"
            assert await call(theirs, "list_runs") == {"runs": []}


async def test_nobody_goes_on_with_somebody_elses_session(service: Served) -> None:
    """A session is its owner's: with another key it is not there, whoever knows its id."""
    async with service.http() as http, service.http(await program(service)) as other:
        opened = await http.post("/mcp", json=OPENING, headers=ACCEPT)
        session = {**ACCEPT, "mcp-session-id": opened.headers["mcp-session-id"]}
        asking = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}
        assert (await other.post("/mcp", json=asking, headers=session)).status_code == 404
        assert (await http.post("/mcp", json=asking, headers=session)).status_code == 200
        assert (await http.delete("/mcp", headers=session)).status_code == 200


async def test_a_stream_that_nobody_kept_is_begun_anew(service: Served) -> None:
    async with service.http() as http:
        opened = await http.post("/mcp", json=OPENING, headers=ACCEPT)
        session = {**ACCEPT, "mcp-session-id": opened.headers["mcp-session-id"], "last-event-id": "7"}
        async with http.stream("GET", "/mcp", headers=session) as answer:
            assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream")


@pytest.mark.postgres
@pytest.mark.slow
async def test_several_servers_have_no_session_to_ask_for(tmp_path: Path, socket: Path) -> None:
    server = await postgres.emptied(socket, "mcp")
    async with served(tmp_path, server=server) as service, service.http() as http:
        for method in ("GET", "DELETE"):
            answer = await http.request(method, "/mcp", headers={**ACCEPT, "last-event-id": "7"})
            assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
            assert answer.json()["code"] == "method_not_allowed"
        async with client(service) as host:
            assert await call(host, "list_runs") == {"runs": []}


@MODES
async def test_a_wait_that_is_cancelled_leaves_the_run_alone(service: Served, mode: str) -> None:
    begun = asyncio.Event()

    async def heard(_: float, __: float | None, message: str | None) -> None:
        if "execute" in (message or ""):
            begun.set()

    async with client(service, mode=mode) as host:
        started = await call(host, "start_task", **SLOW)
        waiting = asyncio.create_task(host.call_tool("wait", {"run": started["run"]}, progress_callback=heard))
        await begun.wait()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert (await call(host, "wait", run=started["run"], seconds=0))["status"] == "running"
        service.gate.set()
        assert (await call(host, "wait", run=started["run"]))["status"] == "delivered"


async def test_cancel_stops_what_works_and_keeps_it(service: Served) -> None:
    async with client(service) as host:
        started = await call(host, "start_task", **SLOW)
        assert (await call(host, "cancel", run=started["run"]))["status"] == "paused"
        assert (await call(host, "cancel", run=started["run"]))["error"]["code"] == "job_state"


async def test_what_waits_for_a_signature_is_linked_and_never_signed(service: Served) -> None:
    thread, ballot = await paused(service)
    async with client(service, await program(service)) as host, service.http("") as browser:
        waited = await call(host, "wait", run=thread)
        assert (waited["status"], waited["approval"]["id"]) == ("interrupted", ballot["id"])
        listed = (await call(host, "list_approvals", run=thread))["approvals"]
        assert [each["id"] for each in listed] == [ballot["id"]]
        assert (await browser.get(waited["approval"]["link"])).status_code == 200
        for words in ("approve", "yes, sign it"):
            assert (await call(host, "start_task", text=words, run=thread))["error"]["code"] == "thread_busy"
        assert (await call(host, "cancel", run=thread))["error"]["code"] == "job_state"
    async with service.http() as http:
        assert (await http.get(f"/v1/approvals/{ballot['id']}")).json()["state"] == "pending"


@MODES
async def test_a_host_shows_its_person_where_to_sign_and_waits_for_it(service: Served, mode: str) -> None:
    thread, ballot = await paused(service)
    shown: list[Any] = []

    async def person(_: Any, params: Any) -> ElicitResult:
        shown.append(params)
        if params.mode == "url":
            decision = {"decision": "approve", "action_digest": ballot["action_digest"], "comment": ""}
            async with service.http(service.session) as http:
                answer = await http.post(f"/v1/approvals/{ballot['id']}/decisions", json=decision)
                assert answer.status_code == 200, answer.text
        return ElicitResult(action="accept")

    async with client(service, mode=mode, elicitation_callback=person) as host:
        waited = await call(host, "wait", run=thread)
    assert [params.mode for params in shown] == ["url"]
    assert waited["status"] == "delivered"


@MODES
async def test_consent_to_open_the_page_is_no_signature(service: Served, mode: str) -> None:
    thread, ballot = await paused(service)

    async def person(_: Any, __: Any) -> ElicitResult:
        return ElicitResult(action="accept", content={"answer": "approve"})

    async with client(service, mode=mode, elicitation_callback=person) as host:
        assert (await call(host, "wait", run=thread, seconds=0.5))["status"] == "interrupted"
    async with service.http() as http:
        assert (await http.get(f"/v1/approvals/{ballot['id']}")).json()["state"] == "pending"


@MODES
@pytest.mark.parametrize("choice", ["accept", "decline"])
async def test_a_host_has_its_person_answer_the_coder(tmp_path: Path, mode: str, choice: Any) -> None:
    repo = repository(tmp_path / "repo")
    models = {"coder": Scripted([ASK, EDIT, DONE], name="coder"), "reviewer": Scripted([OK])}

    async def person(_: Any, params: Any) -> ElicitResult:
        assert "Are all prices to be counted?" in params.message
        return ElicitResult(action=choice, content={"answer": "Yes, all."} if choice == "accept" else None)

    async with (
        served(tmp_path, whole=True, models=models, coder_dialect="text", repos=str(tmp_path)) as service,
        client(service, mode=mode, elicitation_callback=person) as host,
    ):
        started = await call(host, "start_task", text="Fix the total", repo=str(repo), accept=QUICK, deliver="patch")
        waited = await call(host, "wait", run=started["run"], seconds=60)
        if choice == "decline":
            assert waited["question"] == "Are all prices to be counted?"
            await call(host, "start_task", text="Yes, all.", run=started["run"])
            waited = await call(host, "wait", run=started["run"], seconds=60)
        assert waited["status"] == "delivered", waited
    assert "Yes, all." in models["coder"].asked[1][-1].content


def stdio(home: Path, *words: str, **env: str) -> StdioServerParameters:
    environment = {"SIGNOFF_HOME": str(home), "SIGNOFF_SANDBOX": "unsafe-local", **env}
    return StdioServerParameters(
        command=sys.executable,
        args=["-c", "from service.cli.app import main; main()", "mcp", *words],
        env=environment,
        cwd=str(Path(__file__).parents[3]),
    )


@pytest.mark.slow
async def test_it_serves_on_standard_input_with_everything_in_its_process(tmp_path: Path) -> None:
    """Without a model the built-in repair finds the mistake: a whole run, in the local sandbox."""
    repo = repository(tmp_path / "repo")
    async with Client(stdio(tmp_path / "home"), mode="legacy") as host:
        assert {tool.name for tool in (await host.list_tools()).tools} == TOOLS
        started = await call(host, "start_task", text="Fix the total", repo=str(repo), accept=QUICK, deliver="patch")
        waited = await call(host, "wait", run=started["run"], seconds=100)
        shown = await call(host, "show_run", run=started["run"])
        assert (await call(host, "wait", run="nothing"))["error"]["code"] == "thread_not_found"
    assert waited["status"] == "delivered", shown
    assert "sum(prices)" in shown["diff"]


@pytest.mark.slow
async def test_it_hands_tasks_on_to_a_server(service: Served, tmp_path: Path) -> None:
    begun = asyncio.Event()

    async def heard(_: float, __: float | None, message: str | None) -> None:
        if "execute" in (message or ""):
            begun.set()

    env = {"SIGNOFF_MCP_KEY": await program(service)}
    async with Client(stdio(tmp_path / "none", "--url", service.url, **env)) as host:
        started = await call(host, "start_task", **SLOW)
        waiting = asyncio.create_task(host.call_tool("wait", {"run": started["run"]}, progress_callback=heard))
        await begun.wait()
        waiting.cancel()
        assert (await call(host, "wait", run=started["run"], seconds=0))["status"] == "running"
        service.gate.set()
        assert (await call(host, "wait", run=started["run"]))["status"] == "delivered"
        assert (await call(host, "show_run", run="nothing"))["error"]["code"] == "thread_not_found"
    assert not (tmp_path / "none").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("key", "port", "code", "status"),
    [("ak_live_no", None, "key_invalid", 2), ("", None, "not_authenticated", 2), ("x", 1, "server_unreachable", 75)],
)
async def test_a_server_that_cannot_be_used_is_said_before_a_host_is_connected(
    service: Served, tmp_path: Path, key: str, port: int | None, code: str, status: int
) -> None:
    url = f"http://127.0.0.1:{port or service.port}"
    asked = stdio(tmp_path / "none", "--url", url, **({"SIGNOFF_MCP_KEY": key} if key else {}))
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        asked.command, *asked.args, env=asked.env, cwd=asked.cwd, stdin=pipe, stdout=pipe, stderr=pipe
    )
    out, err = await process.communicate()
    assert (process.returncode, out) == (status, b"")
    assert f"error[{code}]" in err.decode()
