"""The words everybody uses. Knows Python and pydantic, nothing else."""

from domain._value import value
from domain.acceptance import MANIFESTS, below, environment, find_acceptance, run_in
from domain.action import Action, ActionKind
from domain.change import CodeChange, FileEdit, Hunk, Issue, NewFile, Review, Score, Scores
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
    LeftOut,
    Outcome,
    Output,
    Proof,
    TestCase,
    TestReport,
)
from domain.failures import failure_kind
from domain.identity.addresses import ensure_no_credential, redacted, split_credential
from domain.identity.names import alike, people, person, respelled
from domain.identity.reachable import globally_reachable
from domain.limits import QUESTION, ensure_within, looping
from domain.progress import Attempt, Pending, Selection
from domain.reports import read_report
from domain.text.charsets import DECLARING, Charsets, declarations
from domain.text.edits import NotOnce, replaced, rewritten, written
from domain.text.encoding import TextFile, decoded, dominant, universal
from domain.text.line_matching import matching
from domain.text.strict_json import ODD_TEXT, OddJson, read_json
from domain.text.untrusted import YamlLoader, json_value, python_tree, whole_number, yaml_excess, yaml_value
from domain.weakening import is_test, weakened
from domain.work import ApiDesign, Budget, Delivery, Ending, Line, Name, Plan, Profile, Prose, Spent, Step, Task

__all__ = [
    "DECLARING",
    "MANIFESTS",
    "ODD_TEXT",
    "QUESTION",
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
    "LeftOut",
    "Line",
    "Name",
    "NewFile",
    "NotOnce",
    "OddJson",
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
    "YamlLoader",
    "alike",
    "below",
    "check_plan",
    "declarations",
    "decoded",
    "dominant",
    "ensure_no_credential",
    "ensure_within",
    "environment",
    "failure_kind",
    "find_acceptance",
    "globally_reachable",
    "is_test",
    "json_value",
    "looping",
    "matching",
    "people",
    "person",
    "python_tree",
    "read_json",
    "read_report",
    "ready",
    "redacted",
    "replaced",
    "respelled",
    "rewritten",
    "run_in",
    "split_credential",
    "universal",
    "value",
    "weakened",
    "whole_number",
    "written",
    "yaml_excess",
    "yaml_value",
]
