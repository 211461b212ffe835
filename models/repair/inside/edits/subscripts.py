"""Mutation operators for subscripts, slices, displays and comprehensions."""

from __future__ import annotations

import ast
from typing import cast

from ..analysis.site import Ideas, Site, operand
from .calls import exchange


def subscripts(site: Site) -> Ideas:  # noqa: C901 - a table of edits, read from top to bottom
    """Other bounds, exchanged keys, the other end, ``get`` in place of ``[]``."""
    node = cast(ast.Subscript, site.node)
    base, key = site.of(node.value), node.slice
    if isinstance(key, ast.Slice):
        yield from slices(site, base, key)
        return
    text = site.of(key)
    if isinstance(key, ast.Tuple) and len(key.elts) > 1:
        parts = [site.of(part) for part in key.elts]
        for one in range(len(parts) - 1):
            turned = [*parts[:one], parts[one + 1], parts[one], *parts[one + 2 :]]
            yield site.idea("keys exchanged", 0.9, f"{base}[{', '.join(turned)}]")
        if len(parts) == 2:  # noqa: PLR2004
            for a, b in (("- 1", "- 1"), ("- 1", ""), ("", "- 1"), ("+ 1", "+ 1"), ("+ 1", ""), ("", "+ 1")):
                yield site.idea("index", 0.6, f"{base}[{f'{parts[0]} {a}'.strip()}, {f'{parts[1]} {b}'.strip()}]")
    if isinstance(node.value, ast.Subscript) and not isinstance(node.value.slice, ast.Slice):
        inner = node.value
        yield site.idea("keys exchanged", 0.7, f"{site.of(inner.value)}[{text}][{site.of(inner.slice)}]")
    if not isinstance(node.ctx, ast.Load):
        return  # what follows is no target of an assignment
    if isinstance(key, ast.Constant) and key.value == 0:
        yield site.idea("index", 0.8, f"{base}[-1]")
    elif isinstance(key, ast.UnaryOp) and isinstance(key.operand, ast.Constant):
        yield site.idea("index", 0.8, f"{base}[0]")
    yield site.idea("subscript dropped", 0.4, base)
    if not isinstance(key, ast.Tuple):
        for text_, weight in (
            (f"{base}.get({text})", 0.45),
            (f"{base}.get({text}, 0)", 0.4),
            (f"{base}[:{text}]", 0.3),
            (f"{base}[{text}:]", 0.3),
            (f"{base}.get({text}, [])", 0.2),
        ):
            yield site.idea("subscript", weight, text_)


def slices(site: Site, base: str, key: ast.Slice) -> Ideas:
    """Other bounds of a slice, from numbers in scope too; one bound less; the rest in place of the part."""
    low, high, step = (site.of(part) if part is not None else "" for part in (key.lower, key.upper, key.step))
    tail = f":{step}" if step else ""
    options: list[tuple[str, str, str, float]] = [
        ("", high, tail, 0.6),
        (low, "", tail, 0.6),
        (high, low, tail, 0.5),
        (low, high, ":-1", 0.3),
        (low, high, "", 0.5),
    ]
    if not low:
        options += [("1", high, tail, 0.7)]
    if not high:
        options += [(low, "-1", tail, 0.6)]
    for place, name in enumerate([n for n in site.scope.names if n in site.scope.ints][:6]):
        fade = 0.4 / (1 + 0.2 * place)
        options += [(low, name, tail, fade)] if not high else []
        options += [(name, high, tail, fade)] if not low else []
    for a, b, c, weight in options:
        if (a, b, c) != (low, high, tail) and (a or b or c):
            yield site.idea("slice", weight, f"{base}[{a}:{b}{c}]")
    yield site.idea("slice", 0.45, base)
    if not low and high:
        yield site.idea("slice", 0.4, f"{base}[{high}:]")
    if low and not high:
        yield site.idea("slice", 0.4, f"{base}[:{low}]")


def displays(site: Site) -> Ideas:
    """Lists, tuples and sets: an element more, less, or in another place."""
    node = site.node
    elements: list[ast.expr] = node.elts  # pyright: ignore[reportAttributeAccessIssue]
    if not isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
        # Names that are unpacked into: another number of them would fit nothing.
        for one in range(len(elements) - 1):
            yield exchange(site, "elements exchanged", 0.6, elements[one], elements[one + 1])
        return
    parts = [site.of(part) for part in elements]
    opening, closing = (
        ("[", "]") if isinstance(node, ast.List) else ("(", ")") if isinstance(node, ast.Tuple) else ("{", "}")
    )
    for one in range(len(parts)):
        for other in range(one + 1, len(parts)):
            if parts[one] != parts[other]:
                weight = 0.75 if other == one + 1 else 0.4
                yield exchange(site, "elements exchanged", weight, elements[one], elements[other])
        if len(parts) > 1 and not isinstance(node, ast.Tuple):
            rest = ", ".join([*parts[:one], *parts[one + 1 :]])
            yield site.raw("element dropped", 0.35, (site.start, site.end), f"{opening}{rest}{closing}")
    if isinstance(node, ast.List) and len(parts) <= 1:
        if not parts:
            yield site.idea("element added", 0.5, "[[]]")
        else:
            yield site.idea("element dropped", 0.4, "[]")
            yield site.idea("display dropped", 0.4, parts[0])
        for place, name in enumerate(site.scope.names[:6]):
            text = f"[{', '.join([*parts, name])}]"
            yield site.idea("element added", (0.5 if not parts else 0.25) / (1 + 0.15 * place), text)


def comprehensions(site: Site) -> Ideas:
    """A comprehension's conditions dropped or negated."""
    node = site.node
    for generator in node.generators:  # pyright: ignore[reportAttributeAccessIssue]
        for test in generator.ifs:
            start, end = site.code.span(test)
            begin = site.code.text.rfind("if", site.start, start)  # the tree does not say where the keyword stands

            yield site.raw("condition dropped", 0.6, (begin, end), "")
            yield site.at("condition negated", 0.7, test, f"not {operand(site.of(test), 4)}")
