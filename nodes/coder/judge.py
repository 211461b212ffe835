"""Judge of candidates that no test can tell apart: the reviewer rates them (F4). One call, whatever their number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from domain import CodeChange, SignoffError, Spent, Task
from domain.change import Score, Scores
from domain.evidence import Candidate
from models import Model, ModelSettings, PromptSource, metered
from nodes._events import announce
from nodes._models import Asking, Clock, Roster, as_json, consult, selection, spent_on

CHANGES_CHARS = 60_000
"""Of all changes together."""
BEST = 10
NOBODY: Mapping[str, Score] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Scores by the id of the candidate, and what they cost. None: nobody could say."""

    scores: Mapping[str, Score] = field(default_factory=lambda: NOBODY)
    spent: Spent = field(default_factory=Spent)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """The reviewer of a run, for as long as one choice takes."""

    model: Model
    prompt: PromptSource
    settings: ModelSettings
    clock: Clock
    run: str
    task: Task
    accept: str
    expert: str
    """What this expert is told about itself."""
    spent: Spent
    """By the run, before the candidates."""

    async def __call__(self, tied: Sequence[tuple[Candidate, CodeChange]], spent: Spent) -> Judged:
        """Rate changes that are equal by their tests. ``spent``: what the candidates cost.

        Nothing fails here: where the reviewer cannot be asked, or gives no readable answer, the evidence
        decides without it.
        """
        # Without the words that its author has for it: what a change does is rated, not how it is praised.
        changes = [(each, as_json(replace(change, notes="", commit_message=""))) for each, change in tied]
        return await self.read(changes, spent)

    async def read(self, tied: Sequence[tuple[Candidate, str]], spent: Spent) -> Judged:
        """The same for changes as texts: diffs, say."""
        room = CHANGES_CHARS // max(1, len(tied))
        shown: list[dict[str, str]] = []
        for candidate, change in tied:
            text = change if len(change) <= room else f"{change[:room]} … {len(change) - room} characters left out"
            shown.append({"id": candidate.id, "told": result_in_words(candidate), "change": text})
        messages = await self.prompt.render(
            self.run, expert=self.expert, task=self.task.text, accept=self.accept, candidates=shown
        )
        with metered() as tab:
            try:
                reply = await consult(
                    self.model,
                    messages,
                    Scores,
                    settings=self.settings,
                    task=self.task,
                    spent=self.spent + spent,
                    now=self.clock(),
                )
            except SignoffError as problem:
                announce("note", f"The reviewer rated no candidate: {problem.message}", code=problem.stable_code)
                return Judged(spent=tab.spent)
        known = {candidate.id for candidate, _ in tied}
        scores = {each.candidate: each for each in reply.value.scores if each.candidate in known}
        return Judged(scores=scores, spent=spent_on(reply.usage))


async def judge(state: Asking, roster: Roster, prompt: PromptSource, clock: Clock, *, accept: str) -> Judge | None:
    """Who rates this run's candidates; None where the run has no reviewer."""
    task = state["task"]
    model = await roster.model("reviewer", selection(state)) if task.pipeline else None
    if model is None:
        return None
    return Judge(
        model=model,
        prompt=prompt,
        settings=roster.settings("reviewer"),
        clock=clock,
        run=state["run"],
        task=task,
        accept=accept,
        expert=roster.expert_prompt(state["expert"]),
        spent=state["spent"],
    )


def rated(candidate: Candidate, judged: Judged) -> Candidate:
    """The candidate with its score, where it has one."""
    if (score := judged.scores.get(candidate.id)) is None:
        return candidate
    note = " ".join(part for part in (candidate.note, f"Reviewer: {score.reason}" if score.reason else "") if part)
    return replace(candidate, review=score.score / BEST, note=note)


def result_in_words(candidate: Candidate) -> str:
    """How a candidate did in the tests, in words for the reviewer."""
    if not candidate.builds:
        return candidate.note or "the tests did not run at all"
    done = "passes everything" if candidate.reproduction_passed and candidate.regression_passed else "fails tests"
    return f"{done}, {candidate.score:.0%} of the tests pass"
