"""Slices of the state that the coder reads and writes."""

from typing import NotRequired, TypedDict

from domain import CommandRun, Plan, Spent, Task, Verdict
from domain.coder import CoderTurn, OpenQuestion
from domain.evidence import Evidence
from domain.progress import Attempt, Pending, Selection
from models import Message
from sandbox import Pinned, Snapshot


class ExecuteInput(TypedDict):
    run: str
    org: str
    task: Task
    pinned: Pinned
    expert: str
    plan: Plan
    baseline: CommandRun
    context: str
    snapshot: Snapshot
    done: tuple[str, ...]
    spent: Spent
    tries: NotRequired[int]
    transcript: NotRequired[tuple[Message, ...]]
    turns: NotRequired[tuple[CoderTurn, ...]]
    choices: NotRequired[tuple[Selection, ...]]
    evidence: NotRequired[tuple[Evidence, ...]]
    pending: NotRequired[Pending | None]
    question: NotRequired[OpenQuestion | None]
    verdict: NotRequired[Verdict | None]


class ExecuteUpdate(TypedDict, total=False):
    attempts: tuple[Attempt, ...]
    choices: tuple[Selection, ...]
    transcript: tuple[Message, ...]
    snapshot: Snapshot
    pending: Pending | None
    question: OpenQuestion | None
    verdict: Verdict | None
    spent: Spent
    tries: int


def accept_of(state: ExecuteInput) -> str:
    """The task's own acceptance command: a plan may not make it easier to be right."""
    return state["task"].accept or ""
