"""Insertion operators around a value: a missing call, a method behind it, a default where it is nothing."""

from __future__ import annotations

import ast

from ..analysis.donors import builtin
from ..analysis.facts import call_name
from ..analysis.site import Ideas, Site, operand

_LONG = 70
_ERRORS = ("ValueError", "TypeError", "KeyError", "IndexError", "AttributeError", "RuntimeError", "NotImplementedError")
_NOTHING = (("''", 0.3), ("[]", 0.25), ("None", 0.2), ("{}", 0.2), ("0", 0.2), ("()", 0.12))


def callers(site: Site) -> Ideas:
    """What the file calls with one argument, and the methods it calls with none."""
    node, scope = site.node, site.scope
    if "\n" in site.text or len(site.text) > _LONG or not _flows(site):
        return
    donors = scope.facts.donors
    single = [one.name for one in donors.functions if not one.owner and one.required <= 1 <= len(one.params)]
    heads = [
        head for head, _ in donors.wrappers.most_common(24) if head.partition(".")[0] in scope.known or builtin(head)
    ]
    heads = [head for head in dict.fromkeys([*heads, *single]) if not head.endswith((".append", ".add", ".extend"))]
    for place, head in enumerate([head for head in heads if head.rpartition(".")[2] != call_name(node)][:24]):
        yield site.idea("call added", 0.3 / (1 + 0.05 * place), f"{head}({site.text})")
    if isinstance(node, (ast.Call, ast.Subscript, ast.Attribute, ast.Name)):
        for place, (method, _) in enumerate(donors.bare.most_common(8)):
            yield site.idea("method added", 0.26 / (1 + 0.06 * place), f"{site.text}.{method}()")


def fallbacks(site: Site) -> Ideas:
    """``value or ''``, ``options.port or self.port``."""
    node, scope = site.node, site.scope
    if not isinstance(node, (ast.Name, ast.Attribute, ast.Call, ast.Subscript)) or not _flows(site):
        return
    if "\n" in site.text or len(site.text) > _LONG or isinstance(site.parent, (ast.BoolOp, ast.Compare)):
        return
    # ``x.port`` or ``port``: a default mostly is an attribute of the same name, of something else.
    last = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else None
    others = [(f"{name}.{last}", 0.26) for name in (scope.locals[:6] if last else ())]
    names = [(name, 0.22 / (1 + 0.1 * place)) for place, name in enumerate(scope.locals[:6])]
    for text, weight in (*others, *_NOTHING, *names):
        if text != site.text:
            yield site.idea("default added", weight, f"{operand(site.text, 1)} or {text}")


def raised(site: Site) -> Ideas:
    """An error around what is raised, when that is none."""
    if not isinstance(site.parent, ast.Raise) or not isinstance(site.node, (ast.Name, ast.Constant, ast.JoinedStr)):
        return
    # What a failing test expects, then what the file raises elsewhere, then the usual ones.
    for place, error in enumerate(dict.fromkeys([*site.scope.hints.raises, *site.scope.facts.raises, *_ERRORS])):
        yield site.idea("call added", 0.6 / (1 + 0.08 * place), f"{error}({site.text})")


def _flows(site: Site) -> bool:
    """Whether the value is read here and passed on: not called, not set, not the base of something else."""
    parent, node = site.parent, site.node
    if not isinstance(getattr(node, "ctx", ast.Load()), ast.Load) or isinstance(parent, ast.Attribute):
        return False
    if isinstance(parent, (ast.Call, ast.Subscript)):
        return node is not (parent.func if isinstance(parent, ast.Call) else parent.value)
    return not isinstance(parent, (ast.Expr, ast.Delete, ast.Starred))
