"""Mutation operators for operators: comparison (ROR), arithmetic (AOR), boolean (COR), unary (UOI), and off-by-one.

The names in parentheses are those of mutation testing (Offutt et al., 1996; Ma and Offutt, 2005).
"""

from __future__ import annotations

import ast
import re
from typing import Any, cast

from ..analysis.facts import number
from ..analysis.site import Ideas, Site, minus, negated, operand, plus

COMPARE: dict[type[ast.AST], str] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Is: "is",
    ast.IsNot: "is not",
    ast.In: "in",
    ast.NotIn: "not in",
}
_OTHER: dict[str, tuple[tuple[str, float], ...]] = {
    "<": (("<=", 1.0), (">", 0.8), (">=", 0.7), ("!=", 0.5), ("==", 0.4)),
    "<=": (("<", 1.0), (">=", 0.8), (">", 0.7), ("==", 0.4), ("!=", 0.4)),
    ">": ((">=", 1.0), ("<", 0.8), ("<=", 0.7), ("!=", 0.5), ("==", 0.4)),
    ">=": ((">", 1.0), ("<=", 0.8), ("<", 0.7), ("==", 0.4), ("!=", 0.4)),
    "==": (("!=", 1.0), ("<=", 0.7), (">=", 0.7), ("<", 0.5), (">", 0.5), ("is", 0.3), ("in", 0.4)),
    "!=": (("==", 1.0), ("<", 0.6), (">", 0.6), ("<=", 0.4), (">=", 0.4), ("is not", 0.3), ("not in", 0.4)),
    "is": (("is not", 1.0), ("==", 0.5)),
    "is not": (("is", 1.0), ("!=", 0.5)),
    "in": (("not in", 1.0), ("==", 0.4)),
    "not in": (("in", 1.0), ("!=", 0.4)),
}
BINARY: dict[type[ast.AST], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
    ast.BitAnd: "&",
    ast.BitOr: "|",
    ast.BitXor: "^",
    ast.LShift: "<<",
    ast.RShift: ">>",
    ast.MatMult: "@",
}
_ARITHMETIC: dict[str, tuple[tuple[str, float], ...]] = {
    "+": (("-", 1.0), ("*", 0.6), ("|", 0.15), ("//", 0.15), ("/", 0.15), ("%", 0.1)),
    "-": (("+", 1.0), ("*", 0.35), ("//", 0.2), ("%", 0.3), ("/", 0.2)),
    "*": (("+", 0.8), ("/", 0.8), ("//", 0.7), ("**", 0.7), ("-", 0.4), ("%", 0.2)),
    "/": (("//", 1.0), ("*", 0.9), ("%", 0.4), ("-", 0.2), ("+", 0.2)),
    "//": (("/", 1.0), ("%", 0.8), ("*", 0.8), ("-", 0.2), ("+", 0.2)),
    "%": (("//", 1.0), ("/", 0.6), ("*", 0.5), ("-", 0.3), ("+", 0.3)),
    "**": (("*", 1.0), ("+", 0.2)),
    "&": (("|", 1.0), ("^", 0.8), ("-", 0.4), ("+", 0.2)),
    "|": (("&", 1.0), ("^", 0.8), ("+", 0.3), ("-", 0.3)),
    "^": (("&", 1.0), ("|", 1.0), ("-", 0.3)),
    "<<": ((">>", 1.0), ("*", 0.2)),
    ">>": (("<<", 1.0), ("//", 0.2)),
    "@": (("*", 0.5),),
}


def _gap(site: Site, left: ast.AST, right: ast.AST, sign: str) -> tuple[int, int]:
    """Where the operator between two operands stands."""
    start, end = site.code.span(left)[1], site.code.span(right)[0]
    # ``not in`` may be broken over lines, and a comment between the operands may hold a sign as well.
    pattern = r"\s+".join(map(re.escape, sign.split()))
    match = re.search(pattern, re.sub(r"#[^\n]*", lambda m: " " * len(m[0]), site.code.text[start:end]))
    return (start + match.start(), start + match.end()) if match else (start, start)


