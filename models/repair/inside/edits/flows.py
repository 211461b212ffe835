"""Mutation operators for the flow of values: return, yield, assignment, bare expression."""

from __future__ import annotations

import ast

from ..analysis.nodes import whole
from ..analysis.site import Ideas, Site, negated, operand
from .conditions import ingredients, returned
from .lost import values


def returns(site: Site, node: ast.Return) -> Ideas:  # noqa: C901, PLR0912 - a table of edits
    scope = site.scope
    if node.value is None:
        for place, name in enumerate(scope.names[:8]):
            yield site.raw("value returned", 0.5 / (1 + 0.15 * place), (site.start, site.end), f"return {name}")
        yield from values(site)
        return
    text = site.of(node.value)
    span = (site.start, site.end)
    inner = Site(site.code, scope, node.value)
    if isinstance(node.value, ast.Constant) and node.value.value is None:
        yield from values(site)
    if isinstance(node.value, (ast.Name, ast.Call, ast.Subscript, ast.Attribute)) and "\n" not in text:
        for other in ("0", "''", "None", "[]", *(repr(string) for string in scope.hints.strings[:4])):
            yield inner.idea("default added", 0.15, f"{text} or {other}")
    if isinstance(node.value, (ast.Constant, ast.Name)):
        yield from returned(inner)
    if isinstance(node.value, (ast.Constant, ast.Name, ast.List, ast.Dict, ast.Tuple)):
        for other, weight in (
            ("[]", 0.3),
            ("0", 0.3),
            ("1", 0.3),
            ("None", 0.25),
            ("True", 0.3),
            ("False", 0.3),
            ("''", 0.2),
            ("[[]]", 0.3),
            ("{}", 0.15),
        ):
            if other != text:
                yield inner.idea("constant returned", weight, other)
        for place, name in enumerate([n for n in [*scope.names, *scope.own_attributes] if n != text][:10]):
            yield inner.idea("value returned", 0.5 / (1 + 0.1 * place), name)
            yield inner.idea("value returned", 0.35 / (1 + 0.1 * place), f"[{name}]")
    if not isinstance(node.value, (ast.Compare, ast.BoolOp)):
        for place, name in enumerate([n for n in scope.names if n in scope.ints and n != text][:4]):
            fade = 1 / (1 + 0.15 * place)
            yield inner.idea("limit added", 0.3 * fade, f"max({name}, {text})")
            yield inner.idea("limit added", 0.3 * fade, f"min({name}, {text})")
    yield inner.idea(
        "condition negated", 0.6 if isinstance(node.value, (ast.Compare, ast.BoolOp)) else 0.35, negated(text)
    )
    yield site.raw("return to yield", 0.25, span, f"yield {text}")
    if isinstance(node.value, (ast.Compare, ast.BoolOp, ast.UnaryOp)) and "\n" not in text:
        for other, weight in list(ingredients(inner).items())[:24]:
            if other != text:
                yield inner.idea("condition strengthened", 0.7 * weight, f"{operand(text, 2)} and {operand(other, 3)}")
                yield inner.idea("condition weakened", 0.7 * weight, f"{operand(text, 1)} or {operand(other, 2)}")


def expressions(site: Site, node: ast.Expr) -> Ideas:
    value = node.value
    span = (site.start, site.end)
    text = site.of(value)
    if isinstance(value, ast.YieldFrom):
        yield site.raw("yield", 0.9, span, f"yield {site.of(value.value)}")
    elif isinstance(value, ast.Yield) and value.value is not None:
        inner = site.of(value.value)
        yield site.raw("yield", 0.9, span, f"yield from {inner}")
        for arg in value.value.args if isinstance(value.value, ast.Call) else []:
            yield site.raw("yield", 0.8, span, f"yield {site.of(arg)}")
            yield site.raw("yield", 0.5, span, f"yield from {site.of(arg)}")
    else:
        yield site.raw("return added", 0.6, span, f"return {text}")
        if site.scope.function is not None and any(
            isinstance(n, (ast.Yield, ast.YieldFrom)) for n in site.scope.nodes()
        ):
            yield site.raw("yield", 0.6, span, f"yield from {text}")
    if isinstance(value, ast.Call):
        for name in site.scope.locals[:6]:
            yield site.raw("result kept", 0.25, span, f"{name} = {text}")
        for arg in value.args[:2]:
            if isinstance(arg, (ast.Subscript, ast.Attribute)):
                yield site.raw("result kept", 0.4, span, f"{site.of(arg)} = {text}")
        if isinstance(value.func, ast.Attribute) and len(value.args) == 1:
            target, arg = site.of(value.func.value), site.of(value.args[0])
            yield site.raw("call to assignment", 0.45, span, f"{target} = {arg}")
            yield site.raw("call to assignment", 0.3, span, f"{target} += {arg}")


