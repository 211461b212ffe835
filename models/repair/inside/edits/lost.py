"""Insertion operators from the file itself: statements and values that its other functions have and this one lost.

Pure. What repairs a program mostly stands elsewhere in it (the plastic surgery hypothesis; Barr et al., 2014).
"""

from __future__ import annotations

import ast
from itertools import islice

from ..analysis.donors import builtin, called
from ..analysis.history import tailored
from ..analysis.scope import Scope
from ..analysis.site import Ideas, Site

_MOST = 24
_SHORT = 12
_ME = ("self", "cls")
_CASTS = ("str", "list")
_SIGNS = ("+", "-", "*", "==", "or", "and", "<", "in", "/", "%")
_CONSTRUCTORS = ("sorted", "list", "tuple", "dict", "set", "str", "len", "bool", "int", "sum", "max", "min", "iter")


def lost(scope: Scope) -> dict[str, float]:
    """Statements that may stand anywhere in the function, each with its weight."""
    if scope.function is None:
        return {}
    statements: dict[str, float] = {}
    # The sources that say most about what was meant come first: of the same text theirs is the weight that counts.
    for texts, weight in (
        (remembered(scope, guards=False), 0.38),
        (scope.borrowed(scope.facts.donors.statements), 0.36),
        (initialisations(scope), 0.36),
        (calls(scope), 0.34),
        (shared_assignments(scope), 0.3),
        (conversions(scope), 0.27),
        (collected(scope), 0.26),
    ):
        fresh = (text for text in dict.fromkeys(texts) if text not in scope.statements and text not in statements)
        statements.update({text: weight / (1 + 0.05 * place) for place, text in enumerate(islice(fresh, _MOST))})
    return statements


def calls(scope: Scope) -> list[str]:
    """Own methods and functions of the file, with what is named like their parameters."""
    attributes, own = frozenset(scope.own_attributes), scope.owner
    near = [one for one in scope.facts.donors.functions if one.owner in ("", own) and one.name != scope.title]
    # Methods of the own class first; a function without parameters fits everywhere, so it says little.
    near.sort(key=lambda one: (one.owner != own, one.required == 0 and not one.owner))
    return [text for one in near for text in called(one, scope.names, attributes, scope.self_name or "")]


def remembered(scope: Scope, *, guards: bool) -> list[str]:
    """What the repository's people added or took away elsewhere, with the names of this function."""
    here = [name for name in (*scope.params, *scope.locals) if name not in _ME]
    templates = (template for template in scope.hints.history if template.guard is guards)
    texts = (text for template in templates for text in tailored(template, scope.known, list(dict.fromkeys(here))))
    return list(islice(dict.fromkeys(texts), 3 * _MOST))


def initialisations(scope: Scope) -> list[str]:
    """``self.x = x`` and ``self._x = x``, for what the class reads and nobody sets first."""
    me = scope.self_name
    if not me:
        return []
    attributes = scope.own_attributes
    pairs = [(f"{me}.{lead}{name}", name) for name in scope.params if name not in _ME for lead in ("", "_")]
    statements = [(target, f"{target} = {name}") for target, name in pairs if target in attributes]
    statements.sort(key=lambda pair: pair[0] in scope.facts.donors.assigned)
    return [text for _, text in statements]


def shared_assignments(scope: Scope) -> list[str]:
    """``self.last = now()``: attributes and items that other functions of the file set, with what they set them to."""
    base = (f"{scope.self_name}.",) if scope.self_name else ()
    statements: list[str] = []
    for target, phrases in scope.facts.donors.assigned.items():
        if target.startswith(base) if base and "." in target else target in scope.names:
            texts = scope.borrowed(phrases)
            statements += [f"{target} = {text}" for text in texts[:4]]
    return statements


def conversions(scope: Scope) -> list[str]:
    """A flag set, a parameter normalised (``x = str(x)``, ``x = now()``), a count raised by a length."""
    stored = [n.id for n in scope.nodes() if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
    names = [name for name in dict.fromkeys([*stored, *scope.params]) if name not in _ME][:6]
    statements = [f"{name} += len({other})" for name in names if name in scope.ints for other in scope.locals[:4]]
    statements += [f"{name} = {value}" for name in names[:4] for value in ("True", "False", "None", "0")]
    statements += [f"{name} = {cast}({name})" for name in names[:4] for cast in _CASTS]
    bare = [one.name for one in scope.facts.donors.functions if not one.owner and not one.required]
    return statements + [f"{name} = {one}()" for name in scope.params[:4] for one in bare[:3] if name not in _ME]


def collected(scope: Scope) -> list[str]:
    """``out.extend(part)``, ``out.append('')``, ``out.append(f(x))``: what goes into a result."""
    holders = [name for name in scope.growing if "\n" not in name][:4]
    strings = [scope.code.of(n) for n in scope.nodes() if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    short = [text for text in dict.fromkeys(strings) if "\n" not in text and len(text) < _SHORT]
    parts = [text for text in scope.expressions if "(" in text or "." in text or "[" in text]
    statements = [f"{holder}.append({text})" for holder in holders for text in (*short[:6], *parts[:8])]
    extended = [f"{holder}.extend({name})" for holder in holders for name in scope.locals[:8] if name != holder]
    return statements + extended


def values(site: Site) -> Ideas:
    """Something to return in place of nothing: as functions of a like name do, a call, an attribute."""
    scope, donors = site.scope, site.scope.facts.donors
    span = (site.start, site.end)
    texts = scope.borrowed(donors.returned)
    for place, text in enumerate(texts[:30]):
        yield site.raw("value returned", 0.45 / (1 + 0.06 * place), span, f"return {text}")
    for place, text in enumerate([*calls(scope)[:20], *scope.own_attributes[:14]]):
        yield site.raw("value returned", 0.4 / (1 + 0.06 * place), span, f"return {text}")
    for place, name in enumerate([name for name in scope.names if name not in _ME][:5]):
        for rank, text in enumerate(around(scope, name)):
            yield site.raw("value returned", 0.36 / (1 + 0.1 * place + 0.06 * rank), span, f"return {text}")
        for rank, head in enumerate(_CONSTRUCTORS):
            yield site.raw("value returned", 0.34 / (1 + 0.1 * place + 0.04 * rank), span, f"return {head}({name})")
    # The last names of a function mostly are what it is about.
    for place, text in enumerate(combined([name for name in scope.names if name not in _ME][-4:])):
        yield site.raw("value returned", 0.33 / (1 + 0.04 * place), span, f"return {text}")
    yield site.raw("value returned", 0.3, span, "return NotImplemented")


def combined(names: list[str]) -> list[str]:
    """Two values made one by an operator, the more usual operators and the later names first."""
    pairs = [(one, sign, other) for sign in _SIGNS for one in reversed(names) for other in names if one != other]
    return [f"{one} {sign} {other}" for one, sign, other in pairs]


def around(scope: Scope, name: str) -> list[str]:
    """A value, as the file treats one: its methods that take nothing, the functions that take one."""
    donors = scope.facts.donors
    bare = [f"{name}.{method}()" for method, _ in donors.bare.most_common(8)]
    heads = [
        head for head, _ in donors.wrappers.most_common(16) if head.partition(".")[0] in scope.known or builtin(head)
    ]
    return [*bare, *(f"{head}({name})" for head in heads[:10])]
