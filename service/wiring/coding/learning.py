"""Wiring of what the router learns from: how runs ended, and whose changes they were."""

from collections.abc import Awaitable, Callable

import structlog
from sqlalchemy.exc import SQLAlchemyError

from domain import CommandRun, SignoffError
from models.routing import ModelRouter
from models.wrappers import RunOutcome
from nodes._commands import red_kind
from service.runs.runs import RunState
from service.wiring.models import CODER

SUCCEEDED = frozenset({"delivered", "nothing_to_do"})
MODELS_FAULT = frozenset({"gave_up", "same_finding_twice", "no_action"})
"""Endings that say something of who wrote the change. What a person rejected, or a machine lost, says nothing."""


def learning_from(board: ModelRouter) -> Callable[[RunState], Awaitable[None]]:
    """Have the router learn from a run that ended: its last model finished it or did not, those before it did not."""

    async def ended(standing: RunState) -> None:
        run, baseline = standing.run, standing.values.get("baseline")
        succeeded = run.status in SUCCEEDED
        if board.outcomes is None or not isinstance(baseline, CommandRun):
            return
        if not succeeded and not (run.ending is not None and run.ending.code in MODELS_FAULT):
            return
        try:
            decisions = await board.decisions.latest(run.org, limit=1_000, run=run.id)
            asked = [each.choice for each in reversed(decisions) if each.role == CODER and each.outcome == "answered"]
            for model in dict.fromkeys(reversed(asked)):
                await board.outcomes.record(
                    RunOutcome(
                        at=run.updated_at,
                        org=run.org,
                        run=run.id,
                        failure=red_kind(baseline),
                        model=model,
                        succeeded=succeeded and model == asked[-1],
                    )
                )
        except (SQLAlchemyError, SignoffError) as error:  # what was not learnt now is learnt from the next run
            structlog.get_logger("signoff.models").warning("outcome not kept", run=run.id, error=type(error).__name__)

    return ended
