"""Edits of calls, subscripts, displays and comprehensions, and expressions put in place of others."""

from __future__ import annotations

import ast
from typing import cast

from ..analysis.facts import call_name
from ..analysis.site import Idea, Ideas, Site, plus
from .arguments import missing


def calls(site: Site) -> Ideas:
    """Arguments exchanged, dropped or added; the call taken away; keywords changed."""
    node = cast(ast.Call, site.node)
    args = node.args
    for one in range(len(args)):
        for other in range(one + 1, len(args)):
            weight = 0.9 if other == one + 1 else 0.5
            if site.of(args[one]) != site.of(args[other]):
                yield exchange(site, "arguments exchanged", weight, args[one], args[other])
    for place, arg in enumerate(args):
        text = site.of(arg)
        if not isinstance(arg, ast.Starred) and "\n" not in text:
            weight = 0.75 if len(args) == 1 else 0.45
            yield site.idea("call dropped", weight if isinstance(node.func, ast.Name) else weight * 0.6, text)
        yield _drop(site, "argument dropped", 0.45 if len(args) > 1 or node.keywords else 0.2, place)
        if isinstance(arg, ast.Starred):
            yield site.at("star dropped", 0.6, arg, site.of(arg.value))
        elif isinstance(arg, ast.Name) and arg.id in site.scope.sequences:
            yield site.at("star added", 0.2, arg, f"*{text}")
    yield from _range(site, node)
    yield from _keywords(site, node)
    yield from _added(site, node)
    yield from missing(site, node)
    if isinstance(node.func, ast.Attribute) and node.func.attr == "get" and args:
        yield site.idea("get to subscript", 0.4, f"{site.of(node.func.value)}[{site.of(args[0])}]")
    if isinstance(node.func, ast.Attribute) and node.func.attr == "pop" and not args:
        yield site.idea("argument added", 0.7, f"{site.of(node.func)}(0)")
        yield site.idea("argument added", 0.2, f"{site.of(node.func)}(-1)")


def exchange(site: Site, kind: str, weight: float, one: ast.AST, other: ast.AST) -> Idea:
    (a, b), (c, d) = site.code.span(one), site.code.span(other)
    text = site.code.text
    return site.raw(kind, weight, (a, d), text[c:d] + text[b:c] + text[a:b])


def _drop(site: Site, kind: str, weight: float, place: int) -> Idea:
    node = cast(ast.Call, site.node)
    parts = [site.of(arg) for arg in node.args] + [site.of(k) for k in node.keywords]
    del parts[place]
    return site.idea(kind, weight, f"{site.of(node.func)}({', '.join(parts)})")


def _range(site: Site, node: ast.Call) -> Ideas:
    if call_name(node) != "range":
        return
    args = [site.of(arg) for arg in node.args]
    if len(args) == 1:
        yield site.idea("range", 0.8, f"range(1, {args[0]})")
        yield site.idea("range", 0.6, f"range(1, {plus(args[0], '1')})")
        yield site.idea("range", 0.35, f"range({args[0]} - 1, -1, -1)")
        for name in [n for n in site.scope.names if n in site.scope.ints][:5]:
            yield site.idea("range", 0.5, f"range({name}, {args[0]})")
            yield site.idea("range", 0.35, f"range({plus(name, '1')}, {args[0]})")
    elif len(args) == 2:  # noqa: PLR2004
        yield site.idea("range", 0.5, f"range({args[0]}, {args[1]}, -1)")
        for step in ["2", *[n for n in site.scope.names if n in site.scope.ints]][:6]:
            yield site.idea("range", 0.35, f"range({args[0]}, {args[1]}, {step})")
    else:
        yield site.idea("range", 0.5, f"range({args[0]}, {args[1]})")


def _keywords(site: Site, node: ast.Call) -> Ideas:
    parts = [site.of(arg) for arg in node.args] + [site.of(k) for k in node.keywords]
    first = len(node.args)
    for place, keyword in enumerate(node.keywords):
        rest = [*parts[: first + place], *parts[first + place + 1 :]]
        yield site.idea("argument dropped", 0.45, f"{site.of(node.func)}({', '.join(rest)})")
        word = keyword.arg
        if word in site.scope.names and isinstance(keyword.value, ast.Name) and word != keyword.value.id:
            yield site.at("name replaced", 0.8, keyword.value, word)
    name = call_name(node)
    used = {k.arg for k in node.keywords}
    for word in sorted(site.scope.facts.keywords.get(name, set()) - used)[:4]:
        if word in site.scope.names:
            yield site.idea("argument added", 0.4, f"{site.of(node.func)}({', '.join([*parts, f'{word}={word}'])})")


def _added(site: Site, node: ast.Call) -> Ideas:
    """One more argument, where the callee of this file takes more than it is given."""
    name = call_name(node)
    known = site.scope.facts.functions.get(name)
    if known is None or len(node.args) + len(node.keywords) >= known:
        return
    parts = [site.of(arg) for arg in node.args]
    for place, extra in enumerate(n for n in site.scope.names if n not in parts):
        if place == 6:  # noqa: PLR2004
            break
        yield site.idea(
            "argument added", 0.4 / (1 + 0.2 * place), f"{site.of(node.func)}({', '.join([*parts, extra])})"
        )
