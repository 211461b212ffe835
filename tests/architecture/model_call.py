"""Ask a model over the wire as a node does, and print the files of the product that the second question executes.

A process of its own: ``python -m tests.architecture.model_call``.
"""

import asyncio
import json
import sys
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

from domain import Plan, Spent, Step, Task
from models import Message, ModelSettings, SelectionContext
from models.clients import ModelEndpoint
from models.routing import (
    ClientOptions,
    EndpointRegistry,
    EndpointSettings,
    ModelPolicy,
    ModelRouter,
    load_catalogue,
)
from models.wrappers import BudgetLedger, MemoryAnswers, MemoryCounters, MemoryDecisions
from nodes._models import consult
from tests.architecture.tree import ROOT
from tests.wire.openai_server import OpenAIServer

PLAN = Plan(goal="Fix it", steps=(Step(id="1", title="Look"),))
CONTEXT = SelectionContext(run="r", org="o", task=Task(text="Fix it", repo="/x", requester="ann"))


async def executed() -> set[str]:
    """Files below the root that one warm call executes."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(OpenAIServer([{"answer": PLAN}, {"answer": PLAN}]))
        catalogue = load_catalogue()
        endpoint = ModelEndpoint(base_url=server.base_url, model="fake-model")

        async def policy(_: SelectionContext) -> ModelPolicy:
            return ModelPolicy()

        router = ModelRouter(
            catalogue=catalogue,
            registry=EndpointRegistry(
                settings=EndpointSettings(default=endpoint),
                catalogue=catalogue,
                options=ClientOptions(price=catalogue.price),
                stack=stack,
            ),
            decisions=MemoryDecisions(),
            counters=MemoryCounters(),
            ledger=lambda context: BudgetLedger(context.task.budget),
            policy=policy,
            now=lambda: datetime.now(UTC),
            answers=MemoryAnswers(),
            lifetimes={"planner": 60},
        )
        model, files = router.model("planner", CONTEXT), set[str]()

        def called(frame: FrameType, event: str, _: Any) -> None:
            path = Path(frame.f_code.co_filename)
            if event == "call" and path.is_relative_to(ROOT):
                files.add(path.relative_to(ROOT).as_posix())

        for tracing in (None, called):
            sys.setprofile(tracing)
            messages = (Message(role="user", content=f"Plan it, {'once more' if tracing else 'please'}."),)
            run: Any = {"task": CONTEXT.task, "spent": Spent(), "now": datetime.now(UTC)}
            await consult(model, messages, Plan, settings=ModelSettings(), **run)
        sys.setprofile(None)
        return files


if __name__ == "__main__":
    sys.stdout.write(json.dumps(sorted(asyncio.run(executed()))))
