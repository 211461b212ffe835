"""Edits of whole statements: deleted, moved, exchanged, returned, yielded, assigned otherwise."""

from __future__ import annotations

import ast
from typing import Any, cast

from .conditions import ingredients, returned
from .scope import Scope, call_name, number
from .site import Idea, Ideas, Site, negated, operand
from .source import FUNCTIONS, Code

_SIMPLE = (
    ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr, ast.Return, ast.Raise, ast.Delete, ast.Assert,
    ast.Break, ast.Continue, ast.Pass,
)  # fmt: skip
_ERRORS = ("ValueError", "TypeError", "KeyError", "IndexError", "AttributeError", "Exception", "RuntimeError")


def whole(code: Code, statement: ast.stmt) -> tuple[int, int, str] | None:
    """Range of a statement's own lines, and its indentation; None when it shares a line."""
    start, end = code.span(statement)
    first = code.line_start(start)
    indent = code.text[first:start]
    last = code.line_end(end)
    rest = code.text[end:last].strip()
    if indent.strip() or (rest and not rest.startswith("#")):
        return None
    return first, last, indent


def reindented(text: str, old: str, new: str) -> str:
    """Move a block of lines from one indentation to another."""
    lines = text.splitlines(keepends=True)
    return "".join(new + line[len(old) :] if line.startswith(old) else line for line in lines)


def docstring(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def statements(site: Site) -> Ideas:
    """Everything that may happen to one statement."""
    node = cast(ast.stmt, site.node)
    if docstring(node):
        return
    yield from _deleted(site, node)
    yield from _moved(site, node)
    if isinstance(node, ast.Return):
        yield from _returns(site, node)
    elif isinstance(node, ast.Expr):
        yield from _expressions(site, node)
    elif isinstance(node, ast.Assign):
        yield from _assignments(site, node)
    elif isinstance(node, (ast.If, ast.While)):
        yield from _branches(site, node)
    elif isinstance(node, (ast.Break, ast.Continue, ast.Pass)):
        yield from _jumps(site, node)
    elif isinstance(node, (ast.Raise, ast.Try)):
        yield from _errors(site, node)


def _deleted(site: Site, node: ast.stmt) -> Ideas:
    if not isinstance(node, (*_SIMPLE, ast.If, ast.For, ast.While)) or isinstance(node, ast.Pass):
        return
    lines = whole(site.code, node)
    alone = len(site.code.block(node)) == 1
    weight = 0.5 if isinstance(node, _SIMPLE) else 0.35
    if lines is None or alone:
        yield site.raw("statement deleted", weight, (site.start, site.end), "pass")
    else:
        yield site.raw("statement deleted", weight, lines[:2], "")
    if isinstance(node, (ast.If, ast.While, ast.For)) and lines is not None and not node.orelse:
        body = _body(site.code, node.body)
        if body is not None:
            yield site.raw("block unwrapped", 0.35, lines[:2], reindented(body[0], body[1], lines[2]))


def _body(code: Code, block: list[ast.stmt]) -> tuple[str, str] | None:
    first, last = whole(code, block[0]), whole(code, block[-1])
    return (code.text[first[0] : last[1]], first[2]) if first and last else None


def _moved(site: Site, node: ast.stmt) -> Ideas:
    """One place down, into the block before, or out of the block."""
    code = site.code
    block = code.block(node)
    place = block.index(node)
    mine = whole(code, node)
    if mine is None:
        return
    text = code.text[mine[0] : mine[1]]
    text = text if text.endswith("\n") else text + "\n"
    if place + 1 < len(block):
        other = whole(code, block[place + 1])
        if other is not None and not docstring(node):
            below = code.text[other[0] : other[1]]
            below = below if below.endswith("\n") else below + "\n"
            yield site.raw(
                "statements exchanged", 0.5, (mine[0], other[1]), below + code.text[mine[1] : other[0]] + text
            )
    if place and isinstance(block[place - 1], (ast.If, ast.For, ast.While, ast.With, ast.Try)):
        before = cast(Any, block[place - 1])
        inner = (before.orelse or before.body)[-1] if not isinstance(before, (ast.Try, ast.With)) else before.body[-1]
        last = whole(code, inner)
        if last is not None:
            yield site.raw(
                "moved into block",
                0.4,
                (last[1], mine[1]),
                reindented(text, mine[2], last[2]) + code.text[last[1] : mine[0]],
            )
    outer = code.parents.get(node)
    if place and place == len(block) - 1 and isinstance(outer, (ast.If, ast.For, ast.While, ast.With)):
        edge = whole(code, outer)
        if (edge is not None and block is not getattr(outer, "orelse", None)) or (edge and outer.orelse == block):  # pyright: ignore[reportAttributeAccessIssue]
            between = code.text[mine[1] : edge[1]]
            yield site.raw("moved out of block", 0.45, (mine[0], edge[1]), between + reindented(text, mine[2], edge[2]))


def _returns(site: Site, node: ast.Return) -> Ideas:
    scope = site.scope
    if node.value is None:
        for place, name in enumerate(scope.names[:8]):
            yield site.raw("value returned", 0.5 / (1 + 0.15 * place), (site.start, site.end), f"return {name}")
        return
    text = site.of(node.value)
    span = (site.start, site.end)
    inner = Site(site.code, scope, node.value)
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


def _expressions(site: Site, node: ast.Expr) -> Ideas:
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
        if isinstance(value.func, ast.Attribute) and len(value.args) == 1:
            target, arg = site.of(value.func.value), site.of(value.args[0])
            yield site.raw("call to assignment", 0.45, span, f"{target} = {arg}")
            yield site.raw("call to assignment", 0.3, span, f"{target} += {arg}")


def _assignments(site: Site, node: ast.Assign) -> Ideas:
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
        if (
            isinstance(part, (ast.Subscript, ast.Attribute))
            and isinstance(part.ctx, ast.Load)
            and site.of(part) != name
        ):
            if not (isinstance(site.code.parents.get(part), ast.Call) and isinstance(part, ast.Attribute)):
                yield site.raw("target replaced", 0.4, site.code.span(target), site.of(part))
    for other in _targets(site.scope, name)[:5]:
        yield site.raw("target replaced", 0.3, site.code.span(target), other)
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts) == 2:  # noqa: PLR2004
        ones = [f"{site.of(a)} = {site.of(b)}" for a, b in zip(target.elts, value.elts)]  # noqa: B905 - Python 3.9
        indent = whole(site.code, node)
        if indent is not None:
            for pair in (ones, ones[::-1]):
                yield site.raw("assignments split", 0.3, (site.start, site.end), f"{pair[0]}\n{indent[2]}{pair[1]}")


