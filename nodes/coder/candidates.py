"""Candidates: the changes that providers propose; of several each is run, and evidence ranks them (F4)."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from domain import Budget, CodeChange, CommandRun, SignoffError, Spent, Step
from domain.evidence import Candidate
from domain.progress import Selection
from models import (
    Bench,
    ChangeRequest,
    Message,
    ModelProvider,
    ModelSettings,
    Proposal,
    Provider,
    UsageMeter,
    best,
    metered,
    passes_everything,
    tied,
    worst_case,
)
from nodes._events import TextStream, announce
from nodes.coder.candidate_runs import CandidateRuns
from nodes.coder.judge import Judge, rated
from sandbox import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderAnswer:
    """What the providers came to: a proposal, or why there is none."""

    proposal: Proposal | None = None
    problem: SignoffError | None = None
    candidates: tuple[Candidate, ...] = ()
    reason: str = ""
    """Why this proposal and no other, where there was a choice."""
    spent: Spent = field(default_factory=Spent)
    """What everybody's answers cost, and running them."""
    run: CommandRun | None = None
    """The acceptance command with exactly this change, where it was run already."""
    workspace: Workspace | None = None
    """Where it was run: what the command left behind is there."""
    commands: tuple[CommandRun, ...] = ()
    """The change's own commands, where they were run there before it."""


def selection_of(step: Step, attempt: int, answer: ProviderAnswer) -> Selection:
    """What came of a choice, for who looks at it later."""
    best, taken = answer.candidates[0], answer.proposal
    won = taken is not None and best.provider == taken.provider
    return Selection(
        step=step.id,
        attempt=attempt,
        winner=best.id if won else "",
        provider=taken.provider if taken else "",
        reason=answer.reason,
        candidates=answer.candidates,
    )


@dataclass(slots=True, kw_only=True)
class _Entrant:
    """One provider's way through: what it used, what it proposed, how that did."""

    lane: str
    provider: Provider
    tab: UsageMeter = field(default_factory=UsageMeter)
    """What asking it used."""
    stream: TextStream = field(init=False)
    """Tells whoever watches what it writes."""
    proposal: Proposal | None = None
    problem: SignoffError | None = None
    candidate: Candidate | None = None
    run: CommandRun | None = None
    unasked: str = "Stopped: another candidate passes everything."

    def __post_init__(self) -> None:
        form = "change" if isinstance(self.provider, ModelProvider) else "prose"
        self.stream = TextStream(provider=self.provider.name, id=self.lane, form=form)

    async def propose(self, job: ChangeRequest, bench: Bench) -> None:
        with metered() as self.tab:
            try:
                proposal = await self.provider.propose(job, bench, listener=self.stream.hear)
                self.proposal = replace(proposal, usage=self.tab.usage)
            except SignoffError as error:
                announce("note", f"{self.provider.name}: {error.message}", code=error.stable_code)
                self.problem = error
            finally:
                self.stream.flush()

    async def compete(self, job: ChangeRequest, bench: Bench, runs: CandidateRuns) -> None:
        await self.propose(job, bench)
        if self.proposal is not None:
            self.candidate, self.run = await runs.evidence(self.lane, self.proposal)

    async def mend(self, other: Proposal, job: ChangeRequest, runs: CandidateRuns) -> None:
        """Repair another's change, which stays: what is proposed is both."""
        ground = await runs.ground(self.lane, other.change)
        if ground is None:
            self.unasked = "Not asked: the change that it would repair needs a signature first, or cannot be made."
            return
        await self.propose(job, ground)
        if self.proposal is not None:
            note = f"On top of the change of {other.provider}: {self.proposal.note}"
            change = on_top(other.change, self.proposal.change)
            self.proposal = replace(self.proposal, change=change, note=note[:20_000])
            self.candidate, self.run = await runs.evidence(self.lane, self.proposal)

    def spent(self) -> Spent:
        """What it cost, whatever came of it, and running it."""
        ran = Spent(sandbox_seconds=self.candidate.duration_ms / 1_000 if self.candidate else 0.0)
        return ran + self.tab.spent

    def report(self) -> Candidate:
        if self.candidate is not None:
            return self.candidate
        why = self.problem.message if self.problem else self.unasked
        if self.proposal is not None:
            why = "Taken as it is: nobody else proposed a change."
        used = self.tab.usage
        return Candidate(id=self.lane, provider=self.provider.name, note=why, tokens=used.tokens_in + used.tokens_out)


