"""The values that everybody uses, and the errors. Knows Python and pydantic, nothing else.

What fewer rooms need is behind doors of its own: a module's (``domain.coder``, ``domain.evidence`` …), which is also
the name that checkpoints know its types by, or a folder's (``domain.text``, ``domain.identity``, ``domain.masking``).
"""

from domain._value import value
from domain.action import Action
from domain.change import CodeChange, FileEdit, NewFile, Review
from domain.decision import TIERS, Reason, Requirement, Risk, Tier, Verdict
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
from domain.events import Event
from domain.evidence import CommandRun
from domain.work import Budget, Ending, Plan, Spent, Step, Task

__all__ = [
    "TIERS",
    "Action",
    "Broken",
    "Budget",
    "CodeChange",
    "CommandRun",
    "ContextTooLong",
    "Ending",
    "Event",
    "Exhausted",
    "FileEdit",
    "NewFile",
    "Plan",
    "RateLimited",
    "Reason",
    "Refused",
    "Requirement",
    "Review",
    "Risk",
    "SandboxLost",
    "SignoffError",
    "Spent",
    "Step",
    "Task",
    "Tier",
    "Transient",
    "Unavailable",
    "Unreadable",
    "Verdict",
    "value",
]
