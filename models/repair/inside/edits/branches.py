"""Edits of branches: exchanged, in another order, one more."""

from __future__ import annotations

import ast

from ..analysis.blocks import body_of, reindented, whole
from ..analysis.site import Idea, Ideas, Site
from .inserts import steps

_STEPS = 14


def branches(site: Site, node: ast.If | ast.While) -> Ideas:
    """For ``if``, ``elif`` and ``while``."""
    if isinstance(node, ast.If):
        yield from _exchanged(site, node)
        yield from _reordered(site, node)
        yield from _otherwise(site, node)
    yield from _words(site, node)


def _chained(site: Site, node: ast.If) -> bool:
    """Whether the ``else`` of this ``if`` is an ``elif``."""
    return (
        len(node.orelse) == 1
        and isinstance(node.orelse[0], ast.If)
        and site.code.text.startswith("elif", site.code.span(node.orelse[0])[0])
    )


def _exchanged(site: Site, node: ast.If) -> Ideas:
    code = site.code
    if not node.orelse or _chained(site, node):
        return
    body, other = body_of(code, node.body), body_of(code, node.orelse)
    a, b = whole(code, node.body[0]), whole(code, node.body[-1])
    c, d = whole(code, node.orelse[0]), whole(code, node.orelse[-1])
    if body and other and a and b and c and d:
        yield site.raw("branches exchanged", 0.6, (a[0], d[1]), other[0] + code.text[b[1] : c[0]] + body[0])


def _reordered(site: Site, node: ast.If) -> Ideas:
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


def _otherwise(site: Site, node: ast.If) -> Ideas:
    """An ``else`` where there is none, with a step that the function takes elsewhere, or a short one."""
    mine = whole(site.code, node)
    inner = whole(site.code, node.body[-1])
    if node.orelse or mine is None or inner is None:
        return
    begin = mine[1] if site.code.text[: mine[1]].endswith("\n") else site.end
    start = "" if begin == mine[1] else "\n"
    for place, (text, weight) in enumerate(_else_steps(site, node)):
        if place >= _STEPS:
            return
        block = reindented(text, "", inner[2])
        yield Idea("else added", weight / (1 + 0.05 * place), begin, begin, f"{start}{mine[2]}else:\n{block}\n")


def _else_steps(site: Site, node: ast.If) -> list[tuple[str, float]]:
    last = node.body[-1]
    found = {text: 0.6 * weight for text, weight in steps(site.scope, last, last=True, looping=False).items()}
    for error in site.scope.hints.raises[:2]:
        found[f"raise {error}"] = 0.35
    ends = isinstance(last, ast.Return)
    return sorted(
        ((text, weight * (1.0 if ends or not text.startswith("return") else 0.5)) for text, weight in found.items()),
        key=lambda step: -step[1],
    )


def _words(site: Site, node: ast.If | ast.While) -> Ideas:
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
