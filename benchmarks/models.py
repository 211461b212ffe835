"""What choosing and wrapping models costs, and how soon somebody else answers when an endpoint dies.

``python -m benchmarks models`` measures. What a prefix cache serves is measured by ``benchmarks/prefix.py``.
"""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from benchmarks import nbest
from database import open_engine, sqlite_url, writing
from domain import Budget, Plan, Step, Task
from models import Database, Message, Model, ModelSettings, Question, Reply, SelectionContext
from models.clients import ModelEndpoint
from models.routing import CallLimits, FixedModels, ModelPolicy, ModelRouter, RouteRequest, load_catalogue, route
from models.wrappers import (
    Budgeted,
    BudgetLedger,
    Cached,
    CircuitBreaker,
    Fallback,
    Instrumented,
    MemoryAnswers,
    MemoryCounters,
    Quota,
    Retry,
    StoredCounters,
    StoredDecisions,
    StoredLedger,
)
from tests.wire.openai_server import OpenAIServer
from tests.worlds.role_models import open_models

T = TypeVar("T")

PLAN = Plan(goal="g", steps=(Step(id="1", title="t"),))
ASK = (Message(role="system", content="You plan."), Message(role="user", content="The sum is wrong. " * 200))
SETTINGS = ModelSettings(temperature=0.2, max_tokens=1_024, timeout_s=30)
CALLS = 300


class Instant:
    """A model that takes no time: what is left is ours."""

    name = "instant"

    async def ask(self, question: Question[T]) -> Reply[T]:  # noqa: ARG002  the contract's
        return Reply(value=PLAN, model=self.name)  # pyright: ignore[reportReturnType]


def wrapped(model: Model) -> Model:
    """All of it, as a process would do it."""
    ledger = BudgetLedger(Budget(max_tokens=10**9, max_cost=Decimal(10**9)))
    model = Cached(model=Instrumented(model=model), answers=MemoryAnswers(most=0), org="a")
    model = Quota(model=model, limits=CallLimits(rpm=10**6), counters=MemoryCounters(), counted_as="x")
    return Retry(model=Fallback(models=(CircuitBreaker(model=Budgeted(model=model, ledger=ledger)),)))


async def p50_ms(call: Callable[[], Awaitable[object]], calls: int = CALLS) -> float:
    took: list[float] = []
    for _ in range(calls):
        started = time.perf_counter()
        await call()
        took.append((time.perf_counter() - started) * 1_000)
    return statistics.median(took)


def router_p50_us() -> float:
    catalogue, took = load_catalogue(), []
    for n in range(2_000):
        ask = RouteRequest(role="coder", strategy=("balanced", "quality", "fast")[n % 3], tokens_in=n)
        started = time.perf_counter()
        route(ask, catalogue, health={"x": "up"})
        took.append((time.perf_counter() - started) * 1_000_000)
    return statistics.median(took)


async def overhead_ms() -> float:
    """Per call: everything around a model that takes no time, less the model itself."""
    bare, dressed = Instant(), wrapped(Instant())
    plain = await p50_ms(lambda: bare.ask(Question(ASK, Plan, settings=SETTINGS)))
    return await p50_ms(lambda: dressed.ask(Question(ASK, Plan, settings=SETTINGS))) - plain


async def stored_overhead_ms(folder: Path) -> float:
    """Per call: all that a run puts around a model (choice, row, budget, quota, all in SQLite), less the model."""
    catalogue, clock = load_catalogue(), lambda: datetime.now(UTC)
    policy = ModelPolicy(quotas={"given": CallLimits(rpm=10**6)})

    async def allowed(_: SelectionContext) -> ModelPolicy:
        return policy

    engine = open_engine(sqlite_url(folder / "models.db"))
    database = Database(engine=engine, writing=writing)
    await database.create_all()
    budget = Budget(max_tokens=10**9, max_cost=Decimal(10**9))

    def ledger(context: SelectionContext) -> StoredLedger:
        return StoredLedger(database=database, account=context.run, budget=budget)

    board = ModelRouter(
        catalogue=catalogue,
        registry=FixedModels(models={"planner": Instant()}),
        decisions=StoredDecisions(database=database),
        counters=StoredCounters(database=database),
        ledger=ledger,
        policy=allowed,
        now=clock,
    )
    model = board.model("planner", SelectionContext(run="r", org="a", task=Task(text="x", repo="/x", budget=budget)))
    took = await p50_ms(lambda: model.ask(Question(ASK, Plan, settings=SETTINGS)), 100)
    await engine.dispose()
    return took


async def wire_ms() -> float:
    """A whole call over loopback HTTP: stream, parse, all wrappers of a process."""
    async with OpenAIServer([{"answer": PLAN, "repeat": True}]) as server:
        endpoint = ModelEndpoint(base_url=server.base_url, model="fake-model")
        async with open_models(endpoint, catalogue=load_catalogue()) as models:
            return await p50_ms(lambda: models["planner"].ask(Question(ASK, Plan, settings=SETTINGS)), 60)


async def fallback_ms() -> float:
    """From asking a model whose endpoint has just died to the answer of the default one."""
    async with OpenAIServer() as dead:
        gone = ModelEndpoint(base_url=dead.base_url, model="m")
    took: list[float] = []
    async with OpenAIServer([{"answer": PLAN, "repeat": True}]) as server:
        default = ModelEndpoint(base_url=server.base_url, model="fake-model")
        for _ in range(15):
            async with open_models(default, roles={"planner": gone}, catalogue=load_catalogue()) as models:
                await models["coder"].ask(
                    Question(ASK, Plan, settings=SETTINGS)
                )  # connections are warm in a living process
                took.append(await p50_ms(lambda m=models: m["planner"].ask(Question(ASK, Plan, settings=SETTINGS)), 1))
    return statistics.median(took)


def measure() -> Mapping[str, float]:
    """Every number of this room."""
    with TemporaryDirectory() as folder:
        stored_ms = asyncio.run(stored_overhead_ms(Path(folder)))
    return {
        "models.route_p50_us": round(router_p50_us(), 1),
        "models.wrapper_overhead_ms": round(asyncio.run(overhead_ms()), 3),
        "models.house_overhead_ms": round(stored_ms, 2),
        "models.wire_call_p50_ms": round(asyncio.run(wire_ms()), 1),
        "models.fallback_ms": round(asyncio.run(fallback_ms()), 1),
        **nbest.measure(),
    }
