"""A2A tasks: a stream that its client leaves ends, however much there was left to say."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

from a2a.server.context import ServerCallContext
from a2a.types import a2a_pb2 as pb
from typing_extensions import override

from service.a2a.agent import TaskAgent
from service.auth.principal import Principal
from service.wiring.server import ServerContext


class Talkative(TaskAgent):
    """Of a run that says more at once than anybody reads."""

    @override
    async def _taken(self, principal: Principal, params: pb.SendMessageRequest) -> str:
        return "run"

    @override
    async def _task(self, principal: Principal, run: str, *, artifacts: bool = True) -> pb.Task:
        return pb.Task(id=run)

    @override
    async def _rests(self, principal: Principal, run: str, progress: Callable[[str], Any] | None = None) -> None:
        assert progress is not None
        for number in range(5_000):
            await progress(f"line {number}")
        await asyncio.Event().wait()


async def test_a_stream_that_is_left_ends_although_much_was_not_read() -> None:
    agent = Talkative(cast("ServerContext", None), lambda _: cast("Principal", None))
    events = agent.on_message_send_stream(pb.SendMessageRequest(), ServerCallContext())
    assert isinstance(await anext(events), pb.Task)
    assert isinstance(await anext(events), pb.TaskStatusUpdateEvent)
    async with asyncio.timeout(10):
        await events.aclose()
        assert asyncio.all_tasks() == {asyncio.current_task()}
