"""Signals: what the analysis noticed, before anybody says how bad that is."""

from dataclasses import dataclass

SHOWN = 80


@dataclass(frozen=True, slots=True)
class Signal:
    """An effect and what has it. ``rule`` names the rule that saw it; empty: the grammar of programs."""

    effect: str
    what: str = ""
    rule: str = ""
    message: str = ""
    """Instead of the effect's own words."""


def shown(text: str, size: int = SHOWN) -> str:
    """Make any text safe to print in a reason: nothing invisible, nothing that moves the cursor, one line."""
    printable = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[: size + 1])
    return printable if len(text) <= size else f"{printable[:size]}…"


def names(text: str) -> frozenset[str]:
    """Return the words of a text as a set."""
    return frozenset(text.split())