def _targets(scope: Scope, name: str) -> list[str]:
    found = [
        scope.code.of(n)
        for n in scope.nodes()
        if isinstance(n, (ast.Subscript, ast.Attribute)) and isinstance(n.ctx, ast.Store)
    ]
    return [text for text in dict.fromkeys(found) if text != name]


def _branches(site: Site, node: ast.If | ast.While) -> Ideas:
    code = site.code
    if isinstance(node, ast.If) and node.orelse:
        body, other = _body(code, node.body), _body(code, node.orelse)
        elif_ = (
            len(node.orelse) == 1
            and isinstance(node.orelse[0], ast.If)
            and code.of(node.orelse[0]).startswith("if")
            and (code.text[code.span(node.orelse[0])[0] - 2 : code.span(node.orelse[0])[0]] == "el")
        )
        if body and other and not elif_:
            a, b = whole(code, node.body[0]), whole(code, node.body[-1])
            c, d = whole(code, node.orelse[0]), whole(code, node.orelse[-1])
            if a and b and c and d:
                middle = code.text[b[1] : c[0]]
                yield site.raw("branches exchanged", 0.6, (a[0], d[1]), other[0] + middle + body[0])
    start = site.start
    if code.text.startswith("elif", start):
        yield site.raw("elif to if", 0.4, (start, start + 4), "if")
    elif isinstance(node, ast.If) and code.text.startswith("if", start):
        yield site.raw("if to while", 0.35, (start, start + 2), "while")
        block = code.block(node)
        place = block.index(node)
        if place and isinstance(block[place - 1], ast.If) and not cast(ast.If, block[place - 1]).orelse:
            yield site.raw("if to elif", 0.45, (start, start + 2), "elif")
    elif isinstance(node, ast.While) and code.text.startswith("while", start):
        yield site.raw("while to if", 0.45, (start, start + 5), "if")


def _jumps(site: Site, node: ast.stmt) -> Ideas:
    span = (site.start, site.end)
    here = site.text
    for other in ("break", "continue", "pass", "return"):
        if other != here:
            yield site.raw("jump", 0.9 if other in ("break", "continue") and here != "pass" else 0.45, span, other)
    for place, name in enumerate(site.scope.names[:6]):
        yield site.raw("jump", 0.35 / (1 + 0.15 * place), span, f"return {name}")
    for value in ("None", "True", "False"):
        yield site.raw("jump", 0.3, span, f"return {value}")


def _errors(site: Site, node: ast.Raise | ast.Try) -> Ideas:
    told = site.scope.facts
    pool = list(dict.fromkeys([*site.scope.hints.raises, *told.raises, *told.excepts, *_ERRORS]))
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
        for place, other in enumerate(p for p in pool if p != text):
            yield site.raw("error type", 0.55 / (1 + 0.12 * place), span, other)
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
