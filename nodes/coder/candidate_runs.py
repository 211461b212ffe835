"""Candidate runs: side by side, each on a fork of its own, and the evidence that comes of it (F4)."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from opentelemetry.trace import Span, Tracer

from domain import CodeChange, CommandRun, SignoffError
from domain.change import Hunk
from domain.evidence import Candidate, TestReport
from domain.masking import Masker
from domain.work import Profile
from models import Bench, Proposal, compared, passes_everything
from nodes._commands import counted, run_command
from nodes._events import announce
from nodes._masking import unmasked
from nodes.coder.edits import FittedEdits
from risk import RiskEngine
from sandbox import REPO, Pinned, Snapshot, Workspace, Workspaces, recent_changes


@dataclass(frozen=True, slots=True)
class WorkspaceBench:
    """The workspace as a provider's bench, with the variables that this repository's tests need."""

    workspace: Workspace
    env: Mapping[str, str]

    async def run(
        self,
        argv: Sequence[str],
        *,
        cwd: str = REPO,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        timeout_s: float = 60.0,
    ) -> CommandRun:
        """As ``Sandbox.run``."""
        both = {**self.env, **(env or {})}
        return await self.workspace.run(argv, cwd=cwd, env=both, stdin=stdin, timeout_s=timeout_s)

    async def read(self, path: str, *, limit: int = 8 << 20) -> bytes:
        """As ``Sandbox.read``."""
        return await self.workspace.read(path, limit=limit)

    async def write(self, path: str, data: bytes, *, mode: int = 0o644) -> None:
        """As ``Sandbox.write``."""
        await self.workspace.write(path, data, mode=mode)


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateRuns:
    """Where candidates are run: each in a lane of its own, from the same snapshot."""

    workspaces: Workspaces
    run: str
    lane: str
    """What the lanes of these candidates begin with: no two searches of a run share one."""
    pinned: Pinned
    snapshot: Snapshot
    accept: str
    env: Mapping[str, str]
    seconds: float
    tracer: Tracer
    before: TestReport | None
    """What the acceptance command said before anything was changed."""
    profile: Profile
    automatic: Callable[[CodeChange], bool]
    """False for a change that must not run before a person signed it."""
    masker: Masker = field(default_factory=Masker)
    files: Sequence[str] = ()
    """Of the snapshot."""
    fit: Callable[[CodeChange], Awaitable[FittedEdits]] | None = None
    """Finds the places that the edits of a change mean; None: they are exact."""
    alive: Callable[[], Awaitable[None]]
    """Raises when the run was stopped for good."""
    used: dict[str, Workspace] = field(default_factory=dict[str, Workspace])
    """The workspace of each lane as its commands left it."""
    commands: dict[str, tuple[CommandRun, ...]] = field(default_factory=dict[str, tuple[CommandRun, ...]])
    """What the change's own commands came to in each lane."""

    async def ground(self, lane: str, change: CodeChange) -> Bench | None:
        """A fork on which a change is made, its commands run: what is to be repaired. None where it must be signed."""
        try:
            workspace, _ = await self._applied(lane, change)
        except SignoffError:  # its own candidate says why
            return None
        return workspace and WorkspaceBench(workspace, self.env)

    async def evidence(self, lane: str, proposal: Proposal) -> tuple[Candidate, CommandRun | None]:
        """Apply one proposal on its own fork, and run its commands and the acceptance command there.

        What the provider ran itself is not run again. The acceptance command's run comes back, where it came to that.

        Raises:
            Refused: ``run_killed``. Whatever else goes wrong is the candidate's note.
        """
        await self.alive()
        blank = Candidate(
            id=lane,
            provider=proposal.provider,
            diff_lines=written_lines(proposal.change),
            tokens=proposal.usage.tokens_in + proposal.usage.tokens_out,
        )
        started = time.monotonic()
        with self.tracer.start_as_current_span(f"candidate {lane}") as span:
            try:
                accepted, ran = proposal.run, proposal.run
                if accepted is None:
                    workspace, ran = await self._applied(lane, proposal.change)
                    if workspace is None:
                        return replace(blank, note="Not run: it needs a signature first."), None
                    if ran is None:
                        accepted = ran = await self._shell(workspace, self.accept)
            except SignoffError as error:
                accepted, ran, candidate = None, None, replace(blank, note=error.message)
            else:
                assert ran is not None  # noqa: S101 - a command of its own that failed, or the acceptance command
                candidate = with_results(blank, self.before, ran, await counted(ran))
            candidate = replace(candidate, duration_ms=(time.monotonic() - started) * 1_000)
            _describe(span, candidate)
        announce("candidate_tried", proposal.provider, passed=passes_everything(candidate), id=lane)
        return candidate, accepted

    async def _applied(self, lane: str, change: CodeChange) -> tuple[Workspace | None, CommandRun | None]:
        """The fork with the change, None where it must be signed first; and the command of its own that failed."""
        workspace = self.used[lane] = await self.workspaces.open(self.run, self.pinned, at=self.snapshot, lane=lane)
        if self.fit is not None:
            change = (await self.fit(change)).change
        change = await workspace.resolved(change)
        if not await asyncio.to_thread(self.automatic, change):
            return None, None
        await workspace.apply(await unmasked(change, workspace.read, self.masker, self.files), follow=False)
        for command in change.cmd_instructions:
            ran = await self._shell(workspace, command)
            self.commands[lane] = (*self.commands.get(lane, ()), ran)
            if not ran.ok:
                return workspace, ran
        return workspace, None

    async def _shell(self, workspace: Workspace, command: str) -> CommandRun:
        await self.alive()
        await workspace.permit(self.profile)
        shell = partial(workspace.shell, command, timeout_s=self.seconds, env=self.env)
        try:
            return await run_command(self.tracer, command, shell, masker=self.masker)
        finally:
            await workspace.permit("sealed")


