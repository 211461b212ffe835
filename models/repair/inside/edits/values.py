"""Mutation operators for any value: wrapped in a call, cut, exchanged for another expression, added to."""

from __future__ import annotations

import ast
import re

from ..analysis.facts import call_name
from ..analysis.site import Ideas, Site, operand, plus

_LONG = 80
_CASTS = ("list", "tuple", "set", "sorted", "str", "int", "len", "reversed", "abs", "float", "bool", "dict")
_RARER = ("sum", "max", "min", "repr", "next", "iter", "enumerate")


def wraps(site: Site) -> Ideas:  # noqa: C901, PLR0912 - a table of edits, read from top to bottom
    """A call around an expression, or a part of a sequence in its place."""
    node, parent, scope = site.node, site.parent, site.scope
    if "\n" in site.text or not _value_place(site):
        return
    weight = 0.7 if site.text in scope.sequences or isinstance(node, (ast.ListComp, ast.GeneratorExp)) else 0.4
    for name in _CASTS:
        if call_name(node) != name and not (isinstance(parent, ast.Call) and call_name(parent) == name):
            yield site.idea("call added", 0.42 * weight, f"{name}({site.text})")
    for name in _RARER:
        if call_name(node) != name and site.text not in scope.ints:
            yield site.idea("call added", 0.22 * weight, f"{name}({site.text})")
    if site.text in scope.ints or isinstance(node, (ast.BinOp, ast.Call)):
        for text in (f"round({site.text})", f"round({site.text}, 2)"):
            yield site.idea("call added", 0.2 * weight, text)
    if isinstance(node, (ast.Name, ast.Attribute)):
        for method, part in (
            ("copy", 0.5),
            ("strip", 0.3),
            ("lower", 0.3),
            ("items", 0.4),
            ("values", 0.3),
            ("keys", 0.2),
        ):
            yield site.idea("method added", part * weight, f"{site.text}.{method}()")
        for text, part in (("[1:]", 0.7), ("[:-1]", 0.55), ("[0]", 0.5), ("[-1]", 0.4), ("[::-1]", 0.4), ("[:]", 0.3)):
            yield site.idea("slice added", part * weight, site.text + text)
        for place, key in enumerate([n for n in scope.names if n not in scope.ints and n != site.text][:5]):
            yield site.idea("subscript added", 0.4 * weight / (1 + 0.2 * place), f"{site.text}[{key}]")
        for place, index in enumerate(n for n in scope.names if n in scope.ints and n != site.text):
            fade = weight * 0.8 / (1 + 0.2 * place)
            if place < 5:  # noqa: PLR2004
                for form, part in ((f"[{index}]", 0.5), (f"[{index}:]", 0.7), (f"[:{index}]", 0.6)):
                    yield site.idea("slice added", part * fade, site.text + form)
    elif isinstance(node, (ast.Call, ast.ListComp, ast.Subscript)):
        for text, part in (("[::-1]", 0.4), ("[1:]", 0.3), ("[:-1]", 0.3), ("[0]", 0.3), ("[-1]", 0.2)):
            yield site.idea("slice added", part * weight, site.text + text)


def _value_place(site: Site) -> bool:
    """Places whose value flows on: iterated, returned, assigned, passed, computed with."""
    parent, node = site.parent, site.node
    if not isinstance(getattr(node, "ctx", ast.Load()), ast.Load) or isinstance(node, ast.Constant):
        return False
    if isinstance(parent, (ast.Return, ast.Yield, ast.YieldFrom, ast.BinOp, ast.Compare, ast.keyword)):
        return True
    if isinstance(parent, (ast.For, ast.comprehension)):
        return node is parent.iter
    if isinstance(parent, (ast.ListComp, ast.SetComp, ast.GeneratorExp)):
        return node is parent.elt
    if isinstance(parent, (ast.Tuple, ast.List)):
        return True
    if isinstance(parent, (ast.Assign, ast.AugAssign)):
        return node is parent.value
    return isinstance(parent, ast.Call) and node in parent.args


def exchanges(site: Site) -> Ideas:
    """Another expression of the same function in this one's place, or a part of this one."""
    node = site.node
    if isinstance(node, (ast.Name, ast.Constant)) and not isinstance(site.parent, (ast.Return, ast.Assign, ast.Call)):
        return
    if "\n" in site.text or len(site.text) > 90 or not _value_place(site):  # noqa: PLR2004
        return
    for place, text in enumerate(t for t in site.scope.expressions if t != site.text):
        if place >= 20:  # noqa: PLR2004
            break
        yield site.idea("other expression", 0.36 / (1 + 0.06 * place), text)
    if isinstance(node, (ast.BinOp, ast.Call, ast.Subscript)):
        parts = {
            site.of(n)
            for n in ast.walk(node)
            if isinstance(n, (ast.Subscript, ast.Call, ast.Attribute)) and n is not node
        }
        for text in sorted(parts, key=len)[:6]:
            yield site.idea("part of it", 0.3, text)


def turns(site: Site) -> Ideas:
    """Two names of an expression in each other's place."""
    if not isinstance(site.node, (ast.BinOp, ast.Call, ast.Subscript)) or "\n" in site.text or len(site.text) > _LONG:
        return
    names = [n.id for n in ast.walk(site.node) if isinstance(n, ast.Name) and n.id in site.scope.names]
    names = list(dict.fromkeys(names))
    if len(names) == 2:  # noqa: PLR2004
        # Both at once: one after the other would make the second what the first has just become.
        other = {names[0]: names[1], names[1]: names[0]}
        text = re.sub(r"(?<![\w.])[A-Za-z_]\w*", lambda match: other.get(match[0], match[0]), site.text)
        yield site.idea("names exchanged", 0.4, text)


def additions(site: Site) -> Ideas:
    """A term in front of or behind a returned, yielded or assigned value."""
    parent, scope = site.parent, site.scope
    if isinstance(parent, (ast.ListComp, ast.GeneratorExp)) and site.node is parent.elt and "\n" not in site.text:
        for place, name in enumerate(scope.names[:6]):
            yield site.idea("term added", 0.35 / (1 + 0.15 * place), plus(f"[{name}]", site.text))
            yield site.idea("term added", 0.3 / (1 + 0.15 * place), plus(name, site.text))
        return
    if isinstance(parent, ast.Call) and site.node in parent.args and isinstance(site.node, ast.Name):
        for place, name in enumerate(name for name in scope.names[:7] if name != site.text):
            yield site.idea("term added", 0.25 / (1 + 0.15 * place), plus(f"[{name}]", site.text))
            yield site.idea("term added", 0.22 / (1 + 0.15 * place), plus(name, site.text))
        return
    if not isinstance(parent, (ast.Return, ast.Assign, ast.Yield, ast.YieldFrom, ast.AugAssign)) or "\n" in site.text:
        return
    if not _value_place(site) or isinstance(site.node, (ast.Compare, ast.BoolOp)):
        return
    # A sequence that is mentioned already may well be joined to itself; a number seldom is added twice.
    mentioned = {n.id for n in ast.walk(site.node) if isinstance(n, ast.Name)} - scope.sequences
    for place, name in enumerate(n for n in scope.names if n not in mentioned):
        if place >= 6:  # noqa: PLR2004
            break
        fade = 1 / (1 + 0.15 * place)
        yield site.idea("term added", 0.4 * fade, plus(name, site.text))
        yield site.idea("term added", 0.4 * fade, plus(site.text, name))
        yield site.idea("term added", 0.25 * fade, plus(site.text, f"[{name}]"))
        yield site.idea("factor added", 0.2 * fade, f"{operand(site.text, 10)} * {name}")
