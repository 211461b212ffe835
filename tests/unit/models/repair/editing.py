"""Every text that is one edit away, and places to try one operator at."""

import ast

from models.repair.inside.analysis.facts import Hints
from models.repair.inside.analysis.scope import Scope
from models.repair.inside.analysis.site import Ideas, Site
from models.repair.inside.analysis.source import Code
from models.repair.inside.search.ideas import EditGenerator


def repaired(text: str) -> dict[str, int]:
    """Every text one edit away, with its rank."""
    code = Code("x.py", text)
    found: dict[str, int] = {}
    lines = range(1, text.count("\n") + 2)
    for rank, candidate in enumerate(EditGenerator(code, Hints()).candidates(lambda _: 1.0, lines)):
        idea = candidate.idea
        found.setdefault(text[: idea.start] + idea.text + text[idea.end :], rank)
    return found


def site(text: str, fragment: str, hints: Hints | None = None) -> Site:
    """The outermost node of a file that reads as ``fragment``, no target of an assignment."""
    code = Code("x.py", text)
    placed = [node for node in ast.walk(code.tree) if isinstance(node, ast.expr | ast.stmt)]
    read = [node for node in placed if isinstance(getattr(node, "ctx", ast.Load()), ast.Load)]
    node = next(node for node in read if code.of(node) == fragment)
    return Site(code, EditGenerator(code, hints or Hints()).scope(node), node)


def scope(text: str, name: str, hints: Hints | None = None) -> Scope:
    """The scope inside a function of a file."""
    code = Code("x.py", text)
    functions = (node for node in ast.walk(code.tree) if isinstance(node, ast.FunctionDef))
    return EditGenerator(code, hints or Hints()).scope(next(node for node in functions if node.name == name).body[0])


def edited(at: Site, ideas: Ideas) -> dict[str, float]:
    """The whole files that edits give, each with the weight of the edit."""
    text = at.code.text
    return {text[: idea.start] + idea.text + text[idea.end :]: idea.weight for idea in ideas}
