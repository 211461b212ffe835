"""Mutation operators for calls: arguments exchanged, dropped and added, ``range``, keywords, the call taken away."""

from __future__ import annotations

import ast
from typing import cast

from ..analysis.facts import call_name
from ..analysis.site import Idea, Ideas, Site, plus

_MISSING: dict[str, tuple[tuple[str, float], ...]] = {
    "sorted": (
        ("reverse=True", 0.6),
        ("key=len", 0.35),
        ("key=lambda item: item[1]", 0.35),
        ("key=str.lower", 0.25),
        ("key=lambda item: item[0]", 0.25),
        ("key=lambda item: -item[1]", 0.2),
        ("key=abs", 0.15),
    ),
    "max": (
        ("default=0", 0.4),
        ("default=None", 0.3),
        ("key=len", 0.35),
        ("key=lambda item: item[1]", 0.3),
        ("0", 0.3),
        ("key=abs", 0.15),
    ),
    "sum": (("[]", 0.25), ("0.0", 0.1)),
    "enumerate": (("1", 0.7), ("start=1", 0.3)),
    "get": (("0", 0.5), ("''", 0.3), ("[]", 0.35), ("{}", 0.2), ("False", 0.2), ("1", 0.2)),
    "next": (("None", 0.5),),
    "pop": (("None", 0.4),),
    "split": (("1", 0.4), ("' '", 0.2), ("','", 0.25), ("None, 1", 0.2)),
    "replace": (("1", 0.5),),
    "round": (("2", 0.6), ("1", 0.4)),
    "int": (("2", 0.3), ("16", 0.2), ("10", 0.1)),
    "join": (),
    "getattr": (("None", 0.5),),
    "zip": (),
    "accumulate": (("max", 0.2),),
    "dumps": (("sort_keys=True", 0.4), ("indent=2", 0.3)),
    "splitlines": (("True", 0.4), ("keepends=True", 0.2)),
    "strip": (("','", 0.2), ("'\"'", 0.15), ("'/'", 0.2)),
    "isclose": (("abs_tol=1e-9", 0.3),),
    "hypot": (),
    "log": (("2", 0.4), ("10", 0.3)),
    "insert": (),
}
_SAME = {
    "sort": "sorted",
    "min": "max",
    "rsplit": "split",
    "lstrip": "strip",
    "rstrip": "strip",
    "setdefault": "get",
    "dump": "dumps",
}
_LEAST = {"get": 1, "setdefault": 1, "pop": 1, "replace": 2, "getattr": 2, "next": 1, "int": 1, "round": 1, "log": 1}


def missing(site: Site, node: ast.Call) -> Ideas:
    """One more argument of those that the function is known to take."""
    name = call_name(node)
    name = _SAME.get(name, name)
    count = len(node.args)
    # A function of the table is tried with the number of arguments it mostly has when its last one was forgotten.
    if count > _LEAST.get(name, 1) or (name in _LEAST and count != _LEAST[name]):
        return
    used = {keyword.arg for keyword in node.keywords}
    parts = [site.of(arg) for arg in node.args] + [site.of(keyword) for keyword in node.keywords]
    for text, weight in _MISSING.get(name, ()):
        word, keyword_sign, _ = text.partition("=")
        if (keyword_sign and word not in used and not text.startswith("lambda")) or (not keyword_sign and not used):
            yield site.idea("argument added", weight, f"{site.of(node.func)}({', '.join([*parts, text])})")
    if name in ("strip", "split", "get", "round"):
        for extra in [*(repr(text) for text in site.scope.hints.strings if len(text) == 1)][:4]:
            if not parts or name == "get":
                yield site.idea("argument added", 0.25, f"{site.of(node.func)}({', '.join([*parts, extra])})")


def calls(site: Site) -> Ideas:
    """Arguments exchanged, dropped or added; the call taken away; keywords changed."""
    node = cast(ast.Call, site.node)
    args = node.args
    for one in range(len(args)):
        for other in range(one + 1, len(args)):
            weight = 0.9 if other == one + 1 else 0.5
            if site.of(args[one]) != site.of(args[other]):
                yield exchange(site, "arguments exchanged", weight, args[one], args[other])
    parts = [site.of(arg) for arg in (*args, *node.keywords)]
    for place, arg in enumerate(args):
        text = parts[place]
        if not isinstance(arg, ast.Starred) and "\n" not in text:
            weight = 0.75 if len(args) == 1 else 0.45
            # What a method returns is seldom a thing of the same kind as its argument.
            yield site.idea("call dropped", weight if isinstance(node.func, ast.Name) else weight * 0.6, text)
        fewer = ", ".join([*parts[:place], *parts[place + 1 :]])
        weight = 0.45 if len(args) > 1 or node.keywords else 0.2
        yield site.idea("argument dropped", weight, f"{site.of(node.func)}({fewer})")
        if isinstance(arg, ast.Starred):
            yield site.at("star dropped", 0.6, arg, site.of(arg.value))
        elif isinstance(arg, ast.Name) and arg.id in site.scope.sequences:
            yield site.at("star added", 0.2, arg, f"*{text}")
    yield from ranges(site, node)
    yield from keywords(site, node)
    yield from more_arguments(site, node)
    yield from missing(site, node)
    if isinstance(node.func, ast.Attribute) and node.func.attr == "get" and args:
        yield site.idea("get to subscript", 0.4, f"{site.of(node.func.value)}[{site.of(args[0])}]")
    if isinstance(node.func, ast.Attribute) and node.func.attr == "pop" and not args:
        yield site.idea("argument added", 0.7, f"{site.of(node.func)}(0)")
        yield site.idea("argument added", 0.2, f"{site.of(node.func)}(-1)")


def exchange(site: Site, kind: str, weight: float, one: ast.AST, other: ast.AST) -> Idea:
    """Two parts in each other's place; what stands between them, comments and line ends, stays."""
    (a, b), (c, d) = site.code.span(one), site.code.span(other)
    text = site.code.text
    return site.raw(kind, weight, (a, d), text[c:d] + text[b:c] + text[a:b])


def ranges(site: Site, node: ast.Call) -> Ideas:
    """Other bounds of a ``range``, or another step; nothing for another call."""
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


def keywords(site: Site, node: ast.Call) -> Ideas:
    """A keyword dropped, one that other calls of the file give added, or its value the variable of the same name."""
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


def more_arguments(site: Site, node: ast.Call) -> Ideas:
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
