"""Mutation operators for shared mutable objects: defaults of parameters and attributes of classes, made anew."""

from __future__ import annotations

import ast
from typing import cast

from ..analysis.facts import call_name
from ..analysis.nodes import docstring, whole
from ..analysis.site import Idea, Ideas, Site
from ..analysis.source import FUNCTIONS, Function

_MAKERS = frozenset(("list", "dict", "set", "defaultdict", "deque", "Counter", "OrderedDict", "bytearray"))


def _shared(node: ast.expr) -> bool:
    return isinstance(node, (ast.List, ast.Dict, ast.Set, ast.ListComp)) or call_name(node) in _MAKERS


def defaults(site: Site) -> Ideas:
    """``def f(seen=[])``: None in its place, and a new one made inside."""
    node = cast(Function, site.node)
    args = [*node.args.posonlyargs, *node.args.args]
    first = next((s for s in node.body if not docstring(s)), node.body[0])
    lines = whole(site.code, first)
    for arg, value in zip(args[len(args) - len(node.args.defaults) :], node.args.defaults):  # noqa: B905 - Python 3.9
        if _shared(value) and lines is not None:
            start, end = site.code.span(value)
            fresh = f"{lines[2]}if {arg.arg} is None:\n{lines[2]}    {arg.arg} = {site.of(value)}\n"
            # One range of text from the default to the first statement: an edit is one replacement.
            text = "None" + site.code.text[end : lines[0]] + fresh
            yield Idea("default made anew", 0.7, start, lines[0], text)


def attributes(site: Site) -> Ideas:
    """``class A: items = []``: made for each object in ``__init__``."""
    node, owner = cast(ast.Assign, site.node), site.parent
    target, lines = node.targets[0], whole(site.code, node)
    if not (isinstance(owner, ast.ClassDef) and _shared(node.value) and lines and isinstance(target, ast.Name)):
        return
    text = f"self.{site.text}\n"
    maker = next((s for s in owner.body if isinstance(s, FUNCTIONS) and s.name == "__init__"), None)
    if maker is None:
        method = f"{lines[2]}def __init__(self):\n{lines[2]}    {text}"
        yield Idea("attribute of each object", 0.6, lines[0], lines[1], method)
        return
    first = whole(site.code, next((s for s in maker.body if not docstring(s)), maker.body[0]))
    if first is not None:
        # The attribute of the class stays: something may read it there, and in objects the new one hides it.
        yield Idea("attribute of each object", 0.6, first[0], first[0], first[2] + text)
