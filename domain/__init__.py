"""The words everybody uses. Knows Python and pydantic, nothing else."""

from domain._value import value
from domain.acceptance import MANIFESTS, below, environment, find_acceptance, run_in
from domain.action import Action, ActionKind
from domain.change import CodeChange, FileEdit, Hunk, Issue, NewFile, Review, Score, Scores
from domain.charsets import DECLARING, Charsets, declarations
from domain.dag import check_plan, ready
from domain.decision import (
    TIERS,
    BallotState,
    Choice,
    Reason,
    Requirement,
    Risk,
    Tier,
    Verdict,
    Vote,
)
from domain.errors import (
    Broken,
    ContextTooLong,
    Exhausted,
    RateLimited,
    Refused,
    SandboxLost,
    SignoffError,
    Transient,
    Unavailable,
    Unreadable,
)
from domain.events import Event, EventKind
from domain.evidence import (
    Candidate,
    CommandRun,
    Evidence,
    FailureKind,
    Finding,
    Outcome,
    Output,
    Proof,
    TestCase,
    TestReport,
)
from domain.failures import failure_kind
from domain.limits import ensure_within, looping
from domain.line_matching import matching
from domain.progress import Attempt, Pending, Selection
from domain.reports import read_report
from domain.text_edits import NotOnce, replaced, rewritten, written
from domain.text_encoding import TextFile, decoded, dominant, universal
from domain.weakening import is_test, weakened
from domain.work import ApiDesign, Budget, Delivery, Ending, Line, Name, Plan, Profile, Prose, Spent, Step, Task

__all__ = [
    "DECLARING",
    "MANIFESTS",
    "TIERS",
    "Action",
    "ActionKind",
    "ApiDesign",
    "Attempt",
    "BallotState",
    "Broken",
    "Budget",
    "Candidate",
    "Charsets",
    "Choice",
    "CodeChange",
    "CommandRun",
    "ContextTooLong",
    "Delivery",
    "Ending",
    "Event",
    "EventKind",
    "Evidence",
    "Exhausted",
    "FailureKind",
    "FileEdit",
    "Finding",
    "Hunk",
    "Issue",
    "Line",
    "Name",
    "NewFile",
    "NotOnce",
    "Outcome",
    "Output",
    "Pending",
    "Plan",
    "Profile",
    "Proof",
    "Prose",
    "RateLimited",
    "Reason",
    "Refused",
    "Requirement",
    "Review",
    "Risk",
    "SandboxLost",
    "Score",
    "Scores",
    "Selection",
    "SignoffError",
    "Spent",
    "Step",
    "Task",
    "TestCase",
    "TestReport",
    "TextFile",
    "Tier",
    "Transient",
    "Unavailable",
    "Unreadable",
    "Verdict",
    "Vote",
    "below",
    "check_plan",
    "declarations",
    "decoded",
    "dominant",
    "ensure_within",
    "environment",
    "failure_kind",
    "find_acceptance",
    "is_test",
    "looping",
    "matching",
    "read_report",
    "ready",
    "replaced",
    "rewritten",
    "run_in",
    "universal",
    "value",
    "weakened",
    "written",
]
