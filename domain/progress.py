"""Progress of a run: what passes between its nodes."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from domain._value import value
from domain.action import Action
from domain.change import CodeChange
from domain.coder import CoderTurn, OpenQuestion
from domain.decision import Risk
from domain.evidence import Candidate, CommandRun, Evidence
from domain.work import Budget, Name, Prose, Spent

__all__ = ["Attempt", "CandidateLoop", "Pending", "Selection", "working"]


@value
class Attempt:
    """One change that was tried at one step of the plan, and what running it printed."""

    step: Name
    number: int = 1
    provider: Name = ""
    model: Name = ""
    change: CodeChange = Field(default_factory=CodeChange)
    runs: tuple[CommandRun, ...] = ()
    touched: Annotated[tuple[str, ...], Field(max_length=500)] = ()
    candidates: tuple[Candidate, ...] = ()
    """Best first, where several were run; the first one is this attempt's change."""
    reason: Prose = ""
    """Why the first candidate is first."""
    refused: Prose = ""
    """Why nothing was applied: an edit that fits nowhere, an answer that is no change, no repair found."""
    code: Name = ""
    """Stable code of that refusal."""
    hint: Prose = ""
    note: Prose = ""
    turn: CoderTurn | None = None
    """What the coder did, where it works turn by turn; its change is what this one turn changed."""


@value
class Selection:
    """What was proposed for one step at one attempt, and why one of it was taken (n-best by evidence, F4)."""

    step: Name
    attempt: int = 1
    winner: str = ""
    """Id of the candidate that was taken; empty: none of them."""
    provider: Name = ""
    """Whose change was taken."""
    reason: Prose = ""
    candidates: tuple[Candidate, ...] = ()
    """Best first, where they were run; then those that failed, were stopped or not run, each with its note."""


@value
class Pending:
    """A change that may not run before a human signed it."""

    step: Name
    change: CodeChange
    action: Action
    risk: Risk
    provider: Name = ""
    turn: CoderTurn | None = None
    """Whose action it is, where the coder works turn by turn."""


@value
class CandidateLoop:
    """One of several loops of the coder that work on the same plan, one after the other, each on a fork of its own.

    While it works, the channels of the state are its own. Its files and its conversation stand beside it in the state.
    """

    id: Name
    provider: Name = ""
    """The model that is asked, or its provider; empty: whichever the role has."""
    temperature: float | None = None
    budget: Budget | None = None
    """At which it ends: what was spent before and its share. None: all that is left is its own."""
    began: Spent | None = None
    """What the run had spent when it began."""
    candidate: Candidate | None = None
    """How it did; None: it works, or has not begun."""
    done: tuple[str, ...] = ()
    turns: tuple[CoderTurn, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    tries: int = 0
    pending: Pending | None = None
    """What it wanted to do next and needs a signature for."""
    question: OpenQuestion | None = None
    """What it wanted to ask the person."""
    tests: Annotated[tuple[str, ...], Field(max_length=500)] = ()
    """Paths of the tests that it wrote or changed."""


def working(loops: Sequence[CandidateLoop]) -> CandidateLoop | None:
    """The loop whose turn it is; None: there are not several, or all of them have ended."""
    return next((loop for loop in loops if loop.candidate is None), None)
