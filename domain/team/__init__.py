"""Team of a run: its workers, and the rules by which they begin, are merged and are stopped. Pure."""

from domain.team.rules import (
    MOST_RETURNS,
    fair_share,
    first_batch,
    handed_out,
    landed,
    regressions,
    stopped_by,
    unfinished,
    worker_id,
)
from domain.team.workers import NEUTRAL, Team, TeamWorker, WorkerStatus

__all__ = [
    "MOST_RETURNS",
    "NEUTRAL",
    "Team",
    "TeamWorker",
    "WorkerStatus",
    "fair_share",
    "first_batch",
    "handed_out",
    "landed",
    "regressions",
    "stopped_by",
    "unfinished",
    "worker_id",
]
