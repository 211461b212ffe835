"""Whether an edit only takes something away. Pure, and default-deny: unknown differences widen."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from domain import Action

SWITCHES = frozenset({"force", "force_with_lease", "delete", "mirror", "follow_tags", "amend"})
"""Arguments whose absence does strictly less; ``dry_run`` and the like are not among them."""

SUBSETS = frozenset({"paths", "refs", "scopes"})
"""Arguments that name what is acted on, so that a subset acts on less. Never an argument vector."""


def narrows(old: Action, new: Action) -> bool:
    """True when ``new`` provably does nothing that ``old`` would not have done."""
    same = [f.name for f in fields(Action) if f.name not in {"arguments", "environment", "network"}]
    return (
        all(getattr(old, name) == getattr(new, name) for name in same)
        and new.network in {old.network, "none"}
        and set(new.environment) <= set(old.environment)
        and old.arguments.keys() == new.arguments.keys()
        and all(_less(key, old.arguments[key], new.arguments[key]) for key in old.arguments)
    )


def _less(key: str, old: Any, new: Any) -> bool:
    if type(old) is type(new) and old == new:
        return True
    if key in SWITCHES:
        return old is True and new is False
    if key in SUBSETS and isinstance(old, list) and isinstance(new, list):
        return bool(new) and _within(new, old)  # an empty list often means "all"
    return False


def _within(few: Sequence[str], many: Sequence[str]) -> bool:
    return set(few) <= set(many)
