"""Ask the providers for a change; with several answers, run each and rank by evidence (F4)."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from domain import Candidate, CodeChange, CommandRun, SignoffError, read_report
from models import Bench, Job, Proposal, Provider, best
from nodes._announce import announce
from nodes._output import plain
from sandbox import REPO, Pinned, Snapshot, Workspace, Workspaces


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the providers came to: a proposal, or why there is none. ``all`` is for the bill and the report."""

    proposal: Proposal | None = None
    problem: SignoffError | None = None
    all: tuple[Proposal, ...] = ()
    candidates: tuple[Candidate, ...] = ()


@dataclass(frozen=True, slots=True)
class Equipped:
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
class Trials:
    """Where candidates are run: each in a lane of its own, from the same snapshot."""

    workspaces: Workspaces
    run: str
    pinned: Pinned
    snapshot: Snapshot
    accept: str
    env: dict[str, str]
    seconds: float

    async def evidence(self, lane: str, proposal: Proposal) -> Candidate:
        """Apply one proposal on its own fork and run the acceptance command."""
        started = time.monotonic()
        workspace = await self.workspaces.open(self.run, self.pinned, at=self.snapshot, lane=lane)
        try:
            await workspace.apply(proposal.change)
        except SignoffError as error:
            return Candidate(id=lane, provider=proposal.provider, note=error.message)
        run = await workspace.shell(self.accept, timeout_s=self.seconds, env=self.env)
        report = read_report(plain(run))
        candidate = Candidate(
            id=lane,
            provider=proposal.provider,
            builds=run.ok or report is not None,
            reproduction_passed=run.ok,
            regression_passed=run.ok,
            score=report.passed / max(1, report.passed + report.failed + report.errors) if report else float(run.ok),
            diff_lines=_lines(proposal.change),
            tokens=proposal.usage.tokens_in + proposal.usage.tokens_out,
            duration_ms=(time.monotonic() - started) * 1_000,
        )
        announce("candidate_tried", proposal.provider, passed=run.ok, id=lane)
        return candidate


async def propose(
    providers: Sequence[Provider], job: Job, bench: Bench, trials: Trials, *, last_resort: Provider | None = None
) -> Answer:
    """Ask all providers at once and return the answer with the best evidence.

    A provider that fails is left out; its error is the answer only when nobody had another, the last
    resort included.
    """
    told = await asyncio.gather(*(_one(provider, job, bench) for provider in providers))
    proposals = tuple(p for p in told if isinstance(p, Proposal))
    if not proposals and last_resort is not None:
        saved = await _one(last_resort, job, bench)
        proposals = (saved,) if isinstance(saved, Proposal) else ()
    if not proposals:
        return Answer(problem=next((p for p in told if isinstance(p, SignoffError)), None))
    if len(proposals) == 1:
        return Answer(proposal=proposals[0], all=proposals)
    tried = [await trials.evidence(f"candidate-{n}", p) for n, p in enumerate(proposals, 1)]
    ranked = best(tried)
    announce("note", ranked.reason, winner=ranked.winner.provider)
    winner = proposals[[c.id for c in tried].index(ranked.winner.id)]
    return Answer(proposal=winner, all=proposals, candidates=tuple(ranked.order))


async def _one(provider: Provider, job: Job, bench: Bench) -> Proposal | SignoffError:
    try:
        return await provider.propose(job, bench, heard=lambda text: announce("text", text, provider=provider.name))
    except SignoffError as error:
        announce("note", f"{provider.name}: {error.message}", code=error.stable_code)
        return error


def _lines(change: CodeChange) -> int:
    texts = [f.content for f in change.files_to_create]
    texts += [e.replace if e.replace is not None else e.content or "" for e in change.files_to_update]
    return sum(text.count("\n") + 1 for text in texts) + len(change.files_to_delete)
