"""Every text that is one edit away."""

from models.repair.inside.analysis.facts import Hints
from models.repair.inside.analysis.source import Code
from models.repair.inside.search.ideas import Ideal


def repaired(text: str) -> dict[str, int]:
    """Every text one edit away, with its rank."""
    code = Code("x.py", text)
    found: dict[str, int] = {}
    lines = range(1, text.count("\n") + 2)
    for rank, candidate in enumerate(Ideal(code, Hints()).candidates(lambda _: 1.0, lines)):
        idea = candidate.idea
        found.setdefault(text[: idea.start] + idea.text + text[idea.end :], rank)
    return found