async def propose(
    providers: Sequence[Provider],
    job: ChangeRequest,
    bench: Bench,
    runs: CandidateRuns,
    *,
    last_resort: Provider | None = None,
    judge: Judge | None = None,
) -> ProviderAnswer:
    """Ask all providers at once and return the answer with the best evidence.

    Each answer is run as soon as it is there, on a fork of its own; the first that passes everything
    ends the search. A provider that fails is left out; its error is the answer only when nobody had
    another, the last resort included. ``judge`` rates those that no test can tell apart.

    Who only repairs comes after those who write: where one of them wrote a change, that is what is repaired. Nothing
    else makes it pass: an edit elsewhere that turns the tests green is not what was asked for.
    """
    entrants = [_Entrant(lane=f"{runs.lane}-{n}", provider=p) for n, p in enumerate(providers, 1)]
    if len(entrants) == 1:
        await entrants[0].propose(job, bench)
    else:
        writers = [e for e in entrants if not e.provider.repairs]
        await race(writers or entrants, job, bench, runs)
        menders = [e for e in entrants if e.provider.repairs] if writers else []
        written = [e for e in writers if e.candidate is not None]
        if not any(e.candidate is not None and passes_everything(e.candidate) for e in written):
            ground = None
            if written:
                first = best([e.candidate for e in written if e.candidate is not None]).winner.id
                ground = next(e.proposal for e in written if e.lane == first)
            for mender in menders:
                await (mender.mend(ground, job, runs) if ground else mender.propose(job, bench))
    if not any(e.proposal for e in entrants) and last_resort is not None:
        entrants.append(_Entrant(lane=f"{runs.lane}-spare", provider=last_resort))
        await entrants[-1].propose(job, bench)
    spent = sum((e.spent() for e in entrants), Spent())
    tried = [e for e in entrants if e.candidate is not None]
    if not tried:
        only = next((e.proposal for e in entrants if e.proposal is not None), None)
        problem = None if only else next((e.problem for e in entrants if e.problem is not None), None)
        reports = tuple(
            sorted((e.report() for e in entrants), key=lambda each: only is None or each.provider != only.provider)
        )
        reports = reports if len(entrants) > 1 else ()  # whose change was taken comes first
        reason = "Nobody proposed a change." if only is None else f"Only {only.provider} proposed a change."
        return ProviderAnswer(
            proposal=only,
            problem=problem,
            spent=spent,
            candidates=reports,
            reason=reason if reports else "",
            run=only.run if only else None,
        )
    if judge is not None:
        spent += await _judged(tried, judge, spent)
    return replace(_ranked(tried, entrants, runs), spent=spent)


def on_top(change: CodeChange, repair: CodeChange) -> CodeChange:
    """One change that is both: the files of the repair as it left them, all others as the change has them."""
    whole = {edit.path: edit for edit in repair.files_to_update}
    created = {file.path for file in change.files_to_create}
    return replace(
        change,
        files_to_create=tuple(
            replace(file, content=whole[file.path].content or "") if file.path in whole else file
            for file in change.files_to_create
        ),
        files_to_update=(
            *(edit for edit in change.files_to_update if edit.path not in whole),
            *(edit for edit in repair.files_to_update if edit.path not in created),
        ),
        notes=f"{change.notes}\n\n{repair.notes}".strip()[:20_000],
    )


class Competitor(Protocol):
    """Who proposes a change and has it run."""

    @property
    def candidate(self) -> Candidate | None:
        """How that did, once it is known."""
        ...

    async def compete(self, job: ChangeRequest, bench: Bench, runs: CandidateRuns) -> None: ...


