"""Edits of calls, subscripts, displays and comprehensions, and expressions put in place of others."""

from __future__ import annotations

import ast
from typing import cast

from .scope import call_name
from .site import Idea, Ideas, Site, operand, plus

_CASTS = ("list", "tuple", "set", "sorted", "str", "int", "len", "reversed", "abs", "float", "bool", "dict")


def calls(site: Site) -> Ideas:
    """Arguments exchanged, dropped or added; the call taken away; keywords changed."""
    node = cast(ast.Call, site.node)
    args = node.args
    for one in range(len(args)):
        for other in range(one + 1, len(args)):
            weight = 0.9 if other == one + 1 else 0.5
            if site.of(args[one]) != site.of(args[other]):
                yield _exchange(site, "arguments exchanged", weight, args[one], args[other])
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
    if isinstance(node.func, ast.Attribute) and node.func.attr == "get" and args:
        yield site.idea("get to subscript", 0.4, f"{site.of(node.func.value)}[{site.of(args[0])}]")
    if isinstance(node.func, ast.Attribute) and node.func.attr == "pop" and not args:
        yield site.idea("argument added", 0.7, f"{site.of(node.func)}(0)")
        yield site.idea("argument added", 0.2, f"{site.of(node.func)}(-1)")


def _exchange(site: Site, kind: str, weight: float, one: ast.AST, other: ast.AST) -> Idea:
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
        if keyword.arg and isinstance(keyword.value, ast.Name):
            if keyword.arg in site.scope.names and keyword.arg != keyword.value.id:
                yield site.at("name replaced", 0.8, keyword.value, keyword.arg)
    if call_name(node) in ("sorted", "sort") and not any(k.arg == "reverse" for k in node.keywords):
        yield site.idea("argument added", 0.6, f"{site.of(node.func)}({', '.join([*parts, 'reverse=True'])})")
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


def subscripts(site: Site) -> Ideas:
    """Other bounds, exchanged keys, the other end, ``get`` in place of ``[]``."""
    node = cast(ast.Subscript, site.node)
    base, key = site.of(node.value), node.slice
    if isinstance(key, ast.Slice):
        yield from _slices(site, base, key)
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
        return
    if isinstance(key, ast.Constant) and key.value == 0:
        yield site.idea("index", 0.8, f"{base}[-1]")
    elif isinstance(key, ast.UnaryOp) and isinstance(key.operand, ast.Constant):
        yield site.idea("index", 0.8, f"{base}[0]")
    yield site.idea("subscript dropped", 0.4, base)
    if not isinstance(key, ast.Tuple):
        for text_, weight in ((f"{base}.get({text})", 0.45), (f"{base}.get({text}, 0)", 0.4), (f"{base}[:{text}]", 0.3),
                              (f"{base}[{text}:]", 0.3), (f"{base}.get({text}, [])", 0.2)):  # fmt: skip
            yield site.idea("subscript", weight, text_)


def _slices(site: Site, base: str, key: ast.Slice) -> Ideas:
    low, high, step = (site.of(part) if part is not None else "" for part in (key.lower, key.upper, key.step))
    tail = f":{step}" if step else ""
    options: list[tuple[str, str, str, float]] = [
        ("", high, tail, 0.6), (low, "", tail, 0.6), (high, low, tail, 0.5), (low, high, ":-1", 0.3), (low, high, "", 0.5)
    ]  # fmt: skip
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
        for one in range(len(elements) - 1):
            yield _exchange(site, "elements exchanged", 0.6, elements[one], elements[one + 1])
        return
    parts = [site.of(part) for part in elements]
    opening, closing = (
        ("[", "]") if isinstance(node, ast.List) else ("(", ")") if isinstance(node, ast.Tuple) else ("{", "}")
    )
    for one in range(len(parts)):
        for other in range(one + 1, len(parts)):
            if parts[one] != parts[other]:
                weight = 0.75 if other == one + 1 else 0.4
                yield _exchange(site, "elements exchanged", weight, elements[one], elements[other])
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
            begin = site.code.text.rfind("if", site.start, start)
            yield site.raw("condition dropped", 0.6, (begin, end), "")
            yield site.at("condition negated", 0.7, test, f"not {operand(site.of(test), 4)}")


