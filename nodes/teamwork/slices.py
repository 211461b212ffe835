"""Slices of the state that a team reads and writes, and the board on which one visit works them out."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NotRequired, TypedDict

from domain import CommandRun, Plan, Spent, Task, Verdict
from domain.coder import OpenQuestion
from domain.evidence import Evidence, Finding
from domain.progress import Attempt, Pending
from domain.team import Team, TeamWorker, landed
from models import Message
from sandbox import Pinned, Snapshot


class TeamInput(TypedDict):
    run: str
    org: str
    task: Task
    pinned: Pinned
    expert: str
    plan: Plan
    baseline: CommandRun
    context: str
    snapshot: Snapshot
    spent: Spent
    round: int
    team: Team | None
    team_snapshots: NotRequired[tuple[Snapshot, ...]]
    team_transcripts: NotRequired[tuple[tuple[Message, ...], ...]]
    worker: NotRequired[str]
    pending: NotRequired[Pending | None]
    question: NotRequired[OpenQuestion | None]
    verdict: NotRequired[Verdict | None]


class TeamUpdate(TypedDict, total=False):
    task: Task
    """With what was learnt of it: that a worker has read text from outsiders."""
    team: Team
    team_snapshots: tuple[Snapshot, ...]
    team_transcripts: tuple[tuple[Message, ...], ...]
    worker: str
    snapshot: Snapshot
    good: Snapshot
    done: tuple[str, ...]
    attempts: tuple[Attempt, ...]
    evidence: tuple[Evidence, ...]
    findings: tuple[Finding, ...]
    pending: Pending | None
    question: OpenQuestion | None
    verdict: Verdict | None
    spent: Spent


@dataclass(slots=True)
class Board:
    """How a team stands within one visit. What is written on it becomes part of the state at once, or not at all."""

    team: Team
    trunk: Snapshot
    snapshots: list[Snapshot]
    transcripts: list[tuple[Message, ...]]
    spent: Spent
    task: Task

    @classmethod
    def of(cls, state: TeamInput) -> "Board":
        """The board as the last visit left it; a new plan begins with none of the old workers."""
        team = state["team"] or Team()
        board = cls(
            team=team,
            trunk=state["snapshot"],
            snapshots=list(state.get("team_snapshots", ())),
            transcripts=list(state.get("team_transcripts", ())),
            spent=state["spent"],
            task=state["task"],
        )
        # The same plan again, after a spent budget say, goes on where it was.
        if team.round != state["round"] or team.outcome:
            past = (replace(each, turns=(), evidence=(), pending=None, question=None) for each in team.workers)
            board.team = Team(
                size=team.size,
                round=state["round"],
                number=team.number + bool(team.workers),
                # What landed before this plan is part of its trunk, unless one coder has changed that since.
                trunk_run=team.trunk_run if team.trunk == state["snapshot"].tree else None,
                trunk=team.trunk,
                earlier=(*team.earlier, *past)[-100:],
            )
            board.snapshots, board.transcripts = [], []
        return board

    def add(self, worker: TeamWorker) -> None:
        """A worker begins, from the trunk as it is."""
        tree = self.trunk.tree
        self.team = replace(self.team, workers=(*self.team.workers, replace(worker, base=tree, tree=tree)))
        self.snapshots.append(self.trunk)
        self.transcripts.append(())

    def place(self, worker: str) -> int:
        """The place of a worker, in all three."""
        return next(n for n, each in enumerate(self.team.workers) if each.id == worker)

    def worker(self, named: str) -> TeamWorker:
        """A worker by its name."""
        return self.team.workers[self.place(named)]

    def change(self, named: str, change: Callable[[TeamWorker], TeamWorker]) -> TeamWorker:
        """Put another value in the place of a worker."""
        at = self.place(named)
        changed = change(self.team.workers[at])
        self.team = replace(self.team, workers=(*self.team.workers[:at], changed, *self.team.workers[at + 1 :]))
        return changed

    def land(self, named: str) -> None:
        """A worker's branch is part of the trunk from here on, or changed nothing."""
        order = sum(each.status == "landed" for each in self.team.workers) + 1
        self.change(named, lambda each: replace(each, status="landed", order=order, turns=()))

    def update(self) -> TeamUpdate:
        """What the state becomes."""
        return {
            "team": self.team,
            "team_snapshots": tuple(self.snapshots),
            "team_transcripts": tuple(self.transcripts),
            "snapshot": self.trunk,
            "good": self.trunk,
            "done": landed(self.team),
            "spent": self.spent,
            "task": self.task,
        }
