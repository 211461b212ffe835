"""Provider that is no model, recorded as a routing decision each time it is asked: its work counts in usage, too."""

import time
from dataclasses import dataclass

from domain import SignoffError
from models import Bench, ChangeRequest, Proposal, Provider, SelectionContext
from models.contract import Listener
from models.routing import ModelRouter
from models.wrappers import RoutingDecision


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedProvider:
    """A provider that is no model, with a row for each time it is asked."""

    provider: Provider
    board: ModelRouter
    context: SelectionContext
    reason: str

    @property
    def name(self) -> str:
        return self.provider.name

    @property
    def repairs(self) -> bool:
        return self.provider.repairs

    async def propose(self, job: ChangeRequest, bench: Bench, *, listener: Listener | None = None) -> Proposal:
        """See ``Provider.propose``."""
        started, outcome = time.monotonic(), "answered"
        try:
            return await self.provider.propose(job, bench, listener=listener)
        except SignoffError as error:
            outcome = error.stable_code
            raise
        finally:
            task = self.context.task
            await self.board.decisions.record(
                RoutingDecision(
                    at=self.board.now(),
                    org=self.context.org,
                    run=self.context.run,
                    user=task.requester,
                    role="coder",
                    kind="fix",
                    strategy=task.strategy,
                    choice=self.name,
                    candidates=(self.name,),
                    reason=self.reason,
                    latency_ms=(time.monotonic() - started) * 1_000,
                    outcome=outcome,
                )
            )