def wraps(site: Site) -> Ideas:
    """A call around an expression, or a part of a sequence in its place."""
    node, parent, scope = site.node, site.parent, site.scope
    if "\n" in site.text or not _value_place(site):
        return
    weight = 0.7 if site.text in scope.sequences or isinstance(node, (ast.ListComp, ast.GeneratorExp)) else 0.4
    for name in _CASTS:
        if call_name(node) != name and not (isinstance(parent, ast.Call) and call_name(parent) == name):
            yield site.idea("call added", 0.42 * weight, f"{name}({site.text})")
    if isinstance(node, (ast.Name, ast.Attribute)):
        for method, part in (
            ("copy", 0.5),
            ("strip", 0.3),
            ("lower", 0.3),
            ("items", 0.4),
            ("values", 0.3),
            ("keys", 0.2),
        ):
            yield site.idea("method added", part * weight, f"{site.text}.{method}()")
        for text, part in (("[1:]", 0.7), ("[:-1]", 0.55), ("[0]", 0.5), ("[-1]", 0.4), ("[::-1]", 0.4), ("[:]", 0.3)):
            yield site.idea("slice added", part * weight, site.text + text)
        for place, index in enumerate(n for n in scope.names if n in scope.ints and n != site.text):
            fade = weight * 0.8 / (1 + 0.2 * place)
            if place < 5:  # noqa: PLR2004
                for form, part in ((f"[{index}]", 0.5), (f"[{index}:]", 0.7), (f"[:{index}]", 0.6)):
                    yield site.idea("slice added", part * fade, site.text + form)
    elif isinstance(node, (ast.Call, ast.ListComp, ast.Subscript)):
        for text, part in (("[::-1]", 0.4), ("[1:]", 0.3), ("[:-1]", 0.3), ("[0]", 0.3), ("[-1]", 0.2)):
            yield site.idea("slice added", part * weight, site.text + text)


def _value_place(site: Site) -> bool:
    """Places whose value flows on: iterated, returned, assigned, passed, computed with."""
    parent, node = site.parent, site.node
    if not isinstance(getattr(node, "ctx", ast.Load()), ast.Load) or isinstance(node, ast.Constant):
        return False
    if isinstance(parent, (ast.Return, ast.Yield, ast.YieldFrom, ast.BinOp, ast.Compare, ast.keyword)):
        return True
    if isinstance(parent, (ast.For, ast.comprehension)):
        return node is parent.iter
    if isinstance(parent, (ast.ListComp, ast.SetComp, ast.GeneratorExp)):
        return node is parent.elt
    if isinstance(parent, (ast.Tuple, ast.List)):
        return True
    if isinstance(parent, (ast.Assign, ast.AugAssign)):
        return node is parent.value
    return isinstance(parent, ast.Call) and node in parent.args


def exchanges(site: Site) -> Ideas:
    """Another expression of the same function in this one's place, or a part of this one."""
    node = site.node
    if isinstance(node, (ast.Name, ast.Constant)) and not isinstance(site.parent, (ast.Return, ast.Assign, ast.Call)):
        return
    if "\n" in site.text or len(site.text) > 90 or not _value_place(site):  # noqa: PLR2004
        return
    for place, text in enumerate(t for t in site.scope.expressions if t != site.text):
        if place >= 20:  # noqa: PLR2004
            break
        yield site.idea("other expression", 0.36 / (1 + 0.06 * place), text)
    if isinstance(node, (ast.BinOp, ast.Call, ast.Subscript)):
        parts = {
            site.of(n)
            for n in ast.walk(node)
            if isinstance(n, (ast.Subscript, ast.Call, ast.Attribute)) and n is not node
        }
        for text in sorted(parts, key=len)[:6]:
            yield site.idea("part of it", 0.3, text)


def additions(site: Site) -> Ideas:
    """A term in front of or behind a returned, yielded or assigned value."""
    parent, scope = site.parent, site.scope
    if isinstance(parent, (ast.ListComp, ast.GeneratorExp)) and site.node is parent.elt and "\n" not in site.text:
        for place, name in enumerate(scope.names[:6]):
            yield site.idea("term added", 0.35 / (1 + 0.15 * place), plus(f"[{name}]", site.text))
            yield site.idea("term added", 0.3 / (1 + 0.15 * place), plus(name, site.text))
        return
    if not isinstance(parent, (ast.Return, ast.Assign, ast.Yield, ast.YieldFrom, ast.AugAssign)) or "\n" in site.text:
        return
    if not _value_place(site) or isinstance(site.node, (ast.Compare, ast.BoolOp)):
        return
    mentioned = {n.id for n in ast.walk(site.node) if isinstance(n, ast.Name)} - scope.sequences
    for place, name in enumerate(n for n in scope.names if n not in mentioned):
        if place >= 6:  # noqa: PLR2004
            break
        fade = 1 / (1 + 0.15 * place)
        yield site.idea("term added", 0.4 * fade, plus(name, site.text))
        yield site.idea("term added", 0.4 * fade, plus(site.text, name))
        yield site.idea("term added", 0.25 * fade, plus(site.text, f"[{name}]"))
        yield site.idea("factor added", 0.2 * fade, f"{operand(site.text, 10)} * {name}")
