"""Stored ballots: SQLite and PostgreSQL with the same code, a twin in memory, the outbox, and the replay guard."""

from approvals.storage.ballots import StoredBallots, latest, waiting
from approvals.storage.erasure import forget
from approvals.storage.memory import Directory, RememberedBallots
from approvals.storage.notices import BROWSER, Notices, Whose
from approvals.storage.outbox import Outbox, OutboxItem, RunNotice, StoredOutbox, post
from approvals.storage.replay_guard import REPLAYABLE_FOR, HookAnswer, MemoryReplayGuard, ReplayGuard, StoredReplayGuard
from approvals.storage.tables import create_all, metadata
from approvals.storage.unit_of_work import Journal, Mailing

__all__ = [
    "BROWSER",
    "REPLAYABLE_FOR",
    "Directory",
    "HookAnswer",
    "Journal",
    "Mailing",
    "MemoryReplayGuard",
    "Notices",
    "Outbox",
    "OutboxItem",
    "RememberedBallots",
    "ReplayGuard",
    "RunNotice",
    "StoredBallots",
    "StoredOutbox",
    "StoredReplayGuard",
    "Whose",
    "create_all",
    "forget",
    "latest",
    "metadata",
    "post",
    "waiting",
]
