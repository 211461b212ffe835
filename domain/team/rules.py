"""Rules of a team: who begins, what is merged together, who is stopped. Pure; no model is asked."""

from collections.abc import Collection, Sequence

from domain.evidence import CommandRun
from domain.limits import LOOP, TURNS_SPENT
from domain.reports import read_report
from domain.team.workers import AUTHOR, FEWEST_TURNS, NEUTRAL, Team, TeamWorker
from domain.work import Budget, Plan, Spent, Step, ready

MOST_RETURNS = 3
"""So often a branch goes back to its author; then a worker who did not write it tries."""


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
