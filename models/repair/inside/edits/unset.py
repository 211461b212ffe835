"""Names that a function reads and that nobody sets: the assignment that is gone. Pure."""

from __future__ import annotations

import ast

from ..analysis.kin import builtin
from ..analysis.scope import Scope
from .lost import around, calls

_NEUTRAL = ("None", "[]", "0", "{}", "False", "True", "''", "set()", "1")


def unset(scope: Scope) -> dict[str, tuple[float, int]]:
    """Assignments of such names, each with its weight and the line of the first use."""
    if scope.facts.kin.open or scope.function is None:
        return {}
    found: dict[str, tuple[float, int]] = {}
    done: set[str] = set()
    for node in scope.nodes():
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id not in done:
            done.add(node.id)
            if node.id not in scope.known and not builtin(node.id):
                first = min(n.lineno for n in scope.nodes() if isinstance(n, ast.Name) and n.id == node.id)
                found.update({text: (weight, first) for text, weight in _set(scope, node.id).items()})
    return found


def _set(scope: Scope, name: str) -> dict[str, float]:
    told = scope.borrowed(scope.facts.kin.assigned.get(name, ()))
    attributes = [f"{one}.{lead}{name}" for one in scope.locals[:6] for lead in ("", "_")]
    wrapped = [text for one in scope.locals[:4] for text in around(scope, one)[:10]]
    lengths = [f"len({one})" for one in scope.locals[:5]]
    found = _picked(scope, name)
    for texts, weight, fade in (
        (attributes, 0.6, 0.02), (told[:8], 0.58, 0.05), (_NEUTRAL, 0.55, 0.04), (scope.locals[:6], 0.5, 0.05),
        (scope.own_attributes[:8], 0.5, 0.04), (calls(scope)[:10], 0.5, 0.04), (lengths, 0.42, 0.05),
        (wrapped, 0.4, 0.02), (scope.expressions[:16], 0.4, 0.03),
    ):  # fmt: skip
        for place, text in enumerate(one for one in texts if one != name):
            found.setdefault(f"{name} = {text}", weight / (1 + fade * place))
    return found


def _picked(scope: Scope, name: str) -> dict[str, float]:
    """Taken from keywords, or from something else that has keys: ``kwargs.pop("depth", self.default_depth)``."""
    keywords = scope.function.args.kwarg if scope.function else None
    holders = [keywords.arg] if keywords else [one for one in scope.params if one in scope.sequences][:2]
    defaults = dict.fromkeys([*scope.own_attributes, *_of_the_class(scope), *scope.facts.globals])
    otherwise = ["None", *(one for one in defaults if name in one.lower() and one != name)]
    texts = [f"{one}.{how}({name!r}, {other})" for one in holders for other in otherwise[:6] for how in ("pop", "get")]
    texts += [text for one in holders for text in (f"{one}[{name!r}]", f"{one}.pop({name!r})")]
    return {f"{name} = {text}": 0.57 / (1 + 0.03 * place) for place, text in enumerate(texts)}


def _of_the_class(scope: Scope) -> list[str]:
    parent = scope.code.parents.get(scope.function) if scope.function else None
    body = parent.body if isinstance(parent, ast.ClassDef) and scope.self_name else []
    targets = [target for node in body if isinstance(node, ast.Assign) for target in node.targets]
    targets += [node.target for node in body if isinstance(node, ast.AnnAssign)]
    return [f"{scope.self_name}.{target.id}" for target in targets if isinstance(target, ast.Name)]
