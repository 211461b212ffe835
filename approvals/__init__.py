"""Asks humans, and makes their answers mean something: what was approved is exactly what happens."""

from approvals.ballot import MAX_REJECTS, Ballot, Decision, Grant, Page, Request, Revision, Terms, Voter
from approvals.connections import Connections, load_connections
from approvals.contract import Ballots, Clock, People
from approvals.database import StoredBallots
from approvals.digest import action_digest, ballot_id, canonical, context_digest
from approvals.erasure import forget
from approvals.following import latest
from approvals.guard import Guard
from approvals.happenings import Fact, Letter, Topic
from approvals.hitl import Answer as Resume
from approvals.hitl import bound, interrupt_payload, parse_resume, read_resume
from approvals.ledger import Journal, Mailing
from approvals.likes import approve_the_like
from approvals.links import Links, Ticket
from approvals.memory import Directory, RememberedBallots
from approvals.notify import Courier, new_client
from approvals.outbox import Outbox, Parcel, StoredOutbox
from approvals.outgoing import Endpoint, Subscriptions, due_again
from approvals.outgoing import headers as signed_headers
from approvals.page import HEADERS as PAGE_HEADERS
from approvals.page import render_page
from approvals.policy import Mode, Policy, default_policy, read_policy
from approvals.received import Answer, Memory, RememberedMessages, StoredMessages
from approvals.refusals import Conflict, Forbidden, Gone, Missing, Unauthenticated, Unprocessable, refusal
from approvals.show import Line, Piece, diff_lines, in_full, one_line, parts, visible
from approvals.sqlite import Connection as SqliteConnection
from approvals.sqlite import open_sqlite
from approvals.store import DatabaseUnavailable, create_all, open_engine, reading, sqlite_url, turnstile, writing
from approvals.tables import metadata
from approvals.waiting import waiting
from approvals.wal import Log as SqliteLog
from approvals.webhook import Hooks, Integration, refused_answer, voted_answer

__all__ = [
    "MAX_REJECTS",
    "PAGE_HEADERS",
    "Answer",
    "Ballot",
    "Ballots",
    "Clock",
    "Conflict",
    "Connections",
    "Courier",
    "DatabaseUnavailable",
    "Decision",
    "Directory",
    "Endpoint",
    "Fact",
    "Forbidden",
    "Gone",
    "Grant",
    "Guard",
    "Hooks",
    "Integration",
    "Journal",
    "Letter",
    "Line",
    "Links",
    "Mailing",
    "Memory",
    "Missing",
    "Mode",
    "Outbox",
    "Page",
    "Parcel",
    "People",
    "Piece",
    "Policy",
    "RememberedBallots",
    "RememberedMessages",
    "Request",
    "Resume",
    "Revision",
    "SqliteConnection",
    "SqliteLog",
    "StoredBallots",
    "StoredMessages",
    "StoredOutbox",
    "Subscriptions",
    "Terms",
    "Ticket",
    "Topic",
    "Unauthenticated",
    "Unprocessable",
    "Voter",
    "action_digest",
    "approve_the_like",
    "ballot_id",
    "bound",
    "canonical",
    "context_digest",
    "create_all",
    "default_policy",
    "diff_lines",
    "due_again",
    "forget",
    "in_full",
    "interrupt_payload",
    "latest",
    "load_connections",
    "metadata",
    "new_client",
    "one_line",
    "open_engine",
    "open_sqlite",
    "parse_resume",
    "parts",
    "read_policy",
    "read_resume",
    "reading",
    "refusal",
    "refused_answer",
    "render_page",
    "signed_headers",
    "sqlite_url",
    "turnstile",
    "visible",
    "voted_answer",
    "waiting",
    "writing",
]
