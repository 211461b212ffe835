"""Edits of whole statements: deleted, moved, exchanged, returned, yielded, assigned otherwise."""

from __future__ import annotations

import ast
from typing import Any, cast

from ..analysis.blocks import body_of, docstring, reindented, whole
from ..analysis.site import Ideas, Site
from .branches import branches
from .flows import assignments, expressions, returns
from .jumps import errors, jumps

_SIMPLE = (
    ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr, ast.Return, ast.Raise, ast.Delete, ast.Assert,
    ast.Break, ast.Continue, ast.Pass,
)  # fmt: skip


def statements(site: Site) -> Ideas:
    """Everything that may happen to one statement."""
    node = cast(ast.stmt, site.node)
    if docstring(node):
        return
    yield from _deleted(site, node)
    yield from _moved(site, node)
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
        body = body_of(site.code, node.body)
        if body is not None:
            yield site.raw("block unwrapped", 0.35, lines[:2], reindented(body[0], body[1], lines[2]))


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
