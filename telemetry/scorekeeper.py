"""Tell Langfuse what became of a run, and let nothing hang on it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import structlog

from domain import Proof, Review, SignoffError, Spent, Verdict
from telemetry.langfuse import Scores
from telemetry.verdicts import scores_of

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorekeeper:
    """Sends the scores of runs that ended. A score that cannot be sent is logged; the run has ended all the same."""

    scores: Scores

    async def keep(self, run: str, values: Mapping[str, Any], *, at: datetime) -> bool:
        """Send what the last state of a run says; False when that did not work."""
        told = scores_of(
            run,
            at=at,
            verdict=_of(values, "verdict", Verdict),
            proof=_of(values, "proof", Proof),
            review=_of(values, "review", Review),
            spent=_of(values, "spent", Spent),
        )
        try:
            await self.scores.send(told)
        except SignoffError as error:
            log = structlog.get_logger("signoff.telemetry")
            say = log.info if error.stable_code == "langfuse_missing" else log.warning
            say("scores not sent", run=run, code=error.stable_code, reason=error.message, hint=error.hint)
            return False
        return True


def _of(values: Mapping[str, Any], key: str, kind: type[T]) -> T | None:
    found = values.get(key)
    return found if isinstance(found, kind) else None
