"""Evaluation: many attempts at once, none of them twice, never for more money than was allowed.

It is the same after a kill as without one: what ended is not done again, and a run that was under way goes on from its
last checkpoint.
"""

import asyncio
import subprocess
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Final

from models import Model, Role
from service.eval.attempts import AttemptLimits, Attempts, EvalAttempt
from service.eval.dataset import EvalCase
from service.eval.results import AttemptResult, Manifest, Prediction, ResultsFolder
from service.settings import Settings
from service.wiring.application import Application, open_application

BASELINE: Final = "repair"
"""The strategy of the built-in repair engine alone."""
GOLD: Final = "gold"
"""The dataset's own changes, as predictions."""
ROOT: Final = Path(__file__).parents[2]


class CostCap:
    """Hands money out to attempts: what was spent and what is out together never exceed the cap.

    An attempt that finds nothing left waits while others hold some, which they may give back.
    """

    def __init__(self, cap: Decimal | None, spent: Decimal = Decimal(0)) -> None:
        self._cap, self.spent, self._out = cap, spent, Decimal(0)
        self._changed = asyncio.Condition()

    async def take(self, wanted: Decimal, *, least: Decimal = Decimal(0)) -> Decimal | None:
        """Return what an attempt may spend, ``wanted`` at most; None: there is nothing, or less than ``least``."""
        async with self._changed:
            while self._cap is not None:
                free = self._cap - self.spent - self._out
                if free > 0 and free >= least:
                    wanted = min(wanted, free)
                    break
                if not self._out:
                    return None
                await self._changed.wait()
            self._out += wanted
            return wanted

    async def settle(self, taken: Decimal, used: Decimal) -> None:
        """Give back what an attempt did not use."""
        async with self._changed:
            self._out -= taken
            self.spent += used
            self._changed.notify_all()


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Cases, how they are attempted, and where the results are kept."""

    settings: Settings
    folder: ResultsFolder
    cases: Sequence[EvalCase]
    strategy: str
    k: int = 1
    jobs: int = 1
    max_cost: Decimal | None = None
    limits: AttemptLimits = field(default_factory=AttemptLimits)
    pipeline: bool = True
    sign: bool = False
    predictions: Mapping[str, Prediction] | None = None
    """Judge these, and run nothing but the hidden tests."""
    models: Mapping[Role, Model] | None = None
    """Who is asked instead of the endpoints in the settings."""

    async def run(self, seen: Callable[[AttemptResult], None] = lambda _: None) -> int:
        """Make every attempt that has no result yet; return how many the cost cap left out.

        Args:
            seen: told of every attempt that ended.
        """
        results = {(each.case, each.attempt): each for each in self.folder.results()}
        begun_at, costs = self.folder.manifest().begun_at, self.folder.costs()
        # What the machine or an endpoint failed at is tried again; what the cases themselves fail at is not.
        done = {at for at, each in results.items() if each.outcome not in {"error", "model_error"}}
        waiting = [
            EvalAttempt.of(str(begun_at), case, number, results.get((case.id, number)))
            for number in range(1, self.k + 1)
            for case in self.cases
            if (case.id, number) not in done
            and (self.predictions is None or (case.id in self.predictions and number == 1))
        ]
        cap = CostCap(self.max_cost, sum(costs.values(), Decimal(0)))
        left_out = 0
        async with AsyncExitStack() as stack:
            common = _Common(self, stack)
            queue = iter(waiting)

            async def work() -> None:
                nonlocal left_out
                for attempt in queue:
                    budget = await cap.take(self.limits.cost)
                    if budget is None:
                        left_out += 1
                        continue
                    earlier, used = costs.get(attempt.run, Decimal(0)), Decimal(0)
                    try:
                        limits = replace(self.limits, cost=earlier + budget)
                        result, patch = await self._one(common, attempt, limits)
                        used = result.cost - earlier
                    finally:
                        await cap.settle(budget, used)
                    name = f"signoff/{self.strategy}" if self.predictions is None else "predicted"
                    await asyncio.to_thread(self.folder.add, result, patch, name)
                    seen(result)

            async with asyncio.TaskGroup() as group:
                for _ in range(max(1, min(self.jobs, len(waiting)))):
                    group.create_task(work())
        return left_out

    async def _one(self, common: "_Common", attempt: EvalAttempt, limits: AttemptLimits) -> tuple[AttemptResult, str]:
        async with common.attempts(attempt.case) as attempts:
            if self.predictions is not None:
                change = self.predictions[attempt.case.id].model_patch
                return await attempts.judge(attempt, change, limits), change
            return await attempts(attempt, limits)


@dataclass(slots=True)
class _Common:
    """The application that cases share; a case with an image of its own gets one of its own."""

    evaluation: Evaluation
    stack: AsyncExitStack
    _shared: Attempts | None = None
    _opening: asyncio.Lock = field(default_factory=asyncio.Lock)

    @asynccontextmanager
    async def attempts(self, case: EvalCase) -> AsyncGenerator[Attempts]:
        if case.image:
            # Its packages are in the image: nothing is set up, and no sandbox is kept warm for the next case.
            changes = {"sandbox_image": case.image, "setup_network": "off", "sandbox_warm": 0}
            async with self._opened(self._settings.model_copy(update=changes)) as application:
                yield self._of(application)
            return
        async with self._opening:
            if self._shared is None:
                self._shared = self._of(await self.stack.enter_async_context(self._opened(self._settings)))
        yield self._shared

    @property
    def _settings(self) -> Settings:
        # No answer of one attempt is that of another: k attempts would be one.
        return self.evaluation.settings.model_copy(update={"home": self.evaluation.folder.home, "model_cache": "off"})

    @asynccontextmanager
    async def _opened(self, settings: Settings) -> AsyncGenerator[Application]:
        models = {} if self.evaluation.strategy == BASELINE else self.evaluation.models
        async with open_application(settings, models=models) as application:
            yield application

    def _of(self, application: Application) -> Attempts:
        e = self.evaluation
        strategy = application.settings.strategy if e.strategy == BASELINE else e.strategy
        folder = e.folder.path / "repositories"
        return Attempts.on(application, folder, strategy=strategy, pipeline=e.pipeline, sign=e.sign)


def gold(cases: Sequence[EvalCase]) -> dict[str, Prediction]:
    """Return the dataset's own changes as predictions: a case that they do not solve is none."""
    return {
        case.id: Prediction(instance_id=case.id, model_name_or_path=GOLD, model_patch=case.gold)
        for case in cases
        if case.gold
    }


def manifest_of(
    dataset: str, digest: str, cases: Sequence[EvalCase], *, k: int, strategy: str, model: str, predictions: str = ""
) -> Manifest:
    """Return what an evaluation that begins now is about."""
    return Manifest(
        dataset=dataset,
        digest=digest,
        cases=tuple(case.id for case in cases),
        k=k,
        strategy=strategy,
        model=model,
        predictions=predictions,
        version=version("signoff"),
        commit=commit_of(ROOT),
        begun_at=datetime.now(UTC),
    )


def commit_of(folder: Path) -> str:
    """Return the commit that is checked out in a folder of ours; empty where it is installed without its history."""
    if not (folder / ".git").exists():
        return ""
    words = ["git", "-C", str(folder), "rev-parse", "HEAD"]
    ran = subprocess.run(words, capture_output=True, text=True, check=False)
    return ran.stdout.strip() if ran.returncode == 0 else ""
