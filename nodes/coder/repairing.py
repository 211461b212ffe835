"""Repair after the loops: where no candidate passes everything, the repair engine works on the best of them (F4)."""

import time
from dataclasses import dataclass, replace

from domain import SignoffError, Spent
from domain.evidence import Candidate, Evidence
from domain.progress import Attempt, CandidateLoop
from domain.reports import read_report
from domain.text import failure_kind
from models import ChangeRequest, metered, passes_everything
from nodes._commands import plain
from nodes._events import announce
from nodes._models import Roster, selection
from nodes.coder.candidate_runs import WorkspaceBench, recent, with_results
from nodes.coder.changes import ChangeRunner
from nodes.coder.slices import ExecuteInput, accept_of
from sandbox import Snapshot

REPAIR = "repair"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopRepair:
    """Asks whoever repairs among the strategy's providers; it builds on a change and never takes the place of one."""

    changes: ChangeRunner
    roster: Roster
    seconds: float = 60.0

    async def __call__(self, state: ExecuteInput, ground: Snapshot) -> tuple[CandidateLoop, Snapshot, Spent] | None:
        """The repair of what lies at ``ground`` as one more candidate, where it stands, and what finding it cost.

        None where the strategy has nobody who repairs.

        Raises:
            Refused: ``run_killed``. Whatever else goes wrong is the candidate's note.
        """
        kind = failure_kind(plain(state["baseline"]))
        providers = await self.roster.providers(selection(state, attempt=2, failure=kind))
        provider = next((each for each in providers if each.repairs), None)
        if provider is None:
            return None
        changes, plan, started = self.changes, state["plan"], time.monotonic()
        await changes.ensure_alive(state)
        state = {**state, "snapshot": ground}
        loop = CandidateLoop(id=REPAIR, provider=provider.name, began=state["spent"])
        candidate = Candidate(id=REPAIR, provider=provider.name, tree=ground.tree)
        snapshot, attempt = ground, Attempt(step=plan.steps[-1].id, provider=provider.name)
        with metered() as meter:
            try:
                workspace = await changes.workspaces.open(state["run"], state["pinned"], at=ground, lane=REPAIR)
                job = ChangeRequest(
                    accept=accept_of(state),
                    expert=state["expert"],
                    settings=self.roster.settings("coder"),
                    seconds=self.seconds,
                    hunks=await recent(state["pinned"], changes.engine),
                )
                proposal = await provider.propose(job, WorkspaceBench(workspace, await changes.env(state)))
                if workspace.at is None:  # it ran something there
                    workspace = await changes.workspaces.open(state["run"], state["pinned"], at=ground, lane=REPAIR)
                work = changes.at(state, workspace)
                attempt, risk = await changes.rated(state, work, attempt, proposal.change)
                if not attempt.refused and risk is None:
                    attempt = await changes.apply(state, work, attempt, attempt.change)
                if attempt.refused or risk is not None:
                    candidate = replace(candidate, note=attempt.refused or "Not run: it needs a signature first.")
                else:
                    attempt = await changes.accepted(state, work, attempt, known=proposal.run)
                    snapshot = await work.snapshot(REPAIR)
                    candidate = replace(candidate, tree=snapshot.tree, note=proposal.note)
            except SignoffError as error:
                if error.stable_code == "run_killed":
                    raise
                candidate = replace(candidate, note=error.message)
        await changes.workspaces.leave(state["run"], REPAIR)
        seconds = time.monotonic() - started
        if snapshot is not ground:
            ran = attempt.runs[-1]
            stat = await changes.store.numstat(state["run"], state["pinned"].tree, snapshot.tree)
            report = read_report(plain(ran))
            candidate = with_results(candidate, read_report(plain(state["baseline"])), ran, report)
            candidate = replace(candidate, diff_lines=sum((each.added or 0) + (each.removed or 0) for each in stat))
            if passes_everything(candidate):
                seen = Evidence(step=attempt.step, attempt=1, runs=attempt.runs, report=report, tree=snapshot.tree)
                loop = replace(loop, done=tuple(step.id for step in plan.steps), evidence=(seen,))
        candidate = replace(candidate, duration_ms=seconds * 1_000)
        announce("candidate_tried", provider.name, passed=bool(loop.done), id=REPAIR, note=candidate.note)
        return replace(loop, candidate=candidate), snapshot, meter.spent + Spent(sandbox_seconds=seconds)
