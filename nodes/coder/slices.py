"""Slices of the state that the coder reads and writes."""

from typing import NotRequired, TypedDict

from domain import CommandRun, Ending, Plan, Spent, Task, Verdict
from domain.acceptance import narrowed
from domain.coder import CoderTurn, OpenQuestion
from domain.evidence import Evidence
from domain.progress import Attempt, CandidateLoop, Pending, Selection, working
from domain.reports import read_report
from models import Message
from nodes._commands import plain
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
    worker: NotRequired[str]
    """Of a team, whose turn this is; empty: the run has one coder."""
    loops: NotRequired[tuple[CandidateLoop, ...]]
    loop_snapshots: NotRequired[tuple[Snapshot, ...]]
    loop_transcripts: NotRequired[tuple[tuple[Message, ...], ...]]
    evidence: NotRequired[tuple[Evidence, ...]]
    pending: NotRequired[Pending | None]
    question: NotRequired[OpenQuestion | None]
    verdict: NotRequired[Verdict | None]


class ExecuteUpdate(TypedDict, total=False):
    task: Task
    """With what was learnt of it: that the run has read text from outsiders."""
    attempts: tuple[Attempt, ...]
    choices: tuple[Selection, ...]
    loops: tuple[CandidateLoop, ...]
    loop_snapshots: tuple[Snapshot, ...]
    loop_transcripts: tuple[tuple[Message, ...], ...]
    transcript: tuple[Message, ...]
    turns: tuple[CoderTurn, ...]
    evidence: tuple[Evidence, ...]
    done: tuple[str, ...]
    snapshot: Snapshot
    good: Snapshot
    pending: Pending | None
    question: OpenQuestion | None
    verdict: Verdict | None
    spent: Spent
    tries: int


class ObserveInput(TypedDict):
    run: str
    task: Task
    plan: Plan
    baseline: CommandRun
    attempts: NotRequired[tuple[Attempt, ...]]
    pending: NotRequired[Pending | None]
    question: NotRequired[OpenQuestion | None]
    evidence: NotRequired[tuple[Evidence, ...]]
    transcript: NotRequired[tuple[Message, ...]]
    loops: NotRequired[tuple[CandidateLoop, ...]]
    turns: NotRequired[tuple[CoderTurn, ...]]
    done: tuple[str, ...]
    snapshot: Snapshot
    good: Snapshot
    tries: NotRequired[int]
    submodules: NotRequired[tuple[str, ...]]


class ObserveUpdate(TypedDict, total=False):
    evidence: tuple[Evidence, ...]
    transcript: tuple[Message, ...]
    turns: tuple[CoderTurn, ...]
    done: tuple[str, ...]
    good: Snapshot
    tries: int
    ending: Ending | None


def accept_of(state: ExecuteInput) -> str:
    """The task's own acceptance command: a plan may not make it easier to be right."""
    return state["task"].accept or ""


def shown_by(state: ExecuteInput) -> str:
    """What shows in the coder's rounds whether the failure is gone: of a slow suite the tests that failed before."""
    return narrowed(accept_of(state), state["baseline"], read_report(plain(state["baseline"])))


def lane_of(state: ExecuteInput) -> str:
    """The workspace that is worked in: that of the worker or the candidate whose turn it is, or the run's own."""
    if worker := state.get("worker"):
        return f"worker-{worker}"
    loop = working(state.get("loops", ()))
    return "main" if loop is None else loop.id
