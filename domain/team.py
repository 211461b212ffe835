"""Team of a run: workers that share the steps of its plan, the queue in which their branches are merged. Pure.

A worker is a loop of the coder with a branch of its own. What of it is done stands here; its files and its conversation
stand beside it in the state. The trunk is the tree that is delivered: a branch becomes part of it in one update of
the state, together with its worker's ``landed``, so nothing is merged twice and nothing by half.
"""

from collections.abc import Collection, Sequence
from typing import Literal

from domain._value import value
from domain.coder import CoderTurn, OpenQuestion
from domain.evidence import CommandRun, Evidence
from domain.limits import LOOP, TURNS_SPENT
from domain.progress import Pending
from domain.reports import read_report
from domain.work import Budget, Name, Plan, Prose, Spent, Step, TeamRole, ready

__all__ = [
    "MOST_RETURNS",
    "Team",
    "TeamWorker",
    "WorkerStatus",
    "fair_share",
    "first_batch",
    "handed_out",
    "landed",
    "regressions",
    "stopped_by",
    "unfinished",
    "worker_id",
]

MOST_RETURNS = 3
"""So often a branch goes back to its author; then a worker who did not write it tries."""
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
    outcome: Literal["", "landed", "stuck"] = ""
    earlier: tuple[TeamWorker, ...] = ()
    """Of earlier plans, without their turns: their branches are kept."""


def worker_id(step: str, *, team: int = 0, attempt: int = AUTHOR) -> str:
    """The name of a worker, which no other one of the run has."""
    return "/".join([*([f"plan-{team + 1}"] if team else []), step, *([str(attempt)] if attempt > AUTHOR else [])])


def landed(team: Team) -> tuple[str, ...]:
    """Steps whose branch is part of the trunk, in the order in which they landed."""
    there = sorted((each for each in team.workers if each.status == "landed"), key=lambda each: each.order)
    return tuple(each.step for each in there)


def handed_out(plan: Plan, team: Team) -> tuple[TeamWorker, ...]:
    """The workers that begin now: for each step that is ready and free, as far as there is room.

    A step of a worker that was stopped is given to another one, once. Steps that will change the same file are not
    worked on at the same time.
    """
    busy = [each for each in team.workers if each.status in {"working", "asking"}]
    steps = {step.id: step for step in plan.steps}
    # What waits to be merged is still ahead of the trunk that a new worker would begin with.
    ahead = [each for each in team.workers if each.status in {"working", "asking", "queued"}]
    files = {path for each in ahead for path in (*steps[each.step].files, *each.touched)}
    new: list[TeamWorker] = []
    for step in ready(plan, landed(team)):
        earlier = [each for each in team.workers if each.step == step.id]
        if len(busy) + len(new) >= team.size:
            break
        if any(each.status != "stopped" for each in earlier) or len(earlier) >= NEUTRAL or files & {*step.files}:
            continue
        attempt = len(earlier) + 1
        name = worker_id(step.id, team=team.number, attempt=attempt)
        new.append(TeamWorker(id=name, step=step.id, role=step.role, attempt=attempt))
        files |= {*step.files}
    return tuple(new)


def first_batch(workers: Sequence[TeamWorker]) -> tuple[TeamWorker, ...]:
    """The branches that are merged next, together: the first in the queue, and all behind it that touch other files."""
    queue = [each for each in workers if each.status == "queued"]
    if queue and queue[0].alone:
        return (queue[0],)
    batch, touched = list[TeamWorker](), set[str]()
    for each in queue:
        if not each.alone and not touched & {*each.touched}:
            batch.append(each)
            touched |= {*each.touched}
    return tuple(batch)


def unfinished(plan: Plan, team: Team) -> tuple[Step, ...]:
    """Steps whose branch is no part of the trunk."""
    there = landed(team)
    return tuple(step for step in plan.steps if step.id not in there)


def fair_share(plan: Plan, team: Team, budget: Budget, spent: Spent) -> int:
    """The turns that a worker which begins now may take: an equal part of those that are left, for each open step."""
    left = max(0, budget.max_steps - spent.steps)
    return max(FEWEST_TURNS, left // max(1, len(unfinished(plan, team))))


def stopped_by(worker: TeamWorker) -> str:
    """Why a worker may not go on; empty: it may. The rules are the same for every model."""
    code = worker.turns[-1].code if worker.turns else ""
    if code == LOOP:
        return "It went in circles."
    if code == TURNS_SPENT:
        return "Its turns went by without an edit."
    if worker.returns > MOST_RETURNS:
        return f"Its branch came back from the merge queue {worker.returns} times: {worker.note}"[:2_000]
    if worker.taken >= worker.limit:
        return f"It used its share of {worker.limit} turns and was not done."
    return ""


def regressions(before: CommandRun, after: CommandRun, printed: tuple[str, str]) -> tuple[str, ...] | None:
    """Tests that fail on the merged tree and did not on the trunk; None: nothing can be said beside the exit code.

    Args:
        before: the acceptance command on the trunk.
        after: on the merged tree.
        printed: what each of them printed.
    """
    if after.ended != "exit" or before.ended != "exit":
        return None
    old, new = map(read_report, printed)
    reports = [each for each in (old, new) if each is not None]
    if len(reports) < len(printed) or not all(len(each.cases) == each.failed + each.errors for each in reports):
        return None
    failing_before: Collection[str] = {case.id for case in reports[0].cases}
    return tuple(sorted({case.id for case in reports[1].cases} - set(failing_before)))