async def race(entrants: Sequence[Competitor], job: ChangeRequest, bench: Bench, runs: CandidateRuns) -> None:
    """Let all of them run until each is done, or one has passed everything; the others are cancelled then."""
    waiting = {asyncio.create_task(e.compete(job, bench, runs)) for e in entrants}
    try:
        while waiting and not any(e.candidate is not None and passes_everything(e.candidate) for e in entrants):
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()  # the kill switch raises in one of them: the search ends with it
    finally:
        for task in waiting:
            task.cancel()
        # Cancelled is not ended: a sandbox that still runs a command must not be taken by the next step.
        await asyncio.gather(*waiting, return_exceptions=True)


async def _judged(tried: Sequence[_Entrant], judge: Judge, spent: Spent) -> Spent:
    """Have the best ones rated where the tests leave a choice that matters; what that cost."""
    equal = {candidate.id for candidate in tied([e.candidate for e in tried if e.candidate is not None])}
    open_ = [(e, e.candidate, e.proposal.change) for e in tried if e.candidate and e.proposal and e.lane in equal]
    alive = any(c.builds or c.duration_ms == 0 for _, c, _ in open_)  # or it waits for a signature, and was not run
    if not alive or all(change == open_[0][2] for _, _, change in open_):
        return Spent()
    judged = await judge([(candidate, change) for _, candidate, change in open_], spent)
    for entrant, candidate, _ in open_:
        entrant.candidate = rated(candidate, judged)
    return judged.spent


def _ranked(tried: Sequence[_Entrant], entrants: Sequence[_Entrant], runs: CandidateRuns) -> ProviderAnswer:
    ranked = best([e.candidate for e in tried if e.candidate is not None])
    winner = next(e for e in tried if e.lane == ranked.winner.id)
    others = tuple(e.report() for e in entrants if e.candidate is None)
    with runs.tracer.start_as_current_span("n_best") as span:
        span.set_attributes(
            {
                "app.candidates": len(entrants),
                "app.winner": ranked.winner.id,
                "app.winner.provider": ranked.winner.provider,
                "app.reason": ranked.reason,
                "app.review": [f"{c.id} {c.review:.1f}" for c in ranked.order if c.review is not None],
            }
        )
    announce("note", ranked.reason, winner=ranked.winner.provider)
    return ProviderAnswer(
        proposal=winner.proposal,
        candidates=(*ranked.order, *others),
        reason=ranked.reason,
        run=winner.run,
        workspace=runs.used.get(winner.lane),
        commands=runs.commands.get(winner.lane, ()),
    )


def together(budget: Budget, spent: Spent, prompts: Sequence[tuple[Message, ...]], settings: ModelSettings) -> int:
    """How many of these questions may be asked side by side: at least one, the budget has the last word on it."""
    left, fit = _left(budget, spent), 0
    for prompt in prompts:
        left -= _at_worst(prompt, settings)
        if left < 0:
            break
        fit += 1
    return max(1, fit)


def affordable(
    providers: Sequence[Provider],
    budget: Budget,
    spent: Spent,
    prompts: Sequence[tuple[Message, ...]],
    settings: ModelSettings,
) -> tuple[Provider, ...]:
    """The first provider, and of the others as many as the budget has room for. One that asks no model is free."""
    left, each = _left(budget, spent), sum(_at_worst(prompt, settings) for prompt in prompts)
    paid_for: list[Provider] = []
    for provider in providers:
        needed = each if isinstance(provider, ModelProvider) else 0
        if paid_for and needed > max(0, left):
            continue
        left -= needed
        paid_for.append(provider)
    if len(paid_for) < len(providers):
        room = f"{len(paid_for)} of {len(providers)}"
        announce("note", f"What is left of the token budget has room for {room} candidates.")
    return tuple(paid_for)


def _left(budget: Budget, spent: Spent) -> int:
    return budget.max_tokens - spent.tokens_in - spent.tokens_out


def _at_worst(prompt: Sequence[Message], settings: ModelSettings) -> int:
    """With the round of repair, as the ledger sets it aside before each call."""
    return worst_case(prompt, settings).tokens
