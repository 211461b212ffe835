"""Mutation operators for names and attributes: another variable, a sibling function or method, another attribute."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import cast

from ..analysis.site import Ideas, Site
from .atoms import likeness

_SIBLINGS: tuple[tuple[str, ...], ...] = (
    ("append", "extend", "appendleft", "add", "insert"),
    ("add", "discard", "update", "remove"),
    ("pop", "popleft", "get"),
    ("push", "pop"),
    ("lower", "upper", "title", "capitalize", "casefold"),
    ("strip", "lstrip", "rstrip"),
    ("split", "rsplit", "splitlines", "partition"),
    ("partition", "rpartition"),
    ("startswith", "endswith"),
    ("find", "rfind", "index"),
    ("index", "rindex"),
    ("keys", "values", "items"),
    ("union", "intersection", "difference", "symmetric_difference", "update"),
    ("issubset", "issuperset", "isdisjoint"),
    ("isdigit", "isalpha", "isalnum", "isnumeric", "isspace", "isupper", "islower"),
    ("ljust", "rjust", "center", "zfill"),
    ("encode", "decode"),
    ("floor", "ceil", "trunc"),
    ("search", "match", "fullmatch"),
    ("bisect_left", "bisect_right", "bisect", "insort"),
    ("insort_left", "insort_right"),
    ("heappush", "heappop", "heapify", "heappushpop", "heapreplace"),
    ("nlargest", "nsmallest"),
    ("permutations", "combinations", "product", "combinations_with_replacement"),
    ("setdefault", "get", "pop"),
    ("most_common", "elements"),
    ("read", "readline", "readlines"),
    ("write", "writelines"),
    ("min", "max", "sum"),
    ("any", "all"),
    ("sorted", "reversed", "list", "set", "tuple"),
    ("int", "float", "str", "round", "bool"),
    ("str", "repr", "ascii"),
    ("isinstance", "issubclass"),
    ("enumerate", "list", "range"),
    ("getattr", "hasattr"),
    ("ord", "chr"),
    ("abs", "int"),
    ("dict", "list", "set"),
    ("zip", "zip_longest"),
)


def siblings(name: str) -> Iterator[tuple[str, float]]:
    """Names that are often mistaken for this one."""
    seen = {name}
    for family in _SIBLINGS:
        if name in family:
            for place, other in enumerate(other for other in family if other not in seen):
                seen.add(other)
                yield other, 1.0 / (1 + 0.2 * place)


def names(site: Site) -> Ideas:  # noqa: C901 - a table of edits, read from top to bottom
    """Another name of the scope."""
    node = cast(ast.Name, site.node)
    scope, name = site.scope, node.id
    if isinstance(node.ctx, ast.Store):
        others = [other for other in scope.locals if other != name]
        for place, other in enumerate(others[:10]):
            yield site.idea("target replaced", 0.35 / (1 + 0.15 * place), other)
        return
    for other, weight in siblings(name):
        if name not in scope.locals:  # a variable that is called ``min`` is not the builtin
            yield site.idea("sibling function", 0.95 * weight, other)
    if name in ("self", "cls"):
        return
    called = isinstance(site.parent, ast.Call) and site.parent.func is node
    if called:
        yield from other_functions(site, name)
        if name not in scope.locals:
            return
    for place, (other, weight) in enumerate(similar_names(site, name)):
        yield site.idea("name replaced", 0.85 * weight / (1 + 0.12 * place), other)
    me = scope.self_name
    if me and f"{me}.{name}" in scope.own_attributes:
        yield site.idea("self added", 0.8, f"{me}.{name}")
    if name in scope.locals:
        for attribute, _ in (
            scope.facts.attributes.get(name, {}).items() if not isinstance(site.parent, ast.Attribute) else ()
        ):
            yield site.idea("attribute added", 0.3, f"{name}.{attribute}")


def other_functions(site: Site, name: str) -> Ideas:
    """Other functions of the file, the same number of parameters first."""
    known = site.scope.facts.functions
    count = len(cast(ast.Call, site.parent).args)
    others = [other for other in known if other != name and not other.startswith("__")]
    others = [o for o in others if o in site.scope.facts.globals or o in site.scope.locals]
    for place, other in enumerate(sorted(others, key=lambda other: abs(known[other] - count))[:8]):
        yield site.idea("other function", 0.5 / (1 + 0.25 * place), other)


def similar_names(site: Site, name: str) -> list[tuple[str, float]]:
    """Names to put in place of ``name``, with how likely each is: what holds the same, and is written alike."""
    scope = site.scope
    own_class = name in scope.ints, name in scope.sequences
    options: dict[str, float] = {}
    for other in scope.names:
        same = (other in scope.ints, other in scope.sequences) == own_class
        options[other] = (1.0 if same else 0.6) * (0.8 + 0.2 * likeness(other, name))
    for other in scope.own_attributes[:8]:
        options[other] = 0.4
    if name not in scope.locals:
        alike = [g for g in scope.facts.globals if g.isupper() == name.isupper()]
        for other in sorted(alike, key=lambda g: -likeness(g, name))[:6]:
            options.setdefault(other, 0.5 * (0.5 + 0.5 * likeness(other, name)))
    else:
        for other in [g for g in scope.facts.globals if g.isupper()][:4]:
            options.setdefault(other, 0.2)
    for gone in (name, "self", "cls", "_"):
        options.pop(gone, None)
    # A recursion by mistake is rare, and such candidates cost the time until the stack is full.
    if scope.function is not None and scope.function.name in options:
        options[scope.function.name] *= 0.2
    return sorted(options.items(), key=lambda item: -item[1])[:16]


def attributes(site: Site) -> Ideas:
    """Another attribute, a sibling method, or none."""
    node = cast(ast.Attribute, site.node)
    base = site.of(node.value)
    span = (site.end - len(node.attr), site.end)
    seen = {node.attr}
    for other, weight in siblings(node.attr):
        seen.add(other)
        yield site.raw("sibling method", 0.9 * weight, span, other)
    facts = site.scope.facts
    same_base: list[str] = [name for name in facts.attributes.get(base, ()) if name not in seen]
    if isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"):
        same_base += [name for methods in facts.methods.values() for name in methods if not name.startswith("__")]
    # Without types, what the file reads from the same expression is the best guess of what it has.
    elsewhere = [name for name in facts.every_attribute if name not in seen and name not in same_base]
    ranked = sorted(dict.fromkeys(same_base), key=lambda name: -likeness(name, node.attr))[:8]
    for place, other in enumerate(ranked):
        yield site.raw("attribute replaced", 0.7 / (1 + 0.15 * place), span, other)
    for place, other in enumerate(sorted(elsewhere, key=lambda name: -likeness(name, node.attr))[:8]):
        yield site.raw("attribute replaced", 0.45 / (1 + 0.2 * place), span, other)
    if not isinstance(node.ctx, ast.Load):
        return
    called = isinstance(site.parent, ast.Call) and site.parent.func is node
    if called:
        yield site.at("method call dropped", 0.5, cast(ast.AST, site.parent), base)
    else:
        yield site.idea("attribute dropped", 0.4, base)
        for place, (other, _) in enumerate(facts.every_attribute.most_common(4)):
            yield site.idea("attribute added", 0.28 / (1 + 0.15 * place), f"{site.text}.{other}")
        if isinstance(node.value, ast.Name) and node.value.id in ("self", "cls") and node.attr in site.scope.locals:
            yield site.idea("self dropped", 0.7, node.attr)
