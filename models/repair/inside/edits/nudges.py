"""Numbers that are one off, or off by another number."""

from __future__ import annotations

import ast

from ..analysis.facts import number
from ..analysis.site import Ideas, Site, minus, plus

_COUNTING = ("get", "count", "index", "find", "rfind", "pop", "bisect_left", "bisect_right", "ceil", "floor")


def nudges(site: Site) -> Ideas:
    """An expression that may be a number, one more or less, or more or less by another number in scope."""
    node = site.node
    if number(node) or not _numeric(site):
        return
    weight = _place_weight(site)
    if weight <= 0:
        return
    ends_in_one = isinstance(node, ast.BinOp) and isinstance(node.right, ast.Constant) and node.right.value == 1
    if not ends_in_one:
        yield site.idea("one more", 0.8 * weight, plus(site.text, "1"))
        yield site.idea("one less", 0.8 * weight, minus(site.text, "1"))
    mentioned = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    others: list[str] = [n for n in site.scope.names if n in site.scope.ints and n not in mentioned][:8]
    others += [text for text in site.scope.expressions if text.startswith("len(") and text not in site.text][:4]
    for place, name in enumerate(others):
        fade = 1 / (1 + 0.15 * place)
        yield site.idea("plus a name", 0.4 * weight * fade, plus(site.text, name))
        yield site.idea("minus a name", 0.4 * weight * fade, minus(site.text, name))
    if isinstance(node, (ast.Name, ast.Attribute)):
        for text, part in (
            (f"{site.text} * 2", 0.3),
            (f"{site.text} // 2", 0.3),
            (f"{site.text} ** 2", 0.35),
            (f"-{site.text}", 0.4),
        ):
            yield site.idea("scaled", part * weight, text)


def _numeric(site: Site) -> bool:
    node = site.node
    if isinstance(node, (ast.Name, ast.Attribute)):
        if not isinstance(node.ctx, ast.Load) or site.text in site.scope.callables:
            return False
        return site.text in site.scope.ints or site.text in site.scope.locals
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute):
            return node.func.attr in _COUNTING
        return isinstance(node.func, ast.Name) and node.func.id in (
            "len", "int", "sum", "max", "min", "abs", "round", *site.scope.facts.functions
        )  # fmt: skip
    return isinstance(node, (ast.BinOp, ast.Subscript)) and isinstance(getattr(node, "ctx", ast.Load()), ast.Load)


def _place_weight(site: Site) -> float:
    """How often off-by-one happens at such a place."""
    known = site.text in site.scope.ints or not isinstance(site.node, ast.Name)
    parent = site.parent
    base = 0.4 if known else 0.15
    if site.text in site.scope.sequences and not known:
        return 0.05
    if isinstance(parent, ast.Slice) or (isinstance(parent, ast.Subscript) and parent.slice is site.node):
        return 1.0
    if isinstance(parent, ast.Call) and site.node in parent.args:
        if isinstance(parent.func, ast.Name) and parent.func.id == "range":
            return 1.0
        return 0.8 if known else 0.4
    if isinstance(parent, ast.Compare):
        return 0.9 if known else 0.4
    if isinstance(parent, ast.Tuple) and isinstance(site.code.parents.get(parent), ast.Subscript):
        return 1.0
    if isinstance(parent, (ast.Return, ast.Assign, ast.AugAssign)):
        return 0.8 if known else 0.4
    return base
