"""What the task and its failures say about who is needed (E3, F2). Pure."""

from domain import FailureKind, value
from models.cards import TIERS, Tier
from models.catalogue import Catalogue
from models.policy import WorkspacePolicy

_SIGNS_OF_TROUBLE = ("deadlock", "race condition", "concurren", "segfault", "memory leak", "architecture", "refactor",
                     "migrate", "security", "distributed", "rewrite")  # fmt: skip
_EASY: frozenset[FailureKind] = frozenset({"style", "docs"})
_LONG_TASK, _MANY_FILES = 1_500, 8


def tier_for(text: str, *, files: int = 0, failure: FailureKind | None = None, attempt: int = 1) -> Tier:
    """How good a model a task needs, by signs anybody can check (E3): length, words, files, failures so far."""
    if failure in _EASY and attempt == 1:
        return "fast"
    lower = text.lower()
    points = (len(text) > _LONG_TASK) + (files > _MANY_FILES) + any(sign in lower for sign in _SIGNS_OF_TROUBLE)
    return TIERS[min(len(TIERS) - 1, 1 + points + (attempt > 1))]


@value
class Turn:
    """Who proposes a change now, best first, and the rule that says so (F2)."""

    providers: tuple[str, ...]
    reason: str


def providers_for(failure: FailureKind | None, catalogue: Catalogue, *, policy: WorkspacePolicy | None = None) -> Turn:
    """Return who is asked after this kind of failure: the first rule for it holds, less whom the policy forbids."""
    wanted = failure or "general"
    rule = next((rule for rule in catalogue.rules if rule.failure == wanted), None)
    if rule is None:
        return Turn(providers=("coder",), reason=f"There is no rule for {wanted}: the coder.")
    allowed = tuple(name for name in rule.providers if name == "coder" or (policy or WorkspacePolicy()).allows(name))
    return Turn(providers=allowed, reason=f"{wanted}: {rule.reason}")
