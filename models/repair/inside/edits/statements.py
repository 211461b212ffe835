"""Mutation operators for statements: deleted (SDL), moved, exchanged; branches exchanged, reordered, completed."""

from __future__ import annotations

import ast
from typing import Any, cast

from ..analysis.nodes import body_of, docstring, reindented, whole
from ..analysis.site import Idea, Ideas, Site
from .flows import assignments, expressions, returns
from .inserts import steps
from .jumps import errors, jumps

_STEPS = 14


def branches(site: Site, node: ast.If | ast.While) -> Ideas:
    """For ``if``, ``elif`` and ``while``."""
    if isinstance(node, ast.If):
        yield from exchanged_branches(site, node)
        yield from reordered_branches(site, node)
        yield from added_else(site, node)
    yield from keywords(site, node)


def _chained(site: Site, node: ast.If) -> bool:
    """Whether the ``else`` of this ``if`` is an ``elif``."""
    return (
        len(node.orelse) == 1
        and isinstance(node.orelse[0], ast.If)
        and site.code.text.startswith("elif", site.code.span(node.orelse[0])[0])
    )


def exchanged_branches(site: Site, node: ast.If) -> Ideas:
    """The bodies of ``if`` and ``else`` in each other's place."""
    code = site.code
    if not node.orelse or _chained(site, node):
        return
    body, other = body_of(code, node.body), body_of(code, node.orelse)
    a, b = whole(code, node.body[0]), whole(code, node.body[-1])
    c, d = whole(code, node.orelse[0]), whole(code, node.orelse[-1])
    if body and other and a and b and c and d:
        yield site.raw("branches exchanged", 0.6, (a[0], d[1]), other[0] + code.text[b[1] : c[0]] + body[0])


def reordered_branches(site: Site, node: ast.If) -> Ideas:
    """The next branch before this one: the special case in front of the general one."""
    code = site.code
    if not _chained(site, node):
        return
    second = node.orelse[0]
    assert isinstance(second, ast.If)  # noqa: S101 - it is chained
    one, two = body_of(code, node.body), body_of(code, second.body)
    ends = whole(code, node.body[0]), whole(code, second.body[-1])
    head = code.span(node.test), code.span(second.test)
    if one and two and ends[0] and ends[1]:
        between = code.text[ends[0][0] + len(one[0]) : head[1][0]]
        colon = code.text[head[0][1] : ends[0][0]], code.text[head[1][1] : ends[1][1] - len(two[0])]
        text = site.of(second.test) + colon[0] + two[0] + between + site.of(node.test) + colon[1] + one[0]
        yield site.raw("branches reordered", 0.6, (head[0][0], ends[1][1]), text)


def added_else(site: Site, node: ast.If) -> Ideas:
    """An ``else`` where there is none, with a step that the function takes elsewhere, or a short one."""
    mine = whole(site.code, node)
    inner = whole(site.code, node.body[-1])
    if node.orelse or mine is None or inner is None:
        return
    last = node.body[-1]
    bodies = {text: 0.6 * weight for text, weight in steps(site.scope, last, last=True, looping=False).items()}
    for error in site.scope.hints.raises[:2]:
        bodies[f"raise {error}"] = 0.35
    if not isinstance(last, ast.Return):  # where one branch goes on, the other seldom returns
        bodies = {text: weight * (0.5 if text.startswith("return") else 1.0) for text, weight in bodies.items()}
    begin = mine[1] if site.code.text[: mine[1]].endswith("\n") else site.end
    start = "" if begin == mine[1] else "\n"
    for place, (text, weight) in enumerate(sorted(bodies.items(), key=lambda body: -body[1])[:_STEPS]):
        block = reindented(text, "", inner[2])
        yield Idea("else added", weight / (1 + 0.05 * place), begin, begin, f"{start}{mine[2]}else:\n{block}\n")


def keywords(site: Site, node: ast.If | ast.While) -> Ideas:
    """``if``, ``elif`` and ``while`` in each other's place."""
    code, start = site.code, site.start
    if code.text.startswith("elif", start):
        yield site.raw("elif to if", 0.4, (start, start + 4), "if")
    elif isinstance(node, ast.If) and code.text.startswith("if", start):
        yield site.raw("if to while", 0.35, (start, start + 2), "while")
        block = code.block(node)
        place = block.index(node)
        before = block[place - 1] if place else None
        if isinstance(before, ast.If) and not before.orelse:
            yield site.raw("if to elif", 0.45, (start, start + 2), "elif")
    elif isinstance(node, ast.While) and code.text.startswith("while", start):
        yield site.raw("while to if", 0.45, (start, start + 5), "if")


_SIMPLE = (
    ast.Assign,
    ast.AugAssign,
    ast.AnnAssign,
    ast.Expr,
    ast.Return,
    ast.Raise,
    ast.Delete,
    ast.Assert,
    ast.Break,
    ast.Continue,
    ast.Pass,
)


def statements(site: Site) -> Ideas:
    """Everything that may happen to one statement."""
    node = cast(ast.stmt, site.node)
    if docstring(node):
        return
    yield from deletions(site, node)
    yield from moves(site, node)
    if isinstance(node, ast.Return):
        yield from returns(site, node)
    elif isinstance(node, ast.Expr):
        yield from expressions(site, node)
    elif isinstance(node, ast.Assign):
        yield from assignments(site, node)
    elif isinstance(node, (ast.If, ast.While)):
        yield from branches(site, node)
    elif isinstance(node, (ast.Break, ast.Continue, ast.Pass)):
        yield from jumps(site)
    elif isinstance(node, (ast.Raise, ast.Try)):
        yield from errors(site, node)


def deletions(site: Site, node: ast.stmt) -> Ideas:
    """The statement taken away, or of a compound one its head only."""
    if not isinstance(node, (*_SIMPLE, ast.If, ast.For, ast.While)) or isinstance(node, ast.Pass):
        return
    lines = whole(site.code, node)
    alone = len(site.code.block(node)) == 1
    weight = 0.5 if isinstance(node, _SIMPLE) else 0.35
    if lines is None or alone:  # a block must not be empty, and a line that is shared keeps its other statements
        yield site.raw("statement deleted", weight, (site.start, site.end), "pass")
    else:
        yield site.raw("statement deleted", weight, lines[:2], "")
    if isinstance(node, (ast.If, ast.While, ast.For)) and lines is not None and not node.orelse:
        body = body_of(site.code, node.body)
        if body is not None:
            yield site.raw("block unwrapped", 0.35, lines[:2], reindented(body[0], body[1], lines[2]))


def moves(site: Site, node: ast.stmt) -> Ideas:
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
