"""Ask the providers for a change; with several answers, run each and rank by evidence (F4)."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from domain import Candidate, SignoffError, Spent
from models import Asked, Bench, Job, Proposal, Provider, best, passes_everything, tied
from nodes._aloud import Aloud
from nodes._announce import announce
from nodes._consult import spent_on
from nodes._judge import Judge, rated
from nodes._trials import Trials

CHARS_PER_TOKEN = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the providers came to: a proposal, or why there is none."""

    proposal: Proposal | None = None
    problem: SignoffError | None = None
    candidates: tuple[Candidate, ...] = ()
    reason: str = ""
    """Why this proposal and no other, where there was a choice."""
    spent: Spent = field(default_factory=Spent)
    """What everybody's answers cost, and running them."""


@dataclass(slots=True, kw_only=True)
class _Entrant:
    """One provider's way through: what it said so far, what it proposed, how that did."""

    lane: str
    provider: Provider
    heard: int = 0
    """Characters."""
    aloud: Aloud = field(init=False)
    """Tells whoever watches what it writes."""
    proposal: Proposal | None = None
    problem: SignoffError | None = None
    candidate: Candidate | None = None

    def __post_init__(self) -> None:
        form = "change" if isinstance(self.provider, Asked) else "prose"
        self.aloud = Aloud(provider=self.provider.name, id=self.lane, form=form)

    async def propose(self, job: Job, bench: Bench) -> None:
        try:
            self.proposal = await self.provider.propose(job, bench, heard=self._hear)
        except SignoffError as error:
            announce("note", f"{self.provider.name}: {error.message}", code=error.stable_code)
            self.problem = error
        finally:
            self.aloud.flush()

    async def compete(self, job: Job, bench: Bench, trials: Trials) -> None:
        await self.propose(job, bench)
        if self.proposal is not None:
            self.candidate = await trials.evidence(self.lane, self.proposal)

    def spent(self, job: Job) -> Spent:
        """What it cost. Of an answer that was cut off nobody sends a bill: then it is what was sent and heard."""
        ran = Spent(sandbox_seconds=self.candidate.duration_ms / 1_000 if self.candidate else 0.0)
        if self.proposal is not None:
            return ran + (spent_on(self.proposal.usage) if self.proposal.usage.calls else Spent())
        if self.problem is not None or not isinstance(self.provider, Asked):
            return ran
        sent = sum(len(message.content) for message in job.messages)
        return Spent(tokens_in=sent // CHARS_PER_TOKEN, tokens_out=self.heard // CHARS_PER_TOKEN, model_calls=1)

    def report(self) -> Candidate:
        if self.candidate is not None:
            return self.candidate
        why = self.problem.message if self.problem else "Stopped: another candidate passes everything."
        return Candidate(id=self.lane, provider=self.provider.name, note=why)

    def _hear(self, text: str) -> None:
        self.heard += len(text)
        self.aloud.hear(text)


async def propose(
    providers: Sequence[Provider],
    job: Job,
    bench: Bench,
    trials: Trials,
    *,
    last_resort: Provider | None = None,
    judge: Judge | None = None,
) -> Answer:
    """Ask all providers at once and return the answer with the best evidence.

    Each answer is run as soon as it is there, on a fork of its own; the first that passes everything
    ends the search. A provider that fails is left out; its error is the answer only when nobody had
    another, the last resort included. ``judge`` rates those that no test can tell apart.
    """
    entrants = [_Entrant(lane=f"{trials.lane}-{n}", provider=p) for n, p in enumerate(providers, 1)]
    if len(entrants) == 1:
        await entrants[0].propose(job, bench)
    else:
        await _race(entrants, job, bench, trials)
    if not any(e.proposal for e in entrants) and last_resort is not None:
        entrants.append(_Entrant(lane=f"{trials.lane}-spare", provider=last_resort))
        await entrants[-1].propose(job, bench)
    spent = sum((e.spent(job) for e in entrants), Spent())
    tried = [e for e in entrants if e.candidate is not None]
    if not tried:
        found = next((e.proposal for e in entrants if e.proposal is not None), None)
        problem = None if found else next((e.problem for e in entrants if e.problem is not None), None)
        return Answer(proposal=found, problem=problem, spent=spent)
    if judge is not None:
        spent += await _judged(tried, judge, spent)
    return replace(_ranked(tried, entrants, trials), spent=spent)


async def _race(entrants: Sequence[_Entrant], job: Job, bench: Bench, trials: Trials) -> None:
    """Let all of them run until each is done, or one has passed everything."""
    waiting = {asyncio.create_task(e.compete(job, bench, trials)) for e in entrants}
    try:
        while waiting and not any(e.candidate is not None and passes_everything(e.candidate) for e in entrants):
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
    finally:
        for task in waiting:
            task.cancel()
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


def _ranked(tried: Sequence[_Entrant], entrants: Sequence[_Entrant], trials: Trials) -> Answer:
    ranked = best([e.candidate for e in tried if e.candidate is not None])
    winner = next(e for e in tried if e.lane == ranked.winner.id)
    others = tuple(e.report() for e in entrants if e.candidate is None)
    with trials.tracer.start_as_current_span("n_best") as span:
        span.set_attributes({
            "app.candidates": len(entrants),
            "app.winner": ranked.winner.id,
            "app.winner.provider": ranked.winner.provider,
            "app.reason": ranked.reason,
            "app.review": [f"{c.id} {c.review:.1f}" for c in ranked.order if c.review is not None],
        })  # fmt: skip
    announce("note", ranked.reason, winner=ranked.winner.provider)
    return Answer(proposal=winner.proposal, candidates=(*ranked.order, *others), reason=ranked.reason)
