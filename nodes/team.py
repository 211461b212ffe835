"""Supervise a team: hand steps out, take in what workers and merges came to, ask people when nothing else can be done.

One visit is what happens until the next turn or merge ends. The rules are here and in ``domain.team``; no model is
asked.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from langgraph.types import interrupt

from domain import Exhausted, Spent
from domain.change import CodeChange
from domain.coder import OpenQuestion, answer_in
from domain.evidence import Finding
from domain.limits import ensure_within
from domain.progress import Attempt
from domain.team import NEUTRAL, fair_share, first_batch, handed_out, stopped_by, unfinished
from models import Message
from nodes._events import announce
from nodes._models import Clock
from nodes.coder.changes import ChangeRunner
from nodes.teamwork.merging import BranchMerge, MergeQueue, answered
from nodes.teamwork.running import RunningTasks
from nodes.teamwork.slices import Board, TeamInput, TeamUpdate
from nodes.teamwork.turns import WorkerTurn, WorkerTurns, broken_off

MERGING = "merge"


@dataclass(frozen=True, slots=True, kw_only=True)
class Supervisor:
    """Leads the workers of a run."""

    changes: ChangeRunner
    turns: WorkerTurns
    queue: MergeQueue
    clock: Clock
    running: RunningTasks[WorkerTurn | BranchMerge] = field(default_factory=RunningTasks[WorkerTurn | BranchMerge])

    async def __call__(self, state: TeamInput) -> TeamUpdate:
        # An interrupt comes before everything else; nothing is under way while people are asked.
        board, question = Board.of(state), state.get("question")
        if question is not None:
            self.hand_on(board, question)
        try:
            await self.changes.ensure_alive(state)
            if state.get("worker") and state.get("pending") is not None:
                await self.decided(state, board)
                return {**board.update(), "worker": "", "pending": None, "verdict": None}
            update = await self.visit(state, board)
        except BaseException:
            await self.running.stop(state["run"])
            raise
        return {**update, "question": update.get("question"), "worker": update.get("worker", "")}

    async def visit(self, state: TeamInput, board: Board) -> TeamUpdate:
        run = state["run"]
        if run not in self.running.problems:
            self.begin(state, board)
        if self.running.of(run):
            for each in await self.running.ended(run):
                await self.take_in(state, board, each)
            return board.update()
        if (problem := self.running.problems.pop(run, None)) is not None:
            raise problem
        return self.asked(board) or self.concluded(state, board)

    def begin(self, state: TeamInput, board: Board) -> None:
        """Hand out what is ready, and begin every turn and merge that can begin."""
        run, task, plan = state["run"], state["task"], state["plan"]
        for new in handed_out(plan, board.team):
            board.add(replace(new, limit=fair_share(plan, board.team, task.budget, board.spent)))
        under_way = self.running.of(run)
        turns = [each for each in board.team.workers if each.status == "working" and each.id not in under_way]
        for worker in turns:
            try:
                # Turns that are under way count as if they had been booked: the budget is one for all.
                taken = Spent(steps=sum(piece != MERGING for piece in self.running.of(run)))
                ensure_within(task.budget, board.spent + taken, started_at=task.received_at, now=self.clock())
            except Exhausted as problem:
                if not self.running.of(run):
                    raise
                self.running.problems[run] = problem
                return
            at = board.place(worker.id)
            now: TeamInput = {**state, "team": board.team, "spent": board.spent, "task": board.task}
            self.running.begin(run, worker.id, self.turns(now, worker, board.snapshots[at], board.transcripts[at]))
        if MERGING not in under_way and (batch := first_batch(board.team.workers)):
            self.running.begin(run, MERGING, self.queue(state, board.team, batch, board.trunk))

    async def take_in(self, state: TeamInput, board: Board, each: WorkerTurn | BranchMerge) -> None:
        """Write what a turn or a merge came to on the board."""
        board.spent += each.spent
        if each.error is not None and isinstance(each, BranchMerge):
            self.running.problems.setdefault(state["run"], each.error)
        elif isinstance(each, BranchMerge):
            await self.merged(state, board, each)
        else:
            await self.took_turn(state, board, each)

    async def took_turn(self, state: TeamInput, board: Board, turn: WorkerTurn) -> None:
        run, worker = state["run"], turn.worker
        if turn.error is not None:
            after = broken_off(worker, turn.error)
            if after is None:
                # What the others are at is still taken in: it is paid for.
                self.running.problems.setdefault(run, turn.error)
                return
            worker = after
        at = board.place(worker.id)
        board.change(worker.id, lambda _: worker)
        board.snapshots[at], board.transcripts[at] = turn.snapshot, turn.transcript
        if turn.outside and not board.task.outside:
            board.task = replace(board.task, outside=True)
        if worker.status == "stopped":
            announce("note", f"Worker {worker.id} is stopped: {worker.note}", subject="team", worker=worker.id)
        if worker.status == "queued" and not worker.touched:
            board.land(worker.id)
            announce("note", f"Worker {worker.id} is done and changed nothing.", subject="team", worker=worker.id)
        if worker.status not in {"working", "asking"}:
            await self.changes.workspaces.leave(run, f"worker-{worker.id}")

    async def merged(self, state: TeamInput, board: Board, merge: BranchMerge) -> None:
        """Land what is proved, and send back what is not."""
        run = state["run"]
        if merge.ok:
            label = f"trunk.{sum(each.status == 'landed' for each in board.team.workers) + len(merge.workers)}"
            store = self.changes.store
            board.trunk = await store.keep(run, label, (merge.tree, merge.tree, "-"), b"")
            board.team = replace(board.team, trunk_run=merge.run, trunk=merge.tree)
            for worker in merge.workers:
                board.land(worker)
            announce("note", f"Landed: {', '.join(merge.workers)}", subject="merge", tree=merge.tree)
        elif len(merge.workers) > 1:
            for worker in merge.workers:
                board.change(worker, lambda each: replace(each, alone=True))
            announce("note", f"Together they fail, so each is tried alone: {', '.join(merge.workers)}", subject="merge")
        back = [*merge.conflicts, *(merge.workers if not merge.ok and len(merge.workers) == 1 else ())]
        for worker in back:
            await self.send_back(state, board, worker, merge)

    async def send_back(self, state: TeamInput, board: Board, named: str, merge: BranchMerge) -> None:
        worker, at = board.worker(named), board.place(named)
        snapshot, transcript, why = await self.queue.returned(state, board, worker, merge)
        counted = replace(worker, returns=worker.returns + 1, note=why)
        announce("note", f"Worker {named} gets its branch back: {why}", subject="merge", worker=named)
        if reason := stopped_by(replace(counted, taken=0, turns=())):
            # Its branch stays as it wrote it: who comes next sees it beside what landed.
            board.change(named, lambda _: replace(counted, status="stopped", note=reason))
            announce("note", f"Worker {named} is stopped: {reason}", subject="team", worker=named)
            return
        board.snapshots[at], board.transcripts[at] = snapshot, transcript
        board.change(
            named,
            lambda _: replace(
                counted,
                status="working",
                base=merge.trunk,
                tree=snapshot.tree,
                done=(),
                tries=0,
                touched=(),
                limit=worker.limit + fair_share(state["plan"], board.team, state["task"].budget, board.spent) // 2,
            ),
        )

    def asked(self, board: Board) -> TeamUpdate | None:
        """Ask people, now that nobody can go on without: all questions in one, else for the first signature."""
        asking = [each for each in board.team.workers if each.status == "asking"]
        questions = [(each.id, each.question) for each in asking if each.question is not None]
        if questions:
            words = "\n\n".join(
                question.text if len(questions) == 1 else f"{worker}: {question.text}" for worker, question in questions
            )
            since = [question.asked_at for _, question in questions if question.asked_at is not None]
            first = questions[0][1]
            asked = replace(first, text=words[:20_000], asked_at=max(since, default=None), call="")
            return {**board.update(), "question": asked, "worker": questions[0][0]}
        if asking:
            return {**board.update(), "pending": asking[0].pending, "worker": asking[0].id, "verdict": None}
        return None

    def hand_on(self, board: Board, question: OpenQuestion) -> None:
        """Give the person's answer to every worker that asked; the run waits here until there is one."""
        answer, waited = question.answer, 0.0
        while answer is None:
            answer = answer_in(interrupt(question.payload))
        until = question.answered_at or self.clock()
        if question.asked_at is not None:
            waited = max(0.0, (until - question.asked_at).total_seconds())
        board.spent += Spent(waited_seconds=waited)
        for each in [each for each in board.team.workers if each.status == "asking" and each.question is not None]:
            assert each.question is not None  # noqa: S101  just looked at
            own = replace(
                each.question, answer=answer, answered_by=question.answered_by, answered_at=until, asked_at=None
            )
            board.change(each.id, lambda worker, own=own: replace(worker, status="working", question=own))

    async def decided(self, state: TeamInput, board: Board) -> None:
        """Do what was signed, or tell its worker that it was rejected and why."""
        named, verdict = state.get("worker", ""), state.get("verdict")
        worker, at = board.worker(named), board.place(named)
        if verdict is not None and verdict.state == "rejected":
            words = Message(
                role="user", content=f"A person rejected this, and nothing of it was done:\n{verdict.feedback}"
            )
            board.transcripts[at] = answered(board.transcripts[at], [words])
            board.change(named, lambda each: replace(each, status="working", pending=None))
            return
        # Nothing else is under way. It is done within this visit, while the state still says that it was signed.
        signed = replace(worker, pending=state.get("pending"))
        await self.take_in(state, board, await self.turns(state, signed, board.snapshots[at], board.transcripts[at]))
        if (problem := self.running.problems.pop(state["run"], None)) is not None:
            raise problem

    def concluded(self, state: TeamInput, board: Board) -> TeamUpdate:
        """Nothing is under way and nobody waits: every branch landed, or some step cannot be done."""
        plan, team = state["plan"], board.team
        left = unfinished(plan, team)
        board.team = replace(team, outcome="stuck" if left else "landed")
        done: Sequence[str] = [step.title for step in plan.steps if step not in left]
        message = "\n".join([plan.goal.partition("\n")[0], "", *(f"* {title}" for title in done)])
        attempts = (Attempt(step=plan.steps[-1].id, change=CodeChange(commit_message=message[:20_000])),)
        update: TeamUpdate = {**board.update(), "attempts": attempts}
        if left:
            stuck = [each for each in team.workers if each.status == "stopped" and each.attempt >= NEUTRAL]
            notes = [f"step {each.step} ({each.id}, branch {each.tree[:12]}): {each.note}" for each in stuck]
            blocked = [step.id for step in left if step.id not in {each.step for each in stuck}]
            notes += [f"not begun, because it needs another one: {', '.join(blocked)}"] if blocked else []
            update["findings"] = tuple(Finding(kind="limit", message=note[:2_000]) for note in notes)
        return update