def compares(site: Site) -> Ideas:
    """Another comparison; operator and constant together; the operands exchanged."""
    node = cast(ast.Compare, site.node)
    left = node.left
    for op, right in zip(node.ops, node.comparators):  # noqa: B905 - Python 3.9
        sign = COMPARE[type(op)]
        span = _gap(site, left, right, sign)
        if span[0] < span[1]:
            for other, weight in _OTHER[sign]:
                yield site.raw("comparison", weight, span, other)
            if number(right) and isinstance(right, ast.Constant) and isinstance(right.value, int):
                yield from with_constant(site, (left, right), sign)
        left = right
    if len(node.ops) == 1:
        right = node.comparators[0]
        if isinstance(node.ops[0], (ast.In, ast.NotIn)):
            yield site.idea(
                "operands exchanged", 0.3, f"{operand(site.of(right), 5)} in {operand(site.of(node.left), 5)}"
            )
        yield site.idea("comparison dropped", 0.2, site.of(node.left))
    else:
        first = f"{site.of(node.left)} {COMPARE[type(node.ops[0])]} {site.of(node.comparators[0])}"
        yield site.idea("comparison dropped", 0.3, first)
    yield site.idea("condition negated", 0.4, f"not {operand(site.text, 4)}")


def with_constant(site: Site, sides: tuple[ast.expr, ast.Constant], sign: str) -> Ideas:
    """Another comparison with a constant that is one off: ``n > 1`` for ``n >= 0`` is two edits, and one mistake."""
    left, right = sides
    constant: Any = right.value
    span = site.code.span(left)[0], site.code.span(right)[1]
    for other, _ in _OTHER[sign][:5]:
        for value in (constant + 1, constant - 1):
            yield site.raw("comparison and constant", 0.35, span, f"{site.of(left)} {other} {value}")


def binaries(site: Site) -> Ideas:
    """Another operator; operands exchanged; one operand alone; other grouping."""
    node = cast(ast.BinOp, site.node)
    if isinstance(node.left, ast.Constant) and isinstance(node.left.value, str) and isinstance(node.op, ast.Mod):
        return  # a string that is formatted: no other operator takes it
    sign = BINARY[type(node.op)]
    left, right = site.of(node.left), site.of(node.right)
    span = _gap(site, node.left, node.right, sign)
    if span[0] < span[1]:
        for other, weight in _ARITHMETIC[sign]:
            yield site.raw("arithmetic", weight, span, other)
            # The sign alone would tear operands apart: ``a + b * c`` for ``(a + b) - c`` and the like.
            if _binds(other) != _binds(sign) and any(isinstance(side, ast.BinOp) for side in (node.left, node.right)):
                yield site.idea(
                    "arithmetic", weight, f"{operand(left, _binds(other))} {other} {operand(right, _binds(other) + 1)}"
                )
    likely = 1.0 if number(node.left) else 0.9  # nobody adds two numbers where one will do
    yield site.idea("operand dropped", likely if isinstance(node.right, ast.Constant) else 0.75, left)
    yield site.idea("operand dropped", 0.75, right)
    if sign == "-":
        yield site.idea("sign", 0.3, f"-{operand(right, 11)}")
    if sign not in ("*", "&", "|", "^"):
        text = f"{operand(right, _binds(sign))} {sign} {operand(left, _binds(sign) + 1)}"
        yield site.idea("operands exchanged", 0.8, text)
    yield from groupings(site, node)


def _binds(sign: str) -> int:
    """How strongly an operator binds, as in ``site.binding``."""
    return {"|": 5, "^": 6, "&": 7, "<<": 8, ">>": 8, "+": 9, "-": 9, "**": 12}.get(sign, 10)


def groupings(site: Site, node: ast.BinOp) -> Ideas:
    """``(a + b) * c`` and ``a + b * c``; none where the operators are associative and it makes no difference."""
    outer = BINARY[type(node.op)]
    if isinstance(node.left, ast.BinOp):
        inner = BINARY[type(node.left.op)]
        a, b, c = site.of(node.left.left), site.of(node.left.right), site.of(node.right)
        if _binds(inner) != _binds(outer) or inner in ("-", "/", "//", "%"):
            yield site.idea(
                "grouping", 0.5, f"{operand(a, _binds(inner))} {inner} ({b} {outer} {operand(c, _binds(outer) + 1)})"
            )
    if isinstance(node.right, ast.BinOp):
        inner = BINARY[type(node.right.op)]
        a, b, c = site.of(node.left), site.of(node.right.left), site.of(node.right.right)
        if _binds(inner) != _binds(outer) or {inner, outer} & {"-", "/", "//", "%"}:
            yield site.idea("grouping", 0.5, f"({a} {outer} {b}) {inner} {operand(c, _binds(inner) + 1)}")


