"""Asks humans, and makes their answers mean something: what was approved is exactly what happens."""

from approvals.ballot import MAX_REJECTS, Ballot, Decision, Grant, Page, Request, Revision, Terms, Voter
from approvals.contract import Ballots, Clock, People
from approvals.digest import action_digest, ballot_id, canonical, context_digest
from approvals.errors import refusal
from approvals.events import Fact, Notification, Topic
from approvals.grants import approve_the_like
from approvals.hitl import Resume, bound, interrupt_payload, parse_resume, read_resume
from approvals.policy import Mode, Policy, default_policy, read_policy
from approvals.rendering import ShownLine, ShownPiece, diff_lines, in_full, one_line, parts, visible

__all__ = [
    "MAX_REJECTS",
    "Ballot",
    "Ballots",
    "Clock",
    "Decision",
    "Fact",
    "Grant",
    "Mode",
    "Notification",
    "Page",
    "People",
    "Policy",
    "Request",
    "Resume",
    "Revision",
    "ShownLine",
    "ShownPiece",
    "Terms",
    "Topic",
    "Voter",
    "action_digest",
    "approve_the_like",
    "ballot_id",
    "bound",
    "canonical",
    "context_digest",
    "default_policy",
    "diff_lines",
    "in_full",
    "interrupt_payload",
    "one_line",
    "parse_resume",
    "parts",
    "read_policy",
    "read_resume",
    "refusal",
    "visible",
]
