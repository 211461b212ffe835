"""Ways out that may be missing: at the start of a function, behind an assignment; names of outside."""

from __future__ import annotations

import ast

from ..analysis.scope import Scope
from ..analysis.site import negated

_VALUES = ("None", "[]", "0", "False", "True", "1", "''", "[[]]", "{}")


def guards(scope: Scope) -> dict[str, float]:
    """Base cases at the start of a function."""
    found: dict[str, float] = {}
    params = [name for name in scope.params if name not in ("self", "cls")][:5]
    tests: dict[str, float] = {}
    for place, name in enumerate(params):
        fade = 1 / (1 + 0.15 * place)
        tests[f"not {name}"] = 0.4 * fade
        tests[f"{name} is None"] = 0.35 * fade
        if name not in scope.sequences:
            tests[f"{name} == 0"] = 0.3 * fade
            tests[f"{name} <= 1"] = 0.25 * fade
            tests[f"{name} < 0"] = 0.25 * fade
            tests[f"{name} <= 0"] = 0.2 * fade
        if name not in scope.ints:
            tests[f"len({name}) <= 1"] = 0.25 * fade
    for place, one in enumerate(params[:-1]):
        tests[f"{one} == {params[place + 1]}"] = 0.2
    for test, weight in tests.items():
        for place, value in enumerate([*params[:3], *_VALUES]):
            found[f"if {test}:\n    return {value}\n"] = weight * (0.9 - 0.05 * place)
        for error in scope.hints.raises[:2]:
            found[f"if {test}:\n    raise {error}\n"] = 0.4 * weight + 0.2
    for error in scope.hints.raises[:1]:
        for text in scope.conditions[:4]:
            found[f"if {negated(text)}:\n    raise {error}\n"] = 0.2
    return found


def checked(scope: Scope, before: ast.stmt, looping: bool) -> dict[str, float]:
    """A way out right behind an assignment that may have come to nothing."""
    target = before.targets[0] if isinstance(before, ast.Assign) else None
    if not isinstance(target, ast.Name) or scope.function is None:
        return {}
    found: dict[str, float] = {}
    for test, weight in ((f"not {target.id}", 0.4), (f"{target.id} is None", 0.4)):
        for place, value in enumerate([*_VALUES, *scope.params[:2]]):
            found[f"if {test}:\n    return {value}\n"] = weight * (0.9 - 0.06 * place)
        for jump in ("continue", "break") if looping else ():
            found[f"if {test}:\n    {jump}\n"] = 0.35
        for error in scope.hints.raises[:2]:
            found[f"if {test}:\n    raise {error}\n"] = 0.3
    return found


def outside(scope: Scope) -> dict[str, float]:
    """``nonlocal`` and ``global`` for names that are assigned here and stand outside."""
    stored = [n.id for n in scope.nodes() if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
    mine = [name for name in dict.fromkeys(stored) if name not in scope.params]
    outer = {f"nonlocal {name}\n": 0.6 for name in mine if name in scope.outer}
    return {**outer, **{f"global {name}\n": 0.5 for name in mine if name in scope.facts.globals}}