def booleans(site: Site) -> Ideas:
    """``and`` for ``or``, one part less, one part negated."""
    node = cast(ast.BoolOp, site.node)
    sign, other = ("or", "and") if isinstance(node.op, ast.Or) else ("and", "or")
    parts = [site.of(value) for value in node.values]
    for place in range(len(parts) - 1):
        span = _gap(site, node.values[place], node.values[place + 1], sign)
        yield site.raw("and/or", 1.0, span, other)
    for place in range(len(parts)):
        rest = [operand(part, 2) for at, part in enumerate(parts) if at != place]
        yield site.idea("condition part dropped", 0.7, f" {sign} ".join(rest))
        yield site.at("condition part negated", 0.8, node.values[place], negated(parts[place]))
    if len(parts) == 2:  # noqa: PLR2004
        yield site.idea("operands exchanged", 0.5, f"{operand(parts[1], 2)} {sign} {operand(parts[0], 2)}")
    for place, value in enumerate(node.values):
        if isinstance(value, ast.BoolOp) and place:
            inner = [site.of(part) for part in value.values]
            before = f" {sign} ".join(operand(part, 2) for part in parts[:place])
            word = "or" if isinstance(value.op, ast.Or) else "and"
            yield site.idea("grouping", 0.4, f"({before} {sign} {inner[0]}) {word} " + f" {word} ".join(inner[1:]))
        elif isinstance(value, ast.BoolOp) and len(parts) == 2:  # noqa: PLR2004
            inner = [site.of(part) for part in value.values]
            word = "or" if isinstance(value.op, ast.Or) else "and"
            yield site.idea("grouping", 0.4, f" {word} ".join(inner[:-1]) + f" {word} ({inner[-1]} {sign} {parts[1]})")


def unaries(site: Site) -> Ideas:
    """Without the sign or the ``not``."""
    node = cast(ast.UnaryOp, site.node)
    inner = site.of(node.operand)
    yield site.idea("negation dropped", 1.0, inner)
    if isinstance(node.op, ast.USub):
        yield site.idea("sign", 0.3, f"~{operand(inner, 11)}")
    elif isinstance(node.op, ast.Invert):
        yield site.idea("sign", 0.6, f"-{operand(inner, 11)}")


def choices(site: Site) -> Ideas:
    """A conditional expression with its branches exchanged, or one of them alone."""
    node = cast(ast.IfExp, site.node)
    body, test, other = site.of(node.body), site.of(node.test), site.of(node.orelse)
    yield site.idea("branches exchanged", 1.0, f"{other} if {test} else {body}")
    yield site.idea("branch alone", 0.5, body)
    yield site.idea("branch alone", 0.5, other)


def augmented(site: Site) -> Ideas:
    """Another operator in ``x += y``; a plain assignment in its place."""
    node = cast(ast.AugAssign, site.node)
    sign = BINARY[type(node.op)] + "="
    span = _gap(site, node.target, node.value, sign)
    if span[0] == span[1]:
        return
    for other, weight in _ARITHMETIC[sign[:-1]]:
        yield site.raw("arithmetic", weight, span, other + "=")
    yield site.raw("assignment", 0.7, span, "=")
    target, value = site.of(node.target), site.of(node.value)
    yield site.raw(
        "operands exchanged", 0.4, (site.start, site.end), f"{target} = {operand(value)} {sign[:-1]} {target}"
    )
    yield site.raw("operand replaced", 0.3, site.code.span(node.value), "1")


_COUNTING = ("get", "count", "index", "find", "rfind", "pop", "bisect_left", "bisect_right", "ceil", "floor")


def nudges(site: Site) -> Ideas:
    """An expression that may be a number, one more or less, or more or less by another number in scope."""
    node = site.node
    if number(node) or not numeric(site):
        return
    weight = off_by_one_weight(site)
    # Of ``n + 1`` the edit of the constant makes the same, with a better weight.
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


def numeric(site: Site) -> bool:
    """Whether an expression may be a number, from what the function does with it."""
    node = site.node
    if isinstance(node, (ast.Name, ast.Attribute)):
        if not isinstance(node.ctx, ast.Load) or site.text in site.scope.callables:
            return False
        return site.text in site.scope.ints or site.text in site.scope.locals
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute):
            return node.func.attr in _COUNTING
        return isinstance(node.func, ast.Name) and node.func.id in (
            "len",
            "int",
            "sum",
            "max",
            "min",
            "abs",
            "round",
            *site.scope.facts.functions,
        )
    return isinstance(node, (ast.BinOp, ast.Subscript)) and isinstance(getattr(node, "ctx", ast.Load()), ast.Load)


def off_by_one_weight(site: Site) -> float:
    """How likely an off-by-one mistake is at such a place: bounds and indices first, then comparisons."""
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
