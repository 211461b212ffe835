"""A whole service for tests: real uvicorn on loopback, real SDK clients, a graph that is quick and does nothing.

The graph is ours with its real questions: ``ask`` and ``wait`` open and read real ballots, ``deliver``
consumes them and writes one line into a file, so that a second delivery would be seen.
"""

import asyncio
import socket
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from langchain_core.messages import AIMessage
from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient

from approvals import action_digest
from benchmarks.idle import DIGEST, PLAN, staff
from domain import Action, Ending, Refused, Requirement, Risk, Spent, Verdict
from graphs import Staff, coding
from nodes.ask import Asker, AskInput
from nodes.assess import AssessInput
from nodes.deliver import DeliverInput
from nodes.execute import ExecuteInput
from nodes.receive import ReceiveInput
from nodes.wait import Waiter
from service.api import create_app
from service.cli_serve import ADMIN
from service.office import Office, open_office
from service.wiring import House, open_house
from tests.worlds.house import settings

Answer = Mapping[str, Any]
ACTION = Action(tool="branch", arguments={"message": "m", "branch": "b"}, target="/nowhere", content="tree")


@dataclass(frozen=True, slots=True)
class Receives:
    async def __call__(self, state: ReceiveInput) -> Answer:
        return {"task": state["task"], "expert": "code_general", "spent": Spent(), "round": 0}


@dataclass(frozen=True, slots=True)
class Executes:
    """Waits at a gate when the task says ``slow``, breaks when it says ``broken``."""

    gate: asyncio.Event

    async def __call__(self, state: ExecuteInput) -> Answer:
        if "slow" in state["task"].text:
            await self.gate.wait()
        if "broken" in state["task"].text:
            raise RuntimeError("something nobody thought of")
        return {"attempts": (), "tries": 1, "spent": Spent(steps=1), "plan": PLAN}


@dataclass(frozen=True, slots=True)
class Assesses:
    """A signature is due when the task or its repository says ``sign``."""

    humans: int = 1

    async def __call__(self, state: AssessInput) -> Answer:
        task = state["task"]
        asks = self.humans if "sign" in task.text + task.repo else 0
        tier = "high" if asks else "low"
        requirement = Requirement(tier=tier, humans=asks, allow_self=True)
        return {"action": ACTION, "risk": Risk(tier=tier), "requirement": requirement, "verdict": None}


@dataclass(frozen=True, slots=True)
class Asks:
    """Asks for real, unless the task says ``nothing``: then only the service itself is measured."""

    ballots: Any

    async def __call__(self, state: AskInput) -> Answer:
        if "nothing" not in state["task"].text:
            return await Asker(ballots=self.ballots)(state)
        return {"ballot": "b", "verdict": Verdict(ballot="b", state="approved", action_digest=DIGEST)}


@dataclass(frozen=True, slots=True)
class Delivers:
    """Uses the approval up and writes a line."""

    ballots: Any
    book: Path

    async def __call__(self, state: DeliverInput) -> Answer:
        if "nothing" in state["task"].text:
            return {"ending": Ending(status="delivered", answer_markdown="Nothing.")}
        try:
            await self.ballots.consume(state["ballot"], state["org"], action_digest(state["action"]))
        except Refused as error:
            # As the real one: consumed before a crash, so the world is looked at before it is acted on again.
            if error.stable_code != "already_consumed":
                raise
        lines = self.book.read_text().split() if self.book.exists() else []
        if state["run"] not in lines:
            with self.book.open("a") as book:
                book.write(f"{state['run']}\n")
        await self.ballots.executed(state["ballot"], state["org"])
        return {"ending": Ending(status="delivered", answer_markdown="Done."), "messages": [AIMessage(content="Done.")]}


def quick(house: House, book: Path, gate: asyncio.Event, *, humans: int = 1) -> Staff:
    """Colleagues that take no time; only questions and deliveries are real."""
    from service.wiring import RunSpans  # noqa: PLC0415

    assert isinstance(house.engine.spans, RunSpans)
    people: dict[str, Any] = {
        "receive": Receives(), "execute": Executes(gate), "assess": Assesses(humans),
        "ask": Asks(house.ballots), "wait": Waiter(ballots=house.ballots),
        "deliver": Delivers(house.ballots, book),
    }  # fmt: skip
    return replace(staff(house.engine.spans.tracing.tracer), **people)


def idle_house(house: House, book: Path, gate: asyncio.Event, *, humans: int = 1) -> House:
    """The same house, with colleagues that take no time."""
    graph = coding(quick(house, book, gate, humans=humans), checkpointer=house.engine.graph.checkpointer)
    return replace(house, engine=replace(house.engine, graph=graph))


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A running service, and ways to talk to it."""

    url: str
    office: Office
    key: str
    session: str
    """Of the person the admin key stands for."""
    gate: asyncio.Event
    book: Path
    stop: Callable[[], Awaitable[None]]
    stack: AsyncExitStack

    def sdk(self, key: str | None = None) -> LangGraphClient:
        client = get_client(url=self.url, api_key=key or self.key)
        self.stack.push_async_callback(client.aclose)
        return client

    def http(self, key: str | None = None) -> httpx.AsyncClient:
        headers = {"authorization": f"Bearer {key or self.key}"} if key != "" else {}
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=20)

    @property
    def deliveries(self) -> list[str]:
        return self.book.read_text().split() if self.book.exists() else []


@asynccontextmanager
async def served(
    folder: Path, *, humans: int = 1, whole: bool = False, models: Any = None, port: int = 0, **given: Any
) -> AsyncGenerator[Served]:
    """The service on a free port. ``whole``: the real staff instead of the quick one."""
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", port))
    port = bound.getsockname()[1]
    made = settings(folder, port=port, rate_per_minute=100_000, rate_per_minute_ip=100_000, **given)
    gate, book = asyncio.Event(), folder / "deliveries"
    opened: asyncio.Future[tuple[Office, str, str]] = asyncio.get_running_loop().create_future()

    @asynccontextmanager
    async def opening() -> AsyncGenerator[Office]:
        async with open_house(made, models=models or {}) as opened_house:
            house = opened_house if whole else idle_house(opened_house, book, gate, humans=humans)
            async with open_office(house) as office:
                key, text = await office.keys.make("local", "ann", name="admin", roles=ADMIN, personal=True)
                _, session = await office.keys.log_in(key, roles=await house.people.roles("local", "ann"))
                opened.set_result((office, text, session))
                yield office

    config = uvicorn.Config(create_app(made, opening), log_level="warning", lifespan="on", timeout_graceful_shutdown=2)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[bound]))

    async def stop() -> None:
        server.should_exit = True
        await serving

    done, _ = await asyncio.wait([opened, serving], return_when=asyncio.FIRST_COMPLETED)
    assert opened in done, serving.exception()
    office, key, session = opened.result()
    async with AsyncExitStack() as stack:
        stack.callback(bound.close)
        stack.push_async_callback(stop)
        stack.callback(gate.set)
        yield Served(url=f"http://127.0.0.1:{port}", office=office, key=key, session=session, gate=gate, book=book,
                     stop=stop, stack=stack)  # fmt: skip


async def main(folder: Path, port: int) -> None:
    """Serve in a process of its own, until it is killed; the key goes to standard output."""
    async with served(folder, port=port) as running:
        print(running.key, running.session, flush=True)  # noqa: T201
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