def _describe(span: Span, candidate: Candidate) -> None:
    span.set_attributes(
        {
            "app.candidate.provider": candidate.provider,
            "app.candidate.builds": candidate.builds,
            "app.candidate.reproduction_passed": candidate.reproduction_passed,
            "app.candidate.regression_passed": candidate.regression_passed,
            "app.candidate.score": candidate.score,
            "app.candidate.diff_lines": candidate.diff_lines,
            "app.candidate.tokens": candidate.tokens,
        }
    )


def with_results(
    candidate: Candidate, before: TestReport | None, ran: CommandRun, after: TestReport | None
) -> Candidate:
    """The candidate with what its run of the acceptance command says, beside the run before the change."""
    seen = compared(before, after, passed=ran.ok)
    return replace(
        candidate,
        builds=seen.builds,
        reproduction_passed=seen.reproduction,
        regression_passed=seen.regression,
        score=seen.share,
        behaviour=seen.behaviour,
    )


def written_lines(change: CodeChange) -> int:
    """Lines that a change writes, a deleted file counted as one: of two that do the same the shorter one is better."""
    texts = [f.content for f in change.files_to_create]
    texts += [e.replace if e.replace is not None else e.content or "" for e in change.files_to_update]
    return sum(text.count("\n") + 1 for text in texts) + len(change.files_to_delete)


async def recent(pinned: Pinned, engine: RiskEngine) -> tuple[Hunk, ...]:
    """The last changes before the pinned commit, without those that hold a secret: it was taken out for a reason."""
    hunks = await recent_changes(pinned)
    return await asyncio.to_thread(lambda: tuple(hunk for hunk in hunks if not engine.secrets(as_diff(hunk))))


def as_diff(hunk: Hunk) -> str:
    """The text that would come back, as lines that a diff adds."""
    lines = [*hunk.before.splitlines(), hunk.subject]
    head = f"diff --git a/{hunk.path} b/{hunk.path}\n--- a/{hunk.path}\n+++ b/{hunk.path}\n@@ -0,0 +1,{len(lines)} @@\n"
    return head + "".join(f"+{line}\n" for line in lines)
