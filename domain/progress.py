"""Progress of a run: what passes between its nodes."""

from typing import Annotated

from pydantic import Field

from domain._value import value
from domain.action import Action
from domain.change import CodeChange
from domain.coder import CoderTurn
from domain.decision import Risk
from domain.evidence import Candidate, CommandRun
from domain.work import Name, Prose

__all__ = ["Attempt", "Pending", "Selection"]


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
