"""Asks humans, and makes their answers mean something: what was approved is exactly what happens."""

from approvals.contract import (
    MAX_REJECTS,
    Ballot,
    Ballots,
    Clock,
    Decision,
    Fact,
    Grant,
    Letter,
    Page,
    People,
    Request,
    Revision,
    Terms,
    Voter,
)
from approvals.database import Journal, Mailing, StoredBallots
from approvals.digest import action_digest, ballot_id, canonical, context_digest
from approvals.following import latest
from approvals.memory import Directory, RememberedBallots
from approvals.policy import Mode, Policy, default_policy, read_policy
from approvals.refusals import Conflict, Forbidden, Gone, Missing, Unauthenticated, Unprocessable, refusal
from approvals.store import DatabaseUnavailable, create_all, open_engine, reading, sqlite_url, writing

__all__ = [
    "MAX_REJECTS",
    "Ballot",
    "Ballots",
    "Clock",
    "Conflict",
    "DatabaseUnavailable",
    "Decision",
    "Directory",
    "Fact",
    "Forbidden",
    "Gone",
    "Grant",
    "Journal",
    "Letter",
    "Mailing",
    "Missing",
    "Mode",
    "Page",
    "People",
    "Policy",
    "RememberedBallots",
    "Request",
    "Revision",
    "StoredBallots",
    "Terms",
    "Unauthenticated",
    "Unprocessable",
    "Voter",
    "action_digest",
    "ballot_id",
    "canonical",
    "context_digest",
    "create_all",
    "default_policy",
    "latest",
    "open_engine",
    "read_policy",
    "reading",
    "refusal",
    "sqlite_url",
    "writing",
]