def assignments(site: Site, node: ast.Assign) -> Ideas:  # noqa: C901, PLR0912 - a table of edits
    if len(node.targets) != 1:
        return
    target, value = node.targets[0], node.value
    name, text = site.of(target), site.of(value)
    gap = site.code.text[site.code.span(target)[1] : site.code.span(value)[0]]
    if gap.strip() == "=" and not isinstance(target, (ast.Tuple, ast.List)):
        at = site.code.span(target)[1] + gap.index("=")
        for sign, weight in (("+=", 0.6), ("-=", 0.35), ("*=", 0.2), ("|=", 0.15), ("//=", 0.1)):
            yield site.raw("assignment", weight, (at, at + 1), sign)
        inner = Site(site.code, site.scope, value)
        if "\n" not in text and not isinstance(value, (ast.Compare, ast.BoolOp, ast.List, ast.Dict)):
            for call in ("max", "min"):
                for first, weight in ((name, 0.5), ("0", 0.4)):
                    yield inner.idea("limit added", weight, f"{call}({first}, {text})")
                for place, other in enumerate(n for n in site.scope.names if n in site.scope.ints and n != name):
                    if place < 3:  # noqa: PLR2004
                        yield inner.idea("limit added", 0.25, f"{call}({other}, {text})")
            yield inner.idea("term added", 0.45, f"{name} + {operand(text, 10)}")
            yield inner.idea("term added", 0.3, f"{operand(text)} + {name}")
        if not isinstance(value, ast.BoolOp):
            yield inner.idea("default kept", 0.2, f"{name} or {operand(text, 2)}")
    for part in ast.walk(value):
        called = isinstance(site.code.parents.get(part), ast.Call) and isinstance(part, ast.Attribute)
        read = isinstance(part, (ast.Subscript, ast.Attribute)) and isinstance(part.ctx, ast.Load)
        if read and not called and site.of(part) != name:
            yield site.raw("target replaced", 0.4, site.code.span(target), site.of(part))
    if isinstance(target, ast.Subscript) and isinstance(value, (ast.Name, ast.Constant)):
        turned = f"{site.of(target.value)}[{text}] = {site.of(target.slice)}"
        yield site.raw("key and value exchanged", 0.4, (site.start, site.end), turned)
    if isinstance(target, ast.Subscript) and isinstance(value, (ast.List, ast.Set)) and len(value.elts) == 1:
        kind, add = ("[]", "append") if isinstance(value, ast.List) else ("set()", "add")
        text = f"{site.of(target.value)}.setdefault({site.of(target.slice)}, {kind}).{add}({site.of(value.elts[0])})"
        yield site.raw("kept together", 0.5, (site.start, site.end), text)
    stored = (n for n in site.scope.nodes() if isinstance(n, (ast.Subscript, ast.Attribute)))
    targets = dict.fromkeys(site.of(n) for n in stored if isinstance(n.ctx, ast.Store))
    for other in [other for other in targets if other != name][:5]:
        yield site.raw("target replaced", 0.3, site.code.span(target), other)
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts) == 2:  # noqa: PLR2004
        ones = [f"{site.of(a)} = {site.of(b)}" for a, b in zip(target.elts, value.elts)]  # noqa: B905 - Python 3.9
        indent = whole(site.code, node)
        if indent is not None:
            # Both orders: in ``a, b = b, a + b`` the right sides are computed before either name is set.
            for pair in (ones, ones[::-1]):
                yield site.raw("assignments split", 0.3, (site.start, site.end), f"{pair[0]}\n{indent[2]}{pair[1]}")
