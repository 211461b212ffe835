"""Changes carried out: rated, applied to what is delivered and to the workspace, their commands run, the result saved.

The workspace is saved here and not in ``observe``: a crash between the two would otherwise leave a state that says
"applied" beside a workspace that is not.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import zip_longest

from opentelemetry.trace import Tracer

from approvals import Ballots, action_digest, refusal
from domain import Action, CodeChange, CommandRun, Refused, Risk, SandboxLost, SignoffError, Spent
from domain.acceptance import environment, seconds_after
from domain.change import mode_changes
from domain.progress import Attempt, Pending
from nodes._commands import clip, listed, run_command
from nodes._events import announce
from nodes._masking import Masks, unmasked
from nodes._models import Asking, Require
from nodes.coder.slices import ExecuteInput, ExecuteUpdate, lane_of, shown_by
from nodes.rating.rules import denied, rate, ruled, shell_arguments
from retrieval import IndexFolder
from risk import RiskEngine
from sandbox import REPO, Deliverable, Snapshot, Store, Workspace, Workspaces

COMMAND_SECONDS = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRunner:
    """Does what the coder wants, once it is rated and, where that is needed, signed."""

    workspaces: Workspaces
    store: Store
    masks: Masks
    engine: RiskEngine
    require: Require
    ballots: Ballots
    tracer: Tracer
    indexes: IndexFolder = field(default_factory=IndexFolder)

    async def ensure_alive(self, state: Asking) -> None:
        """The kill switch holds before every model call, edit and command, not only between nodes."""
        if await self.ballots.killed(state["run"], state["org"]):
            raise refusal("run_killed", f"Run {state['run']} was stopped for good.")

    async def open(self, state: ExecuteInput) -> Deliverable:
        """The workspace at the last snapshot, and beside it what would be delivered."""
        workspace = await self.workspaces.open(state["run"], state["pinned"], at=state["snapshot"], lane=lane_of(state))
        return self.at(state, workspace)

    def at(self, state: ExecuteInput, workspace: Workspace) -> Deliverable:
        """A workspace that was opened at the last snapshot, and beside it what would be delivered."""
        return Deliverable(self.store, state["run"], workspace, state["snapshot"])

    async def env(self, state: ExecuteInput) -> dict[str, str]:
        """The variables that this repository's tests need."""
        return environment(await self.store.files(state["run"], state["pinned"].tree), REPO)

    async def rated(
        self, state: ExecuteInput, work: Deliverable, attempt: Attempt, change: CodeChange
    ) -> tuple[Attempt, Risk | None]:
        """Rate a change: the attempt comes back with the change as it will be run, or with why it is refused.

        With a risk a human must sign first; nothing was applied.
        """
        # Of a change that was answered at once; what a turn's command changes is looked at behind it (command_edits).
        commands = change.cmd_instructions if attempt.turn is None else ()
        modes = [path for command in commands for path in mode_changes(command)]
        try:
            if modes:
                change = replace(change, cmd_outputs=tuple(dict.fromkeys((*change.cmd_outputs, *modes)))[:60])
            change = await work.workspace.resolved(change)
        except Refused as error:
            return refused(replace(attempt, change=change), error), None
        attempt, task = replace(attempt, change=change), state["task"]
        engine = await ruled(self.engine, self.store, state["run"])
        classify = partial(engine.change, change, profile=task.profile, tainted=task.outside)
        risk = await rate(self.tracer, classify, tool="shell")
        if (no := denied(risk)) is not None:
            return refused(attempt, no), None
        return attempt, risk if self.require(risk.tier).humans > 0 else None

    def pending(
        self, state: ExecuteInput, snapshot: Snapshot, workspace: Workspace, attempt: Attempt, risk: Risk
    ) -> Pending:
        """A change that waits for its signature."""
        return Pending(
            step=attempt.step,
            change=attempt.change,
            action=_action(state, snapshot, attempt.change, workspace),
            risk=risk,
            provider=attempt.provider,
            turn=attempt.turn,
        )

    async def signed(self, state: ExecuteInput, work: Deliverable, pending: Pending) -> Attempt:
        """Run what was signed, after taking the signature off the shelf for exactly these bytes."""
        verdict = state.get("verdict")
        action = _action(state, state["snapshot"], pending.change, work.workspace)
        if verdict is None:
            raise Refused("This action waits for an approval.", code="approval_missing", hint="Approve it first.")
        await self.ballots.consume(verdict.ballot, state["org"], action_digest(action))
        number = pending.turn.number if pending.turn is not None else state.get("tries", 0) + 1
        blank = Attempt(step=pending.step, number=number, provider=pending.provider, turn=pending.turn)
        attempt = await self.apply(state, work, blank, pending.change)
        await self.ballots.executed(verdict.ballot, state["org"])
        return attempt

    async def apply(
        self,
        state: ExecuteInput,
        work: Deliverable,
        attempt: Attempt,
        change: CodeChange,
        *,
        known: Sequence[CommandRun] = (),
    ) -> Attempt:
        """Make the edits and run the commands of a change that may be run, unless they ran there: ``known``."""
        await self.ensure_alive(state)
        attempt = replace(attempt, change=change)
        try:
            files = await self.store.files(state["run"], state["snapshot"].tree)
            masker, read = await self.masks(state["run"]), partial(self.store.read, state["run"], work.tree)
            written = await work.apply(await unmasked(change, read, masker, files))
            touched = [masker.text(path) for path in written]
        except SandboxLost:
            raise
        except SignoffError as error:
            return refused(attempt, error)
        if touched or not change.cmd_instructions or attempt.turn is None:
            announce("change_applied", ", ".join(touched), files=list(touched))
        runs = [
            await self.run(state, work.workspace, command, known=ran)
            for command, ran in zip_longest(change.cmd_instructions, known)
        ]
        if runs and change.cmd_outputs and all(run.ok for run in runs):
            try:
                created, missing = await work.keep(change.cmd_outputs)
            except Refused as error:
                return refused(replace(attempt, runs=tuple(runs)), error)
            named = ", ".join(created[:20]) or "nothing"
            announce("note", f"Kept of what the commands made: {named}", files=created[:500], missing=missing)
            touched = list(dict.fromkeys((*touched, *created)))
        return replace(attempt, touched=tuple(touched[:500]), runs=tuple(runs))

    async def run(
        self,
        state: ExecuteInput,
        workspace: Workspace,
        command: str,
        *,
        known: CommandRun | None = None,
        seconds: float = COMMAND_SECONDS,
    ) -> CommandRun:
        """Run one command of a change that was rated, with the network that the rating was told about."""
        await self.ensure_alive(state)
        if known is not None:

            async def as_known() -> CommandRun:
                return replace(known, command=command)

            return clip(await run_command(self.tracer, command, as_known, masker=await self.masks(state["run"])))
        await workspace.permit(state["task"].profile)
        shell = partial(workspace.shell, command, timeout_s=seconds, env=await self.env(state))
        try:
            return clip(await run_command(self.tracer, command, shell, masker=await self.masks(state["run"])))
        finally:
            await workspace.permit("sealed")

    async def accepted(
        self, state: ExecuteInput, work: Deliverable, attempt: Attempt, *, known: CommandRun | None = None
    ) -> Attempt:
        """The attempt with the acceptance command run behind it."""
        seconds = seconds_after(state["baseline"])
        run = await self.run(state, work.workspace, shown_by(state), known=known, seconds=seconds)
        return replace(attempt, runs=(*attempt.runs, run))

    async def saved(
        self, state: ExecuteInput, work: Deliverable | None, attempts: Sequence[Attempt], spent: Spent
    ) -> ExecuteUpdate:
        """Save where the work stands; without a workspace nothing there can have changed."""
        used = sum(run.duration_ms for attempt in attempts for run in attempt.runs) / 1_000
        snapshot = state["snapshot"]
        if work is not None and any(not attempt.refused for attempt in attempts):
            snapshot = await work.snapshot(label_of(state))
        beside = [each for each in snapshot.left_out if each.how != "ignored"]
        if beside and snapshot.left_out != state["snapshot"].left_out:
            named = [{"path": each.path, "how": each.how} for each in beside]
            announce("note", f"Left out of the change: {listed(beside)}", left_out=named)
        return {
            "attempts": tuple(attempts),
            "snapshot": snapshot,
            "spent": spent + Spent(steps=1, sandbox_seconds=used),
        }


def label_of(state: ExecuteInput) -> str:
    """What the snapshot of this visit is called."""
    step, worker = state["spent"].steps + 1, state.get("worker")
    # Workers of a team are at the same step of the run: their snapshots may not take each other's place.
    return f"{worker}.{step}" if worker else f"{step}"


def refused(attempt: Attempt, problem: SignoffError | None) -> Attempt:
    """The attempt with why nothing came of it."""
    if problem is None:
        return replace(attempt, refused="No provider is configured.", code="no_provider")
    return replace(attempt, refused=problem.message, code=problem.stable_code, hint=problem.hint)


def _action(state: ExecuteInput, snapshot: Snapshot, change: CodeChange, workspace: Workspace) -> Action:
    """The canonical form of running this change on this tree (see docs/approvals.md)."""
    task = state["task"]
    return Action(
        tool="shell",
        arguments=shell_arguments(change),
        cwd=REPO,
        target="sandbox",
        base_commit=task.base,
        content=snapshot.tree,
        image_digest=workspace.image_digest,
        network="none" if task.profile == "sealed" else "packages",
    )
