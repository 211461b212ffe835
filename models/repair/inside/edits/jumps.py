"""Mutation operators for jumps, exception types, loops, ``await`` and decorators."""

from __future__ import annotations

import ast
from typing import cast

from ..analysis.facts import call_name, number
from ..analysis.site import Idea, Ideas, Site
from ..analysis.source import FUNCTIONS

_ERRORS = ("ValueError", "TypeError", "KeyError", "IndexError", "AttributeError", "Exception", "RuntimeError")

_MISTAKEN = {
    "KeyError": "IndexError",
    "IndexError": "KeyError",
    "ValueError": "TypeError",
    "TypeError": "ValueError",
    "AttributeError": "KeyError",
    "StopIteration": "IndexError",
    "OSError": "ValueError",
}
"""Which error is most often taken for which."""


def jumps(site: Site) -> Ideas:
    span = (site.start, site.end)
    here = site.text
    for other in ("break", "continue", "pass", "return"):
        if other != here:
            yield site.raw("jump", 0.9 if other in ("break", "continue") and here != "pass" else 0.45, span, other)
    for place, name in enumerate(site.scope.names[:6]):
        yield site.raw("jump", 0.35 / (1 + 0.15 * place), span, f"return {name}")
    for value in ("None", "True", "False"):
        yield site.raw("jump", 0.3, span, f"return {value}")


def errors(site: Site, node: ast.Raise | ast.Try) -> Ideas:
    facts = site.scope.facts
    pool = list(dict.fromkeys([*site.scope.hints.raises, *facts.raises, *facts.excepts, *_ERRORS]))
    if isinstance(node, ast.Raise):
        if node.exc is None:
            return
        name = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        for place, other in enumerate(p for p in pool if p != site.of(name) and not p.startswith("(")):
            weight = 0.8 if other in site.scope.hints.raises else 0.4
            yield site.raw("error type", weight / (1 + 0.15 * place), site.code.span(name), other)
        return
    for clause in node.handlers:
        if clause.type is None:
            continue
        span, text = site.code.span(clause.type), site.of(clause.type)
        likely = [_MISTAKEN[text]] if text in _MISTAKEN else []
        for place, other in enumerate(p for p in dict.fromkeys([*likely, *pool]) if p != text):
            yield site.raw("error type", 0.55 / (1 + 0.12 * place), span, other)
            # An error too few in the clause is as frequent as the wrong one.
            if not text.startswith("("):
                yield site.raw("error type", 0.4 / (1 + 0.12 * place), span, f"({text}, {other})")


def loops(site: Site) -> Ideas:
    """What a ``for`` runs over."""
    node = cast(ast.For, site.node)
    source = Site(site.code, site.scope, node.iter)
    if call_name(node.iter) == "range" and isinstance(node.iter, ast.Call) and len(node.iter.args) == 1:
        count = node.iter.args[0]
        if call_name(count) == "len" and isinstance(count, ast.Call):
            yield source.idea("loop source", 0.25, site.of(count.args[0]))
    for place, name in enumerate(n for n in site.scope.names if n in site.scope.sequences and n != source.text):
        yield source.idea("loop source", 0.5 / (1 + 0.2 * place), name)
    if number(node.iter):
        yield source.idea("loop source", 0.5, f"range({source.text})")


def awaits(site: Site) -> Ideas:
    """``await`` where a coroutine is called, or not."""
    if isinstance(site.node, ast.Await):
        yield site.idea("await", 0.4, site.of(site.node.value))
    elif isinstance(site.scope.function, ast.AsyncFunctionDef) and not isinstance(site.parent, ast.Await):
        yield site.idea("await", 0.6, f"await {site.text}")


def decorators(site: Site) -> Ideas:
    """A decorator of a method taken away or added."""
    node = site.node
    if not isinstance(node, FUNCTIONS):
        return
    for decorator in node.decorator_list:
        start, end = site.code.span(decorator)
        yield Idea("decorator", 0.3, site.code.line_start(start), site.code.line_end(end), "")
    if isinstance(site.parent, ast.ClassDef) and not node.decorator_list:
        indent = site.code.indent(node)
        first = node.args.args[0].arg if node.args.args else ""
        for name, weight in (
            ("property", 0.3),
            ("classmethod", 0.4 if first == "cls" else 0.1),
            ("staticmethod", 0.4 if first not in ("self", "cls") else 0.1),
        ):
            yield Idea("decorator", weight, site.start, site.start, f"@{name}\n{indent}")
