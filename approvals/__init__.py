"""Asks humans, and makes their answers mean something: what was approved is exactly what happens."""

from approvals.ballot import Ballot, Decision, Request, Revision, Terms, Voter
from approvals.contract import Ballots, Clock
from approvals.digest import action_digest, canonical
from approvals.errors import refusal
from approvals.events import AuditFact, Notification, PlanNotice
from approvals.hitl import bound, interrupt_payload, parse_resume, read_resume
from approvals.policy import Mode, Policy, default_policy, read_policy
from approvals.rendering import ShownLine, diff_lines, one_line, parts, pieces, visible
from approvals.voting import Voting

__all__ = [
    "AuditFact",
    "Ballot",
    "Ballots",
    "Clock",
    "Decision",
    "Mode",
    "Notification",
    "PlanNotice",
    "Policy",
    "Request",
    "Revision",
    "ShownLine",
    "Terms",
    "Voter",
    "Voting",
    "action_digest",
    "bound",
    "canonical",
    "default_policy",
    "diff_lines",
    "interrupt_payload",
    "one_line",
    "parse_resume",
    "parts",
    "pieces",
    "read_policy",
    "read_resume",
    "refusal",
    "visible",
]
