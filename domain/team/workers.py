"""Team of a run: workers that share the steps of its plan, the queue in which their branches are merged. Pure.

A worker is a loop of the coder with a branch of its own. What of it is done stands here; its files and its conversation
stand beside it in the state. The trunk is the tree that is delivered: a branch becomes part of it in one update of
the state, together with its worker's ``landed``, so nothing is merged twice and nothing by half.
"""

from typing import Literal

from domain._value import value
from domain.coder import CoderTurn, OpenQuestion
from domain.evidence import CommandRun, Evidence
from domain.progress import Pending
from domain.work import Name, Prose, TeamRole

AUTHOR, NEUTRAL = 1, 2
"""Attempts at a step: by its author, then by a worker that sees what both sides wanted."""
FEWEST_TURNS = 12
"""Of a worker, however many share what is left."""

WorkerStatus = Literal["working", "asking", "queued", "landed", "stopped"]
"""``asking``: it waits for a person. ``queued``: its branch waits to be merged. ``stopped``: it came to nothing."""


@value
class TeamWorker:
    """One worker: the step it was given, its branch, and how far it is."""

    id: Name
    step: Name
    role: TeamRole = "coder"
    status: WorkerStatus = "working"
    attempt: int = AUTHOR
    base: Name = ""
    """The tree of the trunk that its branch starts from."""
    tree: Name = ""
    """Of its branch; it is kept, whatever became of it."""
    touched: tuple[str, ...] = ()
    """Paths in which the branch differs from its base, once it is done."""
    limit: int = FEWEST_TURNS
    """Turns that it may take: its share of what the run has left."""
    taken: int = 0
    faults: int = 0
    """Turns that broke off since the last one that did not."""
    returns: int = 0
    """How often its branch came back from the merge queue."""
    alone: bool = False
    """It was merged together with others, and the acceptance command failed: it is tried by itself."""
    order: int = 0
    """The how manieth branch it was that landed, from 1."""
    note: Prose = ""
    """Why it was stopped, or what it was sent back for last."""
    done: tuple[str, ...] = ()
    turns: tuple[CoderTurn, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    tries: int = 0
    pending: Pending | None = None
    question: OpenQuestion | None = None


@value
class Team:
    """The workers of a run, in the order in which they began."""

    size: int = 1
    round: int = 0
    """Of planning, that they work for."""
    number: int = 0
    """How many teams the run had before this one: a new plan has new workers."""
    workers: tuple[TeamWorker, ...] = ()
    trunk_run: CommandRun | None = None
    """The acceptance command on the trunk as it is; None: on the base (``baseline``)."""
    trunk: Name = ""
    """The tree that ``trunk_run`` is about."""
    outcome: Literal["", "landed", "stuck"] = ""
    earlier: tuple[TeamWorker, ...] = ()
    """Of earlier plans, without their turns: their branches are kept."""
