"""Mutation operators for conditions: negated, weakened, strengthened, replaced (as in Nopol and SPR)."""

from __future__ import annotations

import ast
import re

from ..analysis.site import Ideas, Site, negated, operand

_ATTRIBUTE = re.compile(r"\w+(\.\w+)+$")


def conditions(site: Site) -> Ideas:
    """For the test of ``if``, ``while``, a conditional expression, ``assert`` or a comprehension."""
    text = site.text
    if "\n" in text:
        # What is built around it may not stand in parentheses, where a line may not end.
        text = " ".join(text.split())
    yield site.idea("condition negated", 0.9 if not isinstance(site.node, ast.UnaryOp) else 0.3, negated(text))
    if not isinstance(site.node, ast.Constant):
        yield site.idea("condition fixed", 0.35, "True")
        yield site.idea("condition fixed", 0.35, "False")
    constant = isinstance(site.node, ast.Constant)
    for base in _bases(site) if not constant else ():
        yield site.idea("condition strengthened", 0.5, f"{base} and {operand(text, 3)}")
        yield site.idea("condition weakened", 0.5, f"not {base} or {operand(text, 2)}")
    for test in bounds(site) if not constant else ():
        yield site.idea("condition strengthened", 0.4, f"{test} and {operand(text, 3)}")
    # ``if True:`` says nothing of what was meant: only there is it worth trying what the rest of the file asks.
    for other, weight in {**(elsewhere(site) if constant else {}), **ingredients(site)}.items():
        if other in (text, negated(text)):
            continue
        if constant:
            yield site.idea("condition replaced", min(1.0, 1.6 * weight), other)
            continue
        # A test for None guards what follows, so it stands in front; anything else is asked last.
        yield site.idea(
            "condition weakened",
            weight,
            f"{operand(other, 2)} or {operand(text, 2)}"
            if "None" in other
            else f"{operand(text, 1)} or {operand(other, 2)}",
        )
        yield site.idea(
            "condition strengthened",
            weight,
            f"{operand(other, 3)} and {operand(text, 3)}"
            if "None" in other
            else f"{operand(text, 2)} and {operand(other, 3)}",
        )
        yield site.idea("condition replaced", 0.7 * weight, other)


def ingredients(site: Site) -> dict[str, float]:  # noqa: C901 - a table of edits, read from top to bottom
    """Conditions that could be meant here, each with a weight."""
    tests: dict[str, float] = {}
    scope = site.scope
    for base in _bases(site):
        tests[f"{base} is not None"] = 0.6
        tests[f"{base} is None"] = 0.6
    inside: list[str] = [n.id for n in ast.walk(site.node) if isinstance(n, ast.Name) and n.id not in scope.callables]
    ordered = list(dict.fromkeys([*inside, *scope.names]))
    for place, name in enumerate([n for n in ordered if n not in ("self", "cls")][:9]):
        fade = 1 / (1 + 0.1 * place)
        tests.setdefault(name, 0.42 * fade)
        tests.setdefault(f"not {name}", 0.45 * fade)
        tests.setdefault(f"{name} is None", 0.3 * fade)
        tests.setdefault(f"{name} is not None", 0.3 * fade)
        if name in scope.ints:
            for form, weight in (
                ("== 0", 0.4),
                ("> 0", 0.35),
                ("< 0", 0.25),
                ("!= 0", 0.25),
                ("== 1", 0.2),
                (">= 0", 0.25),
                ("<= 0", 0.25),
            ):
                tests.setdefault(f"{name} {form}", weight * fade)
    for place, text in enumerate(scope.conditions[:14]):
        fade = 1 / (1 + 0.1 * place)
        tests.setdefault(text, 0.36 * fade)
        tests.setdefault(negated(text), 0.33 * fade)
    for text in [text for text in scope.expressions if _ATTRIBUTE.match(text)][:5]:
        tests.setdefault(f"{text} is not None", 0.3)
        tests.setdefault(f"{text} is None", 0.25)
    numbers = [n for n in ordered if n in scope.ints][:5]
    for one in numbers:
        for other in numbers:
            if one != other:
                for sign in ("<", "<=", "==", "!="):
                    tests.setdefault(f"{one} {sign} {other}", 0.22)
    for text in scope.own_attributes[:5]:
        tests.setdefault(text, 0.25)
        tests.setdefault(f"not {text}", 0.25)
        tests.setdefault(f"{text} is None", 0.2)
    return tests


def elsewhere(site: Site) -> dict[str, float]:
    """Conditions of other functions of the file that make sense here, and others of names in scope."""
    scope = site.scope
    texts = scope.borrowed(scope.facts.donors.tested)
    tests = {text: 0.3 / (1 + 0.05 * place) for place, text in enumerate(texts[:30])}
    names = [name for name in scope.locals if name not in ("self", "cls")][:6]
    for place, name in enumerate(names):
        tests.setdefault(f"callable({name})", 0.15 / (1 + 0.1 * place))
        for other in names:
            if other != name:
                tests.setdefault(f"{name} > {other}", 0.15 / (1 + 0.1 * place))
    for place, text in enumerate(scope.own_attributes[5:14]):
        tests.setdefault(text, 0.15 / (1 + 0.1 * place))
        tests.setdefault(f"not {text}", 0.15 / (1 + 0.1 * place))
    return tests


def _bases(site: Site) -> list[str]:
    """Objects whose attributes or items the condition reads: they may be None."""
    texts = [
        site.of(node.value)
        for node in ast.walk(site.node)
        if isinstance(node, (ast.Attribute, ast.Subscript)) and isinstance(node.value, (ast.Name, ast.Attribute))
    ]
    return [text for text in dict.fromkeys(texts) if text not in ("self", "cls")][:4]


def bounds(site: Site) -> list[str]:
    """That an index is one, for each item that the condition reads by a name."""
    tests: list[str] = []
    for node in ast.walk(site.node):
        if isinstance(node, ast.Subscript) and isinstance(node.slice, (ast.Name, ast.BinOp)):
            base, index = site.of(node.value), site.of(node.slice)
            tests += [f"{index} < len({base})", f"{index} in {base}", f"{index} >= 0"]
    return list(dict.fromkeys(tests))[:6]


def returned(site: Site) -> Ideas:
    """A condition in place of a returned constant or name."""
    for place, (text, weight) in enumerate(sorted(ingredients(site).items(), key=lambda item: -item[1])):
        if place >= 40 or " " not in text:  # noqa: PLR2004
            continue
        yield site.idea("condition returned", 0.9 * weight, text)
